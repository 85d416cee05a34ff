"""What a model of lines of text is used for, and what it refuses."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.console import say
from ..core.contracts import Collection
from ..data.collect import collect_like
from ..data.vocabulary import OF_MOLECULES, vocabulary_of
from ..run.description import Description
from .model_protocol import InUse

USES = "reconstruct, embed, score, evaluate, generate, morph, vary and explore"
CANNOT = frozenset({"restoring", "imputing", "measuring errors", "classifying", "compressing",
                    "decompressing", "disentangling", "measuring by features",
                    "finetuning", "finding duplicates", "exporting",
                    "decoding a grid", "recommending", "augmenting"})


def is_of_lines(description: Description) -> bool:
    """Whether a model was trained on lines of text."""
    return description.kind == "lines"


def is_of_molecules(description: Description) -> bool:
    """Whether a model was trained on molecules, which are lines of SELFIES or SMILES."""
    return description.encoding.get("level") in OF_MOLECULES


def check_molecules(description: Description) -> None:
    """Raises ValueError for a model that was not trained on molecules."""
    if not is_of_molecules(description):
        raise ValueError("properties, conditions of them and pictures of molecules are for models "
                         "of molecules, trained on molecules('file.csv')")


def check_lines(description: Description, doing: str) -> None:
    """Raises ValueError for a model of lines of text, if `doing` is not for such a model."""
    if is_of_molecules(description) and doing in CANNOT:
        raise ValueError(f"this model was trained on molecules, and {doing} is for models of "
                         f"images or numbers. Molecules have {USES}")
    if is_of_lines(description) and doing in CANNOT:
        raise ValueError(f"this model was trained on lines of text, and {doing} is for models of "
                         f"images or numbers. Lines of text have {USES}")


def texts_of(description: Description, x: np.ndarray) -> list[str]:
    """The texts of token indices (N, T)."""
    return vocabulary_of(description.encoding).texts(x)


def pick_lines(model: InUse, items: Sequence[Any]) -> Collection:
    """Lines that a user gives: each a text, or the number of a sample of the unseen split. Says
    what of them is cut or unknown. Raises ValueError."""
    texts: list[str] = []
    labels: list[int | None] = []
    source = None
    for item in items:
        if not str(item).isdecimal():
            texts.append(str(item))
            labels.append(None)
            continue
        source = source or model.source()
        split, row = source.splits[source.unseen], int(item)
        if row >= len(split):
            raise ValueError(f"there is no {source.unseen} sample {row}; they are numbered from 0 "
                             f"to {len(split) - 1}")
        index = int(split.index[row])
        texts.append(source.names[index])
        labels.append(None if split.y is None else int(split.y[index]))
    collection = collect_like(texts, model.description.encoding)
    for note in collection.notes:
        say(note)
    known = [label for label in labels if label is not None]
    return Collection(collection.x, np.array(known) if len(known) == len(texts) else None,
                      model.description.classes, tuple(texts), encoding=collection.encoding)
