"""Trackio: settings as the configuration, figures and reconstructions by epoch."""

import io
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from ...core.console import is_silent

PROJECT = "hourglass"


class Trackio:
    """A run of Trackio, which keeps it on this machine."""

    def __init__(self, name: str, settings: dict[str, Any]):
        import trackio
        self.trackio = trackio
        with _voice():
            trackio.init(project=PROJECT, name=name.replace("/", "-"), config=settings)

    def log(self, epoch: int, row: dict[str, float], picture: Path | None) -> None:
        images = {} if picture is None else {"reconstructions": self.trackio.Image(str(picture))}
        self.trackio.log({**row, **images}, step=epoch)

    def close(self) -> None:
        with _voice():
            self.trackio.finish()


def _voice() -> AbstractContextManager[Any]:
    """Keep Trackio from printing where it keeps a run, and that it ends, if all else is silent."""
    return redirect_stdout(io.StringIO()) if is_silent() else nullcontext()


def start(folder: Path, name: str, settings: dict[str, Any]) -> Trackio:
    """A logger for the run in that folder."""
    return Trackio(name, settings)
