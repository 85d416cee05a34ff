"""The Python functions train, resume and report."""

import gc
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Unpack

from ..analysis.report import write_report
from ..core.console import say
from ..core.contracts import Progress
from ..core.malloc import give_memory_back
from ..core.plugins import load_parts
from ..core.random_numbers import Stream
from ..data.data_by_kind import as_kind, kind_of, options_of
from ..data.validation_data import is_own_validation, with_validation
from ..inference.trained import Trained
from ..model.given_networks import give, give_again
from ..run.aliases import own_words
from ..run.folder import open_run, read_settings
from ..run.keywords import ResumeKeywords, TrainKeywords
from ..run.settings import IN_MEMORY, Settings, chosen_recipe, make_settings
from ..training.callbacks import as_callbacks, watched
from ..training.setup import RESUMABLE, Training
from ..training.setup import prepare as prepare_run
from ..training.setup import resume as resume_run
from ..training.train import run
from ..training.train_options import How, split_keywords
from .model import Model
from .python_words import for_python, voice
from .run_training import Looks, driven, follow
from .signatures import with_settings

OWN_KINDS = {"augment": "augmentation", **{name: name for name in (   # by setting
    "loss", "backbone", "bottleneck", "likelihood", "prior", "optimiser", "schedule", "stop",
    "corruption", "model")}}


@with_settings(tuple(Settings.model_fields), ("parts", "encoder", "decoder"))
@for_python
def train(data: Any = None, y: Any = None, *, kind: str = "", out: str | Path | None = None,
          recipe: str | None = None, **keywords: Unpack[TrainKeywords]) -> Model:
    """Train on a source's name, a path, or samples in memory, and return the model.

    In memory are arrays, tensors, sparse matrices and data frames of any library, torch's Dataset
    and DataLoader, data sets of Hugging Face, and lists of arrays or PIL images. Labels y (N,) are
    numbers or texts; None or NaN is a label that is not known, for models that guess classes.

    Rows of a table may name their column of classes, label="survived", and columns to `drop` or to
    take as `categories`. With kind="series" a file, a data frame (times are a column or its index)
    or an array (T, C) is cut into windows over time, by window=24, id="unit" and the like
    (`hourglass.data.sources.series`), and an array (N, T, C) holds N windows.

    `val` is a share or number of samples to validate on, or samples of your own: val=(xv, yv).
    Training also leaves out `test`, by default a tenth of the samples, which metrics are measured
    on. To train on all samples, pass test=0.
    Parts are texts, such as "vae(16)", or objects, such as hg.parts.vae(16). Other tools' words
    are understood too: learning_rate, latent_dim, validation_data and so on.

    Raises ValueError for what cannot work, FloatingPointError for a loss that is not finite, and
    KeyboardInterrupt where Ctrl-C ended training, once what was learnt is saved.

        >>> import hourglass as hg
        >>> model = hg.train("digits", model="vae(4)", epochs=1, report=False, quiet=True)
        >>> model.encode("digits").shape
        (1797, 4)
    """
    how, settings = split_keywords(keywords)
    with voice(how.quiet):
        functions, loggers = as_callbacks(how.callbacks)
        load_parts(how.parts)
        if "validation_data" in settings:
            settings["val"] = settings.pop("validation_data")
        own = settings.pop("val") if is_own_validation(settings.get("val")) else None
        kind = kind_of(data, kind, settings)
        of_kind = options_of(kind, settings)
        values = {**(chosen_recipe(recipe) if recipe else {}),
                  **own_words(_as_texts(settings), say), **of_kind}
        if how.encoder is not None or how.decoder is not None:
            values["backbone"] = give(how.encoder, how.decoder,
                                      str(values.get("backbone") or "auto"))
        data = as_kind(data, kind, y, values)
        if own is not None:
            values["val"] = 0.0
            named = make_settings({**values, **_named(data)})
            data, y = with_validation(named.data if _is_named(data) else data, y, own,
                                      named.reading()), None
        noise = Stream()
        with noise:
            training = prepare_run(make_settings({**values, **_named(data)}),
                                   None if _is_named(data) else data, y, out, how.overwrite,
                                   loggers)
        if not _is_named(data) and "test" not in values:
            training.further_notes += _left_out(training)
        return _go(training, how, functions, noise)


