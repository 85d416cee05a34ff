"""TensorBoard's events, in the run's folder."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


class TensorBoard:
    """Scalars, and reconstructions as pictures."""

    def __init__(self, folder: Path):
        from tensorboardX import SummaryWriter
        self.writer = SummaryWriter(str(folder / "tensorboard"))

    def log(self, epoch: int, row: dict[str, float], picture: Path | None) -> None:
        for name, value in row.items():
            self.writer.add_scalar(name, value, epoch)
        if picture is not None:
            pixels = np.asarray(Image.open(picture).convert("RGB"))
            self.writer.add_image("reconstructions", pixels, epoch, dataformats="HWC")
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


def start(folder: Path, name: str, settings: dict[str, Any]) -> TensorBoard:
    """A logger for the run in that folder."""
    return TensorBoard(folder)
