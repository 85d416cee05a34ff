"""Convert labels, numbers or texts, some of them missing, to class indices."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.contracts import Collection

UNKNOWN = -1        # label of a sample without a class
ABSENT = ("", "nan", "none", "null", "na", "n/a", "?", "<na>")   # texts for a missing label
MOST_NUMBERS = 50   # most different values, if not integers, that count as classes


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key for natural order: 2 before 10, whatever surrounds the numbers."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part)
            for part in re.split(r"(\d+)", name) if part]


def numbered(y: Any, total: int) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Convert labels of `total` samples to class indices (N,) and names of classes, in order.

    y: (N,), (N, 1), or one-hot (N, K), as a list, an array, a tensor or a column of any library. A
    label that is None, NaN, NA or masked is missing: its index is -1. Raises ValueError for labels
    that do not fit the samples, or that are not classes.
    """
    if y is None:
        return None, ()
    values, missing = _known(plain_labels(y), total)
    if missing.all():
        raise ValueError("all labels are missing (None or NaN); leave y out")
    kinds, places = np.unique(values[~missing], return_inverse=True)
    names = _names(kinds)
    order = sorted(range(len(names)), key=lambda i: natural(names[i])) if (
        kinds.dtype.kind not in "biuf") else list(range(len(names)))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    labels = np.full(total, UNKNOWN, np.int64)
    labels[~missing] = place[places]
    return labels, tuple(names[i] for i in order)


def texts_of(y: Any) -> list[str]:
    """The names of the classes y (N,), as in `numbered`. Raises ValueError for a missing one."""
    values = plain_labels(y)
    values, missing = _known(values, len(values))
    if missing.any():
        raise ValueError(f"{int(missing.sum())} of {len(values):,} classes are missing (None or "
                         f"NaN); every sample needs a class")
    return _names(values)


def name_of(label: Any) -> str:
    """The name of one class: of 7 it is "7"; "" where there is none (None or "")."""
    return "" if label is None or (isinstance(label, str) and not label) else texts_of([label])[0]


def plain_labels(y: Any) -> np.ndarray:
    """y as an array of numbers, texts or objects. Raises ValueError."""
    if isinstance(y, np.ma.MaskedArray):
        values = y.data.astype(object)
        values[np.ma.getmaskarray(y)] = None
        return values
    if hasattr(y, "detach"):
        from .plain_arrays import from_tensor
        return from_tensor(y)
    if hasattr(y, "to_pylist"):        # pyarrow
        return _objects(y.to_pylist())
    if hasattr(y, "columns") and hasattr(y, "to_numpy"):   # a data frame, of one column
        cells = np.asarray(y.to_numpy())
        return cells[:, 0] if cells.ndim == 2 and cells.shape[1] == 1 else cells
    if hasattr(y, "to_list") and hasattr(y, "to_numpy"):   # a column of pandas or polars
        return _objects(y.to_list())
    if isinstance(y, np.ndarray) or hasattr(y, "__array__"):
        return np.asarray(y)
    if isinstance(y, str) or not isinstance(y, Sequence):
        column = f", as in y=data[{y!r}]; or name a table's column, as in label={y!r}" if (
            isinstance(y, str)) else ""
        raise ValueError(f"labels y must be a list or an array with one label per sample, not "
                         f"{type(y).__name__}{column}")
    return _objects(y)


def with_labels(collection: Collection, paths: list[str], y: Any) -> Collection:
    """Add labels y of all files to a collection, which lacks files that could not be read. Raises
    ValueError."""
    if y is None:
        return collection
    labels, classes = numbered(y, len(paths))
    unreadable = set(collection.unreadable)
    read = np.array([path not in unreadable for path in paths])
    assert labels is not None
    return replace(collection, y=labels[read], classes=classes)


def if_known(collection: Collection) -> Collection:
    """The collection, without labels if some are missing: a part of them is of no use outside
    training."""
    if collection.y is None or not (collection.y == UNKNOWN).any():
        return collection
    return replace(collection, y=None, classes=(), notes=[
        *collection.notes, f"{int((collection.y == UNKNOWN).sum()):,} of {len(collection.y):,} "
        f"samples have no label, so the labels are not used"])