@with_settings(("val", *sorted(RESUMABLE)), ("parts", "encoder", "decoder"), kept=True)
@for_python
def resume(run: str | Path, *, data: Any = None, y: Any = None, kind: str = "",
           **keywords: Unpack[ResumeKeywords]) -> Model:
    """Train a run on, exactly from where it stopped or for more epochs, and return the model.

    Data in memory that it was trained on must be given again, with its kind and `val`. Networks
    and parts of your own are given again too. Raises ValueError for what cannot work.

        >>> import hourglass as hg
        >>> hg.train("digits", epochs=1, out="run", report=False, quiet=True).folder.path.name
        'run'
        >>> model = hg.resume("run", epochs=2, report=False, quiet=True)
        >>> model.folder.read_record()["epochs"]
        2
    """
    how, changes = split_keywords(keywords)
    with voice(how.quiet):
        functions, loggers = as_callbacks(how.callbacks)
        load_parts(how.parts)
        folder = open_run(run)
        kept = read_settings(folder.settings)
        if how.encoder is not None or how.decoder is not None:
            give_again(str(kept.get("backbone", "")), how.encoder, how.decoder)
        changes = _as_texts(changes)
        data = as_kind(data, kind, y, changes)
        own = changes.pop("val") if is_own_validation(changes.get("val")) else None
        if own is not None:
            data, y = with_validation(data, y, own, make_settings(kept).reading()), None
        noise = Stream()
        with noise:
            training = resume_run(folder, changes, data, y, loggers=loggers)
        return _go(training, how, functions, noise)


@for_python
def report(run: str | Path) -> Path:
    """Draw a run's report again; returns its path.

        >>> import hourglass as hg
        >>> model = hg.train("digits", epochs=1, out="run", report=False, quiet=True)
        >>> path = hg.report("run")   # doctest: +SKIP
    """
    return write_report(open_run(run))


def _as_texts(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which objects such as hg.parts.vae(16) are their texts."""
    from ..core.composing import Composition
    function = next((name for name, value in settings.items() if name in OWN_KINDS and callable(
        value) and not isinstance(value, Composition)), "")
    if function:
        kind, use = OWN_KINDS[function], "recon + mine" if function == "loss" else "mine"
        raise ValueError(f'{function} is a text or an object of hg.parts or hg.losses, not a '
                         f'function or class. Register your own first, with @hg.register("{kind}", '
                         f'"mine") above it, and pass {function}="{use}"')
    return {name: str(value) if isinstance(value, Composition) else value
            for name, value in settings.items()}


def _left_out(training: Training) -> list[str]:
    """A note on the samples that the default of `test` leaves out of training."""
    test = training.source.splits.get("test", ())
    return [f"training leaves out {len(test):,} of your samples, to test on; to train on them, "
            f"pass test=0"] if len(test) else []


def _is_named(data: Any) -> bool:
    return data is None or isinstance(data, str | Path)


def _named(data: Any) -> dict[str, str]:
    """The setting that names the data, if it has a name."""
    return {"data": str(data)} if data is not None and _is_named(data) else {}


def _go(training: Training, how: How, functions: list[Any], noise: Stream) -> Model:
    steps: Generator[Progress] = noise.within(run(training))
    progress = watched(steps, training, functions) if functions else steps
    looks: Looks = "report" if how.report is True else "codes" if how.quiet else "comparison"
    follow(driven(training, progress, looks, noise=noise), training.plan.epochs, how.shown)
    here = training.settings.data == IN_MEMORY   # and nowhere else
    model = Model(Trained(training.folder, str(training.fabric.device),
                          training.source if here else None))
    if not how.keep_memory:
        del training, progress, steps
        gc.collect()
        give_memory_back()
    return model
