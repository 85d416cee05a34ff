"""Separate x and the label in a sample or a batch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from .find_images import SUFFIXES
from .labels import MOST_NUMBERS
from .plain_arrays import plain_array

IMAGES = ("image", "img", "images", "pixel_values", "x", "data", "input", "inputs", "features",
          "sample")
LABELS = ("label", "labels", "y", "target", "targets", "class", "fine_label")


class Chunk(NamedTuple):
    """Some samples with their labels."""

    x: Any                        # (B, ...), or a list of B
    labels: Sequence[Any]         # (B,), None for a sample without a label
    unused: str = ""              # a note on values that are not used


def one(item: Any) -> Chunk:
    """Read one sample: x, (x, label, ...), or a dictionary of both. Raises ValueError for a
    dictionary without a recognisable x."""
    if isinstance(item, Mapping) and not is_picture(item):
        key = key_of(item)
        label = next((k for k in item if str(k).lower() in LABELS), None)
        others = ", ".join(str(k) for k in item if k not in (key, label))
        return Chunk([item[key]], [None if label is None else item[label]],
                     f"not used of each sample: {others}" if others else "")
    if isinstance(item, tuple | list) and item and (dims(item[0]) or is_picture(item[0])):
        if len(item) > 1 and _is_label(item[1]):
            return Chunk([item[0]], [item[1]], _more(len(item) - 2))
        if isinstance(item, tuple):
            return Chunk([item[0]], [None], _more(len(item) - 1, "x"))
    return Chunk([item], [None])


def batch(item: Any) -> Chunk:
    """Read a batch: x (B, ...), (x, labels, ...), or a dictionary of both. Raises ValueError."""
    if isinstance(item, Mapping):
        key = key_of(item)
        label = next((k for k in item if str(k).lower() in LABELS), None)
        others = ", ".join(str(k) for k in item if k not in (key, label))
        return _batch(item[key], None if label is None else item[label],
                      f"not used of each batch: {others}" if others else "")
    if isinstance(item, list) and _are_samples(item):   # of a collate_fn that returns a list
        return Chunk(item, [])
    if isinstance(item, tuple | list) and item and dims(item[0]):
        second = item[1] if len(item) > 1 else None
        chunk = _batch(item[0], second, _more(len(item) - 2))
        return chunk if chunk.labels or second is None else _batch(
            item[0], None, _more(len(item) - 1, "x"))
    return _batch(item, None, "")


def _are_samples(items: Sequence[Any]) -> bool:
    """Whether a batch is a list of samples of one shape, not of x, labels and more."""
    shapes = [getattr(item, "shape", None) for item in items]
    return len(items) > 2 and dims(items[0]) > 1 and shapes[0] is not None and (
        shapes.count(shapes[0]) == len(shapes))


def _batch(x: Any, labels: Any, unused: str) -> Chunk:
    x = plain_array(x) if hasattr(x, "shape") else x
    y = None if labels is None or dims(labels) > 2 else labels
    if y is not None and dims(y) == 2:
        y = plain_array(y)
        if y.shape[1] != 1 and not (((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all()):
            y = None
    if y is not None:
        y = list(plain_array(y) if hasattr(y, "shape") else y)
        if len(y) != len(x):
            raise ValueError(f"a batch has {len(x)} samples and {len(y)} labels")
    return Chunk(x, [] if y is None else y, unused)


def key_of(sample: Mapping[Any, Any]) -> Any:
    """The key of x in a dictionary: a usual name, or that of the only array or image. Raises
    ValueError if there is none, or several."""
    holds = [key for key, value in sample.items() if is_picture(value) or dims(value)]
    named = [key for name in IMAGES for key in holds if str(key).lower() == name]
    if not named and len(holds) != 1:
        keys = ", ".join(map(str, sample))
        raise ValueError(f"samples have the keys {keys}, and it is not clear which is x. Pass "
                         f"pairs, as in [(sample['photo'], sample['kind']) for sample in data]")
    return (named or holds)[0]


def dims(value: Any) -> int:
    """Number of dimensions of an array or of nested lists; 0 for a single value."""
    if isinstance(value, list | tuple):
        return 1 + dims(value[0]) if value else 1
    shape = getattr(value, "shape", None)
    return len(shape) if isinstance(shape, Sequence) else 0


def is_picture(value: Any) -> bool:
    """Whether this is a PIL image, an image's file, or an image file's content."""
    if isinstance(value, str):
        return value.lower().endswith(tuple(SUFFIXES))
    return isinstance(value, Image.Image | Path | bytes) or (
        isinstance(value, Mapping) and isinstance(value.get("bytes"), bytes))


def plain_labels_of(labels: list[Any], names: list[str]) -> tuple[list[Any] | None, str]:
    """The labels of samples, by name if the data set has names, and a note on labels that are not
    classes; None if there are none."""
    if all(label is None for label in labels):
        return None, ""
    plain = [_plain(label) for label in labels]
    known = [label for label in plain if label is not None]
    if names and all(isinstance(label, int) and 0 <= label < len(names) for label in known):
        return [label if label is None else names[label] for label in plain], ""
    measured = {label for label in known if isinstance(label, float) and label % 1}
    if len(measured) > MOST_NUMBERS:
        return None, (f"the numbers that come with the samples, such as {min(measured):.5g}, are "
                      f"measured values, not classes: they are not used")
    return plain, ""


def _plain(label: Any) -> Any:
    """A label as a number or text; the index of the 1 in a one-hot vector."""
    if dims(label):
        values = plain_array(label).reshape(-1)
        return values[0].item() if values.size == 1 else int(values.argmax())
    return label.item() if hasattr(label, "item") else label


def _is_label(value: Any) -> bool:
    """Whether this is a number, a text, None, or a one-hot vector."""
    if not dims(value):
        return value is None or isinstance(value, str | int | float | np.generic) or (
            hasattr(value, "item"))
    if dims(value) > 1:
        return False
    y = plain_array(value)
    one_hot = y.dtype.kind in "biuf" and bool(((y == 0) | (y == 1)).all()) and y.sum() == 1
    return y.size == 1 or one_hot


def _more(count: int, known: str = "x and its label") -> str:
    return f"the values after {known} in each sample ({count} more) are not used" if (
        count > 0) else ""


def is_row(sample: Any) -> bool:
    """Whether this is a row of a table: a dictionary of single numbers and texts."""
    return isinstance(sample, Mapping) and bool(sample) and not any(
        is_picture(cell) or (hasattr(cell, "__len__") and not isinstance(cell, str)
                             and getattr(cell, "shape", None) != ()) for cell in sample.values())
