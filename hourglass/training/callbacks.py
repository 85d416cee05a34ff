"""Callbacks: the user's functions that look at each epoch and may stop training; and loggers
by name."""

from collections.abc import Generator, Iterable
from typing import Any

from ..core.contracts import Progress
from ..run.keywords import Callback, Callbacks
from .loggers import LOGGERS, check_logger
from .setup import Training
from .train import anyone


def as_callbacks(callbacks: Callbacks | None) -> tuple[list[Callback], list[str]]:
    """Split one or several callbacks into functions and names of loggers. Raises ValueError for
    anything else, and for a logger whose package is not installed."""
    if callbacks is None:   # as in other tools
        return [], []
    single = isinstance(callbacks, str) or callable(callbacks) or not isinstance(
        callbacks, Iterable)
    items: list[Any] = [callbacks] if single else list(callbacks)  # type: ignore[arg-type]
    for callback in items:
        if isinstance(callback, str) and callback in LOGGERS:
            check_logger(callback)
        elif not callable(callback):
            what = repr(callback) if isinstance(callback, str) else type(callback).__name__
            raise ValueError(
                f"a callback is a function of the epoch's number and its values, such as "
                f"lambda epoch, row: row['val_loss'] < 0.1, and stops training if it returns "
                f"True; or the name of a logger ({', '.join(LOGGERS)}); {what} is neither. For "
                "early stopping write stop='early(patience=10)'. The best weights are always "
                f"kept; for a learning-rate schedule write schedule='one_cycle'")
    return ([callback for callback in items if not isinstance(callback, str)],
            list(dict.fromkeys(callback for callback in items if isinstance(callback, str))))


def watched(
    progress: Generator[Progress], training: Training, functions: list[Callback]
) -> Generator[Progress]:
    """Yield a training's progress, and call each function after every epoch. Training ends if one
    returns True, in any process. Values that one adds to the row are saved in the history."""
    try:
        for seen in progress:
            yield seen
            if not seen.row:
                continue
            row = dict(seen.row)
            stop = [bool(callback(seen.epoch, row)) for callback in functions]
            _keep_figures(seen.row, row)
            if anyone(any(stop), training.fabric):
                training.ended = "a callback stopped it"
                return
    finally:
        progress.close()


def _keep_figures(row: dict[str, float], looked_at: dict[str, Any]) -> None:
    """Copy values that callbacks added to their row into the history's row."""
    for name, value in looked_at.items():
        if name in row:
            continue
        try:
            row[name] = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"a callback set {name!r} in the row to something that is not a "
                             f"number: {value!r}") from None
