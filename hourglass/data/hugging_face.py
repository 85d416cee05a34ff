"""Data sets of Hugging Face, recognised by their attributes, so that no package is needed."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from .x_and_label import LABELS, Chunk, key_of


def is_hugging_face(data: Any) -> bool:
    """Whether this is a Dataset of Hugging Face's datasets, or behaves like one."""
    return hasattr(data, "column_names") and hasattr(data, "features")


def label_column(data: Any) -> str | None:
    """The column of classes: one of that type, or one with a usual name."""
    named = [name for name in data.column_names if hasattr(data.features[name], "names")]
    called = [name for name in data.column_names if name.lower() in LABELS]
    return (named or called or [None])[0]


def names_of_classes(data: Any) -> list[str]:
    """The names of the classes, in order; [] if there are none."""
    label = label_column(data)
    return list(getattr(data.features[label], "names", None) or []) if label else []


def is_table(data: Any) -> bool:
    """Whether each column holds one number or text per row."""
    return all(str(getattr(feature, "dtype", "")) not in ("", "dict", "list", "PIL.Image.Image")
               and not hasattr(feature, "shape") for feature in data.features.values())


def columns_of(data: Any) -> tuple[dict[str, list[Any]], list[Any] | None]:
    """A table's columns by name, without the classes; and the classes, if there are any."""
    label = label_column(data)
    columns = {name: [cell.item() if hasattr(cell, "item") else cell for cell in data[name]]
               for name in data.column_names if name != label}
    return columns, None if label is None else list(data[label])


def samples_of(data: Any, total: int) -> Iterator[Chunk]:
    """The samples of the one column with arrays or images, with their classes."""
    label = label_column(data)
    rows = islice(iter(data), total)
    first = next(rows, None)
    if first is None:
        return
    key = key_of({name: value for name, value in first.items() if name != label})
    others = ", ".join(name for name in first if name not in (key, label))
    for row in chain([first], rows):
        yield Chunk([row[key]], [row[label] if label else None],
                    f"columns that are not used: {others}" if others else "")
