"""Convert rows of a table in memory (records, columns or an array) to a data frame."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .pandas_library import is_frame, pandas


def is_rows(data: Any) -> bool:
    """Whether this has named columns: a data frame, a dict of columns, a list of dicts, a record
    array, or a row of a data frame."""
    if isinstance(data, Mapping) or is_frame(data) or _is_row(data):
        return True
    if isinstance(data, np.ndarray):
        return data.dtype.names is not None
    return isinstance(data, list | tuple) and len(data) > 0 and isinstance(data[0], Mapping)


def holds_rows(data: Any) -> bool:
    """Whether this is rows with names, or mixed values and lists without."""
    if isinstance(data, np.ndarray) and data.dtype == object:
        return True
    lists = isinstance(data, list | tuple) and len(data) > 0 and isinstance(data[0], list | tuple)
    return lists or is_rows(data)


def with_holes(values: Any, mask: np.ndarray | None) -> Any:
    """Numbers (N, C) with NaN where a mask of the same shape is 1; anything else unchanged."""
    return values if mask is None else np.where(mask != 0, np.nan, values)


def as_frame(data: Any) -> Any:
    """Convert to a pandas.DataFrame. Raises ValueError if the columns differ in length."""
    if is_frame(data):
        return data
    library = pandas()
    if _is_row(data):
        return data.to_frame().T.infer_objects()
    if isinstance(data, Mapping):
        lengths = {str(name): None if np.ndim(column) == 0 else len(column)
                   for name, column in data.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError("a dict of columns needs columns of one length, not "
                             + ", ".join(f"{name}: {length or 'a single value'}"
                                         for name, length in lengths.items()))
        data = [data] if None in lengths.values() else data
    elif isinstance(data, list | tuple) and not all(isinstance(row, Mapping) for row in data):
        raise ValueError("a list of rows needs one dict per row, with the columns' names")
    try:
        return library.DataFrame(data)
    except (ValueError, TypeError) as error:
        raise ValueError(f"these rows are not a table: {error}") from None


def _is_row(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "to_frame") and (
        not hasattr(data, "columns"))


def as_array(data: Any) -> np.ndarray:
    """Rows (N, C) without names, numbers or mixed. Raises ValueError for other shapes."""
    if hasattr(data, "detach"):
        data = data.detach().cpu().numpy()
    if isinstance(data, Sequence) and len({np.size(row) for row in data}) == 1:
        data = np.array(data, dtype=object)
    values = data if isinstance(data, np.ndarray) else np.asarray(data)
    if values.ndim != 2 or not len(values):
        raise ValueError(f"this model takes rows of a table: an array (N, columns), a data frame, "
                         f"a dict of columns or a list of dicts, not an array of shape "
                         f"{values.shape}")
    return values


def name_columns(values: np.ndarray, encoding: dict[str, Any]) -> tuple[Any, str]:
    """Convert an array (N, C) to a frame with the names of the training columns. Returns a note
    too. Raises ValueError for another number of columns."""
    used = [column["name"] for column in encoding["columns"]]
    order = encoding.get("order", used)
    whole = {"all columns of the training table": order,
             "all columns except the label": [name for name in order if name != encoding["label"]],
             "the columns that the model uses": used}
    for what, names in whole.items():
        if len(names) == values.shape[1]:
            listed = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
            frame = pandas().DataFrame(values, columns=names).infer_objects()
            return frame, f"an array of {len(names)} columns is read as {what}, in order: {listed}"
    counts = " or ".join(str(count) for count in sorted({len(n) for n in whole.values()}))
    raise ValueError(f"this model was trained on a table; an array needs {counts} columns, in the "
                     f"order of training ({', '.join(order[:6])}{', ...' * (len(order) > 6)}), not "
                     f"{values.shape[1]}; or pass a data frame or a dict, with the columns' names")
