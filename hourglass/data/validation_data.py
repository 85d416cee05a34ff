"""Validation data of a user's own, beside the data that is trained on."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..core.contracts import Collection
from . import collect
from .read_image import Reading

NO_SHARE = (int, float, str, np.integer, np.floating)


def is_own_validation(val: Any) -> bool:
    """Whether `val` is data, and not a share, a number or the word test."""
    if isinstance(val, str):
        return val != "test" and not _is_number(val)
    return val is not None and not isinstance(val, NO_SHARE)


def _is_number(text: str) -> bool:
    try:
        float(text)
        return True
    except ValueError:
        return False


def with_validation(data: Any, y: Any, val: Any, reading: Reading) -> Collection:
    """The data with labels y (N,) to train on, and `val`, samples or a pair (x, y), as its
    validation split. Raises ValueError where the two do not go together."""
    pair = isinstance(val, tuple) and len(val) == 2
    found = collect(data, reading, y)
    own = collect(val[0] if pair else val, reading, val[1] if pair else None)
    if found.raw is not None or own.raw is not None or found.encoding or own.encoding:
        raise ValueError("validation data of its own goes with images and arrays. Of a table or a "
                         "series, val=0.1 sets a tenth of the rows aside")
    if found.shape != own.shape:
        raise ValueError(f"samples of the validation data have shape {own.shape}, and those to "
                         f"train on {found.shape}; bring both to one size, as with --size 64")
    found, own = _of_one_type(found, own)
    if found.x.dtype != own.x.dtype:
        raise ValueError(f"the validation data holds numbers of type {own.x.dtype}, and the data "
                         f"to train on of {found.x.dtype}; bring both to one type and scale")
    return _joined(found, own)


def _of_one_type(*both: Collection) -> list[Collection]:
    """Both as 8 bits, where one is and the other holds whole numbers so small that they might not
    have been."""
    def is_small(found: Collection) -> bool:
        return found.x.dtype == np.float32 and found.x.ndim == 4 and bool(
            found.x.min() >= 0 and found.x.max() <= 255 and (found.x == np.rint(found.x)).all())
    if not any(found.x.dtype == np.uint8 for found in both):
        return list(both)
    return [replace(found, x=found.x.astype(np.uint8)) if is_small(found) else found
            for found in both]


def _joined(found: Collection, own: Collection) -> Collection:
    if (found.given is None) != (own.given is None):
        raise ValueError("either both are pairs of input and target, the data to train on and the "
                         "validation data, or neither is")
    first, total = len(found.x), len(found.x) + len(own.x)
    parts = {name: index for name, index in found.parts.items() if name != "val"}
    if "val" in found.parts:
        raise ValueError("this data has a validation split already; leave val out")
    classes = (*found.classes, *(name for name in own.classes if name not in found.classes))
    y = None
    if found.y is not None:
        y = np.concatenate([found.y, _renumbered(own, classes)])
    return replace(
        found, x=np.concatenate([found.x, own.x]), y=y, classes=classes if y is not None else (),
        names=(*found.names, *own.names) if found.names and own.names else (),
        parts={**parts, "val": np.arange(first, total)},
        notes=[*found.notes, *own.notes], factors=None,
        identity={k: v for k, v in found.identity.items() if k != "digest"},
        given=None if found.given is None or own.given is None else np.concatenate(
            [found.given, own.given]))


def _renumbered(own: Collection, classes: tuple[str, ...]) -> np.ndarray:
    """The labels (N,) of the validation data as the classes of both are counted; -1 is unknown."""
    if own.y is None:
        return np.full(len(own.x), -1)
    number = np.array([classes.index(name) for name in own.classes])
    return np.where(own.y < 0, -1, number[own.y])
