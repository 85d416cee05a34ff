"""A trained model from Python: hg.load("runs/1")."""

from collections.abc import Iterable
from pathlib import Path

from torch import nn

from ..core.device import choose_device
from ..core.plugins import load_parts
from ..inference.trained import load as load_run
from ..model.given_networks import give_again
from ..run.folder import RunFolder, is_run, open_run, read_settings
from .hub import FILE, HUB, pull
from .model import Model
from .python_words import for_python
from .single_file import SUFFIX, open_file


@for_python
def load(run: str | Path, device: str = "cpu", *, parts: str | Path | Iterable[str | Path] = (),
         encoder: nn.Module | None = None, decoder: nn.Module | None = None) -> Model:
    """A trained model on a device: cpu, cuda, cuda:1, mps or auto. `run` is a run's folder, a file
    that model.save wrote, a folder that model.push wrote, or hub:owner/name.

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
    folder = _folder_of(run)
    if encoder is not None or decoder is not None:
        kept = read_settings(folder.settings)
        give_again(str(kept.get("backbone", "")), encoder, decoder)
    return Model(load_run(folder.path, str(choose_device(device))))


def _folder_of(run: str | Path) -> RunFolder:
    """The folder of a run, in whichever form it is given."""
    if str(run).startswith(HUB):
        return open_file(pull(str(run)))
    path = Path(run)
    if path.suffix == SUFFIX:
        return open_file(path)
    if not is_run(path) and (path / FILE).is_file():   # a folder that was pushed to
        return open_file(path / FILE)
    return open_run(path)
