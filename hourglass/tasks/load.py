"""A trained model from Python: hg.load("runs/1")."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ..core.console import say
from ..core.device import choose_device
from ..core.plugins import load_parts
from ..data.validation_data import is_own_validation, with_validation
from ..inference.trained import Trained
from ..inference.trained import load as load_run
from ..model.given_networks import give_again
from ..run.folder import RunFolder, is_run, open_run, read_settings
from ..run.load_data import check_same, load_source
from ..run.plugins_used import missing_parts
from ..run.settings import make_settings
from .hub import FILE, HUB, pull
from .model import Model
from .python_words import for_python
from .single_file import SUFFIX, open_file


@for_python
def load(run: str | Path, device: str = "cpu", *, parts: str | Path | Iterable[str | Path] = (),
         encoder: nn.Module | None = None, decoder: nn.Module | None = None, data: Any = None,
         y: Any = None, val: Any = None) -> Model:
    """A trained model on a device: cpu, cuda, cuda:1, mps or auto. `run` is a run's folder, a file
    that model.save wrote, a folder that model.push wrote, or hub:owner/name.

    `parts` are files or modules that register parts of your own which the run used, such as
    "parts.py". A run that was trained with networks of your own needs them again, as `encoder` and
    `decoder`: modules of the same classes and sizes, whose weights are then the run's. A model of
    data in memory gets that data again as `data`, with its y and val, where it is needed: for
    splits, metrics, figures, the report, vary and unseen samples by number. Raises ValueError for
    an incomplete run, for parts that are missing, and for data other than the training data.

        >>> import hourglass as hg
        >>> model = hg.train("digits", epochs=1, out="run", report=False, quiet=True)
        >>> bool((hg.load("run").encode("digits") == model.encode("digits")).all())
        True
    """
    load_parts(parts)
    folder = _folder_of(run)
    kept = read_settings(folder.settings)
    if encoder is not None or decoder is not None:
        give_again(str(kept.get("backbone", "")), encoder, decoder)
    trained = load_run(folder.path, str(choose_device(device)))
    if missing := missing_parts(folder.read_record()):
        say(f"{missing}. Without them, elbo and the report fail, and training cannot continue")
    return Model(trained if data is None else _with_data(trained, kept, data, y, val))


def _with_data(
    trained: Trained, kept: Mapping[str, Any], data: Any, y: Any, val: Any
) -> Trained:
    """The model with its training data in memory. Raises ValueError for other data."""
    own = val if is_own_validation(val) else None
    settings = make_settings({**kept, **({} if own is None else {"val": 0.0})})
    if own is not None:
        data, y = with_validation(data, y, own, settings.reading()), None
    source = load_source(settings, data, y).with_classes(trained.classes)
    check_same(source, trained.folder.read_record()["data"], "", trained.folder)
    return Trained(trained.folder, str(trained.device), trained.inputs.as_trained(source))


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
