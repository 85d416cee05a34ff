"""The trained model that a command's RUN and --device name."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..inference.trained import Trained


def load_run(run: Path, device: str = "cpu") -> "Trained":
    """Load the run in this folder. The imports take seconds, so they wait until a command needs
    them."""
    from ..core.device import choose_device
    from ..inference.trained import load
    return load(run, str(choose_device(device)))
