"""A trained model from Python: hg.load("runs/1")."""

from collections.abc import Iterable
from pathlib import Path

from torch import nn

from ..core.device import choose_device
from ..core.own_parts import load_parts
from ..inference.trained import Trained
from ..inference.trained import load as load_run
from ..model.given_networks import give_again
from ..run.folder import open_run, read_settings
from .python_words import for_python


@for_python
def load(run: str | Path, device: str = "cpu", *, parts: str | Path | Iterable[str | Path] = (),
         encoder: nn.Module | None = None, decoder: nn.Module | None = None) -> Trained:
    """The trained model in a run's folder, on a device: cpu, cuda, cuda:1, mps or auto.

    `parts` are files or modules that register parts of your own which the run used, such as
    "parts.py". A run that was trained with networks of your own needs them again, as `encoder` and
    `decoder`: modules of the same classes and sizes, whose weights are then the run's. Raises
    ValueError for what is no whole run, and for parts that are missing.

        >>> import hourglass as hg
        >>> model = hg.train("digits", epochs=1, out="run", report=False, quiet=True)
        >>> bool((hg.load("run").encode("digits") == model.encode("digits")).all())
        True
    """
    load_parts(parts)
    if encoder is not None or decoder is not None:
        kept = read_settings(open_run(run).settings)
        give_again(str(kept.get("backbone", "")), encoder, decoder)
    return load_run(run, str(choose_device(device)))
