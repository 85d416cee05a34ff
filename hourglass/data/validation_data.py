"""Validation data that the user gives separately from the training data."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.contracts import Collection, Raw
from .collect import collect, collect_like
from .labels import numbered
from .read_image import Reading
from .sources.series import Series

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
    samples, labels = val if pair else (val, None)
    training = collect(data, reading, None if isinstance(data, Collection) else y)
    if training.raw is not None:
        return _of_raw(training, training.raw, samples, labels)
    own = collect(samples, reading, labels)
    if own.raw is not None or own.encoding:
        raise ValueError("the validation data is a table or a series, and the data to train on is "
                         "not; pass both as the same kind")
    if training.shape != own.shape:
        raise ValueError(f"samples of the validation data have shape {own.shape}, and those to "
                         f"train on {training.shape}; bring both to one size, as with --size 64")
    training, own = _of_one_type(training, own)
    if training.x.dtype != own.x.dtype:
        raise ValueError(f"the validation data holds numbers of type {own.x.dtype}, and the data "
                         f"to train on of {training.x.dtype}; bring both to one type and scale")
    return _joined(training, own)


def _of_one_type(*both: Collection) -> list[Collection]:
    """Both as 8 bits, where one is and the other holds whole numbers so small that they might not
    have been."""
    def is_small(x: Any) -> bool:
        return x.dtype == np.float32 and x.ndim == 4 and bool(
            x.min() >= 0 and x.max() <= 255 and (x == np.rint(x)).all())
    if not any(collection.x.dtype == np.uint8 for collection in both):
        return list(both)
    return [replace(collection, x=collection.x.astype(np.uint8)) if is_small(collection.x)
            else collection for collection in both]


@dataclass(frozen=True)
class WithValidation:
    """Values in their own units with validation values of a user's own, which are scaled as the
    training values."""

    first: Raw
    own: Raw
    counts: tuple[int, int]                 # samples of both
    stride: int = 1                         # step between the validation windows in use
    labels: np.ndarray | None = None        # (M,) of the validation samples, as numbers
    names: tuple[str, ...] = ()             # of these labels

    def parts(self, shares: dict[str, float]) -> dict[str, np.ndarray]:
        """The splits of the first, and the validation samples after them."""
        own = {name: index for name, index in self.first.parts(shares).items() if name != "val"}
        return {**own, "val": np.arange(self.counts[0], sum(self.counts))}

    def learn(self, train: np.ndarray) -> Collection:
        """Learn the encoding from the training samples of the first, and encode both."""
        training = self.first.learn(train)
        return self._with_own(training)

    def encode(self, encoding: dict[str, Any]) -> Collection:
        """Encode both with an encoding that was learnt from other values."""
        return self._with_own(self.first.encode(encoding))

    def _with_own(self, training: Collection) -> Collection:
        own = self.own.encode(training.encoding)
        own = replace(own, x=own.x[::self.stride], parts={}, notes=[
            f"validation data: {note}" for note in own.notes if note not in training.notes])
        if self.labels is not None:
            own = replace(own, y=self.labels, classes=self.names)
        return replace(_joined(replace(training, parts={}), own), raw=self)


def _of_raw(training: Collection, first: Raw, samples: Any, labels: Any) -> Collection:
    """A table, series or windows with validation samples of the same kind. Raises ValueError."""
    own = collect_like(samples, training.encoding)
    if own.raw is None:
        raise ValueError("the validation data must have the columns of the data to train on, in "
                         "their own units")
    stride = first.stride if isinstance(first, Series) else 1
    if isinstance(first, Series) and labels is not None:
        raise ValueError("a series has no labels y; pass the validation series alone")
    numbers, names = numbered(labels, len(own.x))
    joined = WithValidation(first, own.raw, (len(training.x), len(own.x[::stride])), stride,
                            numbers, names)
    return joined.learn(np.arange(len(training.x)))


def _joined(training: Collection, own: Collection) -> Collection:
    if (training.encoder_input is None) != (own.encoder_input is None):
        raise ValueError("either both are pairs of input and target, the data to train on and the "
                         "validation data, or neither is")
    first, total = len(training.x), len(training.x) + len(own.x)
    parts = {name: index for name, index in training.parts.items() if name != "val"}
    if "val" in training.parts:
        raise ValueError("this data has a validation split already; leave val out")
    classes = (*training.classes, *(name for name in own.classes if name not in training.classes))
    y = None
    if training.y is not None:
        y = np.concatenate([training.y, _renumbered(own, classes)])
    paired = training.encoder_input is not None and own.encoder_input is not None
    return replace(
        training, x=np.concatenate([training.x, own.x]), y=y,
        classes=classes if y is not None else (),
        names=(*training.names, *own.names) if training.names and own.names else (),
        parts={**parts, "val": np.arange(first, total)},
        notes=[*training.notes, *own.notes], factors=None,
        identity={k: v for k, v in training.identity.items() if k != "digest"},
        encoder_input=np.concatenate([training.encoder_input, own.encoder_input])
        if paired else None)


def _renumbered(own: Collection, classes: tuple[str, ...]) -> np.ndarray:
    """The labels (N,) of the validation data as the classes of both are counted; -1 is unknown."""
    if own.y is None:
        return np.full(len(own.x), -1)
    number = np.array([classes.index(name) for name in own.classes])
    return np.where(own.y < 0, -1, number[own.y])
