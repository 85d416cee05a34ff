"""The trained model that a command's RUN and --device name."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..inference.trained import Trained


def load_run(run: Path, device: str = "cpu", doing: str = "") -> "Trained":
    """Load the run in this folder. The imports take seconds, so they wait until a command needs
    them. `doing` is what models of samples alone do: those of ratings are refused. Raises
    ValueError."""
    from ..core.device import choose_device
    from ..inference.recommending import check_samples
    from ..inference.trained import load
    model = load(run, str(choose_device(device)))
    if doing:
        check_samples(model.description, doing)
    return model
