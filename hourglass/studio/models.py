"""Trained models that the pages use: each is the application of `hourglass serve`, loaded when it
is first needed."""

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.hints import did_you_mean
from ..serving.errors import problem
from ..serving.middleware import App, Message, Receive, Send
from .catalogue import Catalogue
from .imports import import_all

KEPT = 2        # models in memory
ROWS = 4096     # of a table in a request, and a 16th of the steps of a series
AHEAD = 1000    # steps of a series that are forecast, at most
PATH = re.compile(r"/(?P<key>[0-9a-f]{16})(?P<rest>/v1/\w+)")


@dataclass
class Models:
    """ASGI application: /KEY/v1/OPERATION is that operation of the run's model."""

    catalogue: Catalogue
    kept: OrderedDict[str, tuple[int, Any]] = field(default_factory=OrderedDict)
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        inner = scope["path"].removeprefix(scope.get("root_path", ""))
        match = PATH.fullmatch(inner)
        if match is None:
            await problem(404, "a model's operation is /api/model/KEY/v1/OPERATION")(
                scope, receive, send)
            return
        try:
            app = await self.app_of(match["key"])
        except (ValueError, OSError) as error:
            await problem(422, str(error))(scope, receive, send)
            return
        await app({**scope, "path": match["rest"], "raw_path": match["rest"].encode(),
                   "root_path": ""}, receive, send)

    async def app_of(self, key: str) -> App:
        """The application of a run's model, with the weights that are there now. Raises
        ValueError."""
        async with self.loading:
            path = self.catalogue.run(key)
            weights = path / "model.safetensors"
            if not weights.is_file():
                raise ValueError("this run has no weights yet; wait for its first checkpoint")
            changed = weights.stat().st_mtime_ns
            known = self.kept.pop(key, None)
            if known is None or known[0] != changed:
                _close(known)
                known = changed, await asyncio.to_thread(_made, path)
            self.kept[key] = known
            while len(self.kept) > KEPT:
                _close(self.kept.popitem(last=False)[1])
            app: App = known[1]
            return app

    def close(self) -> None:
        """Let go of all models."""
        for entry in self.kept.values():
            _close(entry)
        self.kept.clear()


def _made(path: Path) -> Any:
    import_all()
    from ..inference.trained import load  # which brings torch
    from ..serving.app import make_app
    from ..serving.forecasts import fitted_when_asked
    from ..serving.limits import Limits
    from ..serving.series_requests import is_over_time
    model = load(path)
    ahead, fitted = (AHEAD, fitted_when_asked(model)) if is_over_time(model) else (0, None)
    return make_app(model, Limits(body=2**25, samples=ROWS, seconds=120), ahead=ahead,
                    shows_training=True, fitted=fitted)


def _close(entry: tuple[int, Any] | None) -> None:
    if entry is not None:
        entry[1].state.desk.batcher.close()


def check_order(order: str, known: tuple[str, ...]) -> None:
    """Raise ValueError for an unknown order."""
    if order not in known:
        raise ValueError(f"there is no order {order!r}; {did_you_mean(order, known)}")
