"""What a person named to be compared: runs that exist, or models to be trained."""

from collections.abc import Sequence
from pathlib import Path

from ..core.expressions import read
from ..core.registry import models
from ..run.folder import is_run, open_run

ALL = "all"


def runs_of(given: Sequence[str]) -> list[Path]:
    """The runs, where runs were named; nothing, where models were. Raises ValueError for what is
    neither, and for both together."""
    if not given:
        raise ValueError("name two runs or more, as in hourglass compare runs/1 runs/2, or models, "
                         "as in hourglass compare 'ae(16)' 'vae(16)' --data mnist")
    runs = [text for text in given if is_run(Path(text))]
    others = [text for text in given if text not in runs]
    for text in others:
        if text != ALL and not _is_model(text):
            if runs or Path(text).exists() or "/" in text:
                open_run(text)   # which refuses it
            models.make(text)    # and so does this
    if runs and others:
        raise ValueError(f"{runs[0]} is a run here, and {others[0]} a model to be trained: train "
                         f"the model first, as in hourglass train --model '{others[0]}' --out "
                         f"runs/new, and compare runs with runs")
    return [Path(text) for text in runs]


def texts_of(given: Sequence[str], dim: int) -> list[str]:
    """The models' texts, all registered ones for "all", as they are written everywhere."""
    if ALL not in given:
        return [str(read(text)) for text in given]
    if len(given) > 1:
        raise ValueError("--models all takes every model there is; name no others beside it")
    return every_model(dim)


def every_model(dim: int) -> list[str]:
    """The texts of all registered models, with so many numbers in a code where they have a say."""
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
