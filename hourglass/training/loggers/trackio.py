"""Trackio: settings as the configuration, figures and reconstructions by epoch."""

from pathlib import Path
from typing import Any

PROJECT = "hourglass"


class Trackio:
    """A run of Trackio, which keeps it on this machine."""

    def __init__(self, name: str, settings: dict[str, Any]):
        import trackio
        self.trackio = trackio
        trackio.init(project=PROJECT, name=name.replace("/", "-"), config=settings)

    def log(self, epoch: int, row: dict[str, float], picture: Path | None) -> None:
        images = {} if picture is None else {"reconstructions": self.trackio.Image(str(picture))}
        self.trackio.log({**row, **images}, step=epoch)

    def close(self) -> None:
        self.trackio.finish()


def start(folder: Path, name: str, settings: dict[str, Any]) -> Trackio:
    """A logger for the run in that folder."""
    return Trackio(name, settings)
