"""Hourglass from Python: train, resume and load in a line each."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..analysis.against_pca import in_words
from ..analysis.analyse import compared_with_pca, settle
from ..analysis.report import finish, write_report
from ..core.console import is_first, say
from ..core.distributed import part_ways
from ..data.over_time import as_kind
from ..inference.imputation import filled_in
from ..inference.trained import Trained
from ..run.aliases import own_words
from ..run.folder import open_run
from ..run.settings import IN_MEMORY, chosen_recipe, make_settings
from ..training.callbacks import Callback, as_callbacks, watched
from ..training.progress import show
from ..training.setup import Training
from ..training.setup import prepare as prepare_run
from ..training.setup import resume as resume_run
from ..training.train import run


def train(
    data: Any = None, *, y: Any = None, kind: str = "", out: str | Path | None = None,
    recipe: str | None = None, quiet: bool = False, report: bool = True,
    callbacks: Callback | Iterable[Callback] = (), **settings: Any,
) -> Trained:
    """Train on a source's name, a path, or samples in memory, with labels y, and report (without
    `report`, faster by what that takes).

    In memory are arrays, tensors, sparse matrices and data frames of any library, torch's Dataset
    and DataLoader, data sets of Hugging Face, and lists of arrays or PIL images. Labels y (N,) are
    numbers or texts; None or NaN is a label that is not known, for models that guess classes.

    With kind="series" a file, a data frame (times are a column or its index) or an array (T, C) is
    cut into windows over time, by window=24, id="unit" and the like (`hourglass.data.series`), and
    an array (N, T, C) holds N windows.

    `settings` are those of the command line, such as model="vae(16)" or epochs=10. `callbacks` are
    functions of an epoch's number and its figures, called after each epoch; training stops where
    one returns True. Raises ValueError for what cannot work and FloatingPointError for a loss that
    is not finite.
    """
    called = as_callbacks(callbacks)
    given = own_words(settings, (lambda text: None) if quiet else say)
    values = {**(chosen_recipe(recipe) if recipe else {}), **given}
    data = as_kind(data, kind, y, values)
    in_memory = data is not None and not isinstance(data, str | Path)
    if data is not None and not in_memory:
        values["data"] = str(data)
    training = prepare_run(make_settings(values), data if in_memory else None, y, out)
    return _go(training, quiet, report, called)


def resume(run: str | Path, *, data: Any = None, y: Any = None, kind: str = "", quiet: bool = False,
           report: bool = True, callbacks: Callback | Iterable[Callback] = (),
           **changes: Any) -> Trained:
    """Go on with a run exactly where it stopped, or for more epochs; data in memory that it was
    trained on must be given again, with its kind. `callbacks` as in `train`."""
    called = as_callbacks(callbacks)
    data = as_kind(data, kind, y, changes)
    training = resume_run(open_run(run), changes, data, y)
    return _go(training, quiet, report, called)


def report(run: str | Path) -> Path:
    """Draw a run's report again; returns its path."""
    return write_report(open_run(run))


def _go(training: Training, quiet: bool, report: bool, callbacks: list[Callback]) -> Trained:
    progress: Iterable[Any] = watched(run(training), training, callbacks)
    if quiet:
        for _ in progress:
            pass
    else:
        for note in training.notes:
            say(note)
        show(iter(progress), training.plan.epochs)
    if is_first():
        (finish if report else settle)(training)
        if not quiet:
            for text in (in_words(training.folder.read_record()) if report else
                         compared_with_pca(training)):
                say(text)
        for line in [] if quiet else filled_in(training.folder):
            say(line)
    part_ways()
    on_cpu = training.fabric.device.type == "cpu"   # as what is loaded is
    here = training.settings.data == IN_MEMORY and on_cpu
    return Trained(training.folder, source=training.source if here else None)
