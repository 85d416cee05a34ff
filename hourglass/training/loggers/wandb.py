"""Weights & Biases: settings as the configuration, figures and reconstructions by epoch."""

from pathlib import Path
from typing import Any

PROJECT = "hourglass"   # unless WANDB_PROJECT says another


class Wandb:
    """A run of Weights & Biases; WANDB_MODE=offline keeps it on this machine."""

    def __init__(self, folder: Path, name: str, settings: dict[str, Any]):
        import os

        import wandb
        self.wandb = wandb
        self.run = wandb.init(project=os.environ.get("WANDB_PROJECT", PROJECT), name=name,
                              config=settings, dir=str(folder))

    def log(self, epoch: int, row: dict[str, float], picture: Path | None) -> None:
        images = {} if picture is None else {"reconstructions": self.wandb.Image(str(picture))}
        self.run.log({**row, **images}, step=epoch)

    def close(self) -> None:
        self.run.finish()


def start(folder: Path, name: str, settings: dict[str, Any]) -> Wandb:
    """A logger for the run in that folder."""
    return Wandb(folder, name, settings)