def _objects(y: Sequence[Any]) -> np.ndarray:
    """A list's items as objects, so that None and NaN are not converted to texts."""
    items = [item.item() if getattr(item, "ndim", None) == 0 else item for item in y]
    if all(np.ndim(item) == 0 for item in items):
        values = np.empty(len(items), object)
        values[:] = items
        return values
    try:
        return np.asarray(items)
    except ValueError:
        raise ValueError("labels y must be one label per sample; some have several") from None


def _known(y: np.ndarray, total: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,) of one kind, and a mask of missing ones (N,)."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    elif y.ndim == 2 and len(y) == total and _is_one_hot(y):
        y = y.argmax(1)
    if y.shape != (total,):
        raise ValueError(f"labels of shape {y.shape} do not fit {total} samples")
    if y.dtype.kind in "biu":
        return y, np.zeros(total, bool)
    if y.dtype.kind == "f":
        return _whole(y, np.isnan(y))
    if y.dtype.kind not in "OUS":
        raise ValueError(f"labels y of {y.dtype} are not classes; pass integers or texts")
    missing = np.array([_is_missing(item) for item in y], bool)
    known = y[~missing]
    if len(known) and all(isinstance(item, int | float | np.number) and not isinstance(item, bool)
                          for item in known):
        values = np.zeros(total)
        values[~missing] = known.astype(float)
        return _whole(values, missing)
    values = np.full(total, "", dtype=object)
    values[~missing] = [str(item) for item in known]
    return values.astype(str), missing


def _whole(y: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Convert whole floats (N,) to integers. Raises ValueError for measured values."""
    known = y[~missing]
    if np.isfinite(known).all() and (known == np.rint(known)).all():
        return np.where(missing, 0, y).astype(np.int64), missing
    if len(kinds := np.unique(known)) > MOST_NUMBERS:
        raise ValueError(f"labels y have {len(kinds):,} different values, such as {kinds[0]:g} and "
                         f"{kinds[1]:g}: measured values, not classes. Leave y out, or cut it into "
                         f"classes, as with numpy.digitize")
    return y, missing


def _is_one_hot(y: np.ndarray) -> bool:
    return bool(y.dtype.kind in "biuf" and y.shape[1] > 1 and ((y == 0) | (y == 1)).all()
                and (y.sum(1) == 1).all())


def _is_missing(item: Any) -> bool:
    if item is None or item is np.ma.masked or type(item).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(item, float | np.floating) and bool(np.isnan(item))


def _names(kinds: np.ndarray) -> list[str]:
    return [kind.decode() if isinstance(kind, bytes) else str(kind) for kind in kinds.tolist()]


def check_judged(y: np.ndarray | None) -> None:
    """Raise ValueError if all samples are for training, and some of their labels are missing."""
    if y is not None and (y == UNKNOWN).any():
        raise ValueError("some samples have no label, and no labelled ones are left to measure the "
                         "predictions; set --val or --test above 0")


def check_known(
    y: np.ndarray | None, classes: tuple[str, ...], parts: dict[str, np.ndarray], guesses: bool
) -> list[str]:
    """A note on samples without a label. Raises ValueError if the model cannot use them, or if the
    data's own validation or test split has some."""
    missing = 0 if y is None else int((y == UNKNOWN).sum())
    if y is None:
        return []
    if not missing:
        odd = [name for name in classes if name.strip().lower() in ABSENT] or (
            ["-1"] if "-1" in classes and len(classes) > 2 else [])
        return [f"the label {odd[0] or repr('')} is a class like the others; a missing label must "
                f"be None or NaN"] if odd else []
    if not guesses:
        raise ValueError(f"{missing:,} of {len(y):,} samples have no label (None or NaN). Only a "
                         f"model that infers classes can train on them, such as --model "
                         "semi_supervised_vae. For others, fill them in, or leave these samples "
                         f"or all labels out")
    for name, index in parts.items():
        count = int((y[index] == UNKNOWN).sum())
        if name != "train" and count:
            raise ValueError(f"{count:,} samples of the split {name} have no label; only training "
                             f"can use such samples: leave them out of {name}")
    return [f"{missing:,} of {len(y):,} samples have no label: they train as unlabelled, and the "
            f"other splits are drawn from the labelled ones"]
