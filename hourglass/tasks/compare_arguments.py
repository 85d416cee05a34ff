"""Read the arguments of hourglass compare: existing runs, or models to train."""

from collections.abc import Sequence
from pathlib import Path

from ..core.expressions import read
from ..core.registry import models
from ..run.folder import is_run, open_run

ALL = "all"


def runs_of(arguments: Sequence[str]) -> list[Path]:
    """The runs, if the arguments are runs; [] if they are models. Raises ValueError for anything
    else, and for a mixture."""
    if not arguments:
        raise ValueError("name two runs or more, as in hourglass compare runs/1 runs/2, or models, "
                         "as in hourglass compare 'ae(16)' 'vae(16)' --data mnist")
    runs = [text for text in arguments if is_run(Path(text))]
    others = [text for text in arguments if text not in runs]
    for text in others:
        if text != ALL and not _is_model(text):
            if runs or Path(text).exists() or "/" in text:
                open_run(text)   # raises
            models.make(text)    # raises
    if runs and others:
        raise ValueError(f"{runs[0]} is a run, but {others[0]} is a model to train: train the "
                         f"model first, as in hourglass train --model '{others[0]}' --out "
                         f"runs/new, and compare the runs")
    return [Path(text) for text in runs]


def texts_of(arguments: Sequence[str], dim: int) -> list[str]:
    """The models' texts in a uniform form; "all" means all registered models."""
    if ALL not in arguments:
        return [str(read(text)) for text in arguments]
    if len(arguments) > 1:
        raise ValueError("--models all includes every model; leave out the others")
    return every_model(dim)


def every_model(dim: int) -> list[str]:
    """The texts of all registered models, with `dim` latent dimensions where possible."""
    texts = []
    for name in models.parts:
        example, first = read(models.examples[name]), next(iter(models.options(name)), "")
        texts.append(f"{name}({dim})" if first == "dim" and not example.args else str(example))
    return texts


def _is_model(text: str) -> bool:
    try:
        return read(text).name in models.parts
    except ValueError:
        return False
