"""Convert data in memory, of any library, to an array or a data frame with labels."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..core.contracts import Collection
from .input_types import DataInMemory
from .pandas_library import is_frame, pandas
from .plain_arrays import from_tensor, in_known_precision, plain_array
from .read_image import Reading
from .sources.arrays import from_array
from .storage import room, where_kept
from .x_and_label import is_row

TABLES = ("pandas", "polars", "pyarrow")   # libraries of tables
ROWS = 4096   # rows of a sparse matrix that are converted together


def gather(data: Any, reading: Reading | None = None, y: Any = None) -> DataInMemory:
    """Convert data in memory to an array or a data frame. Texts, paths and Collections stay.

    Accepts arrays and tensors of every library and precision, masked arrays (masked means missing),
    sparse matrices, data frames, torch's Dataset and DataLoader, datasets of Hugging Face, and
    lists or other iterables of samples, which may be PIL images. Samples may be pairs of x and a
    label, or dictionaries. `reading` sets the size and colour of PIL images. Labels y (N,) replace
    those that came with the samples. Raises ValueError for data without samples, or perhaps without
    an end.
    """
    samples = _gather(data, reading)
    if y is None:
        return samples
    notes = ("the labels y replace those that came with the samples",) * (
        samples.y is not None)
    return samples._replace(y=y, notes=(*samples.notes, *notes))


def _gather(data: Any, reading: Reading | None) -> DataInMemory:
    if isinstance(data, str | Path | Collection) or is_frame(data) or are_paths(data):
        return DataInMemory(data)
    if isinstance(data, np.ndarray | np.generic):
        return _from_array(data)
    if isinstance(data, Tensor):
        return DataInMemory(from_tensor(data))
    if isinstance(data, Image.Image):
        data = [data]
    if hasattr(data, "nnz") and hasattr(data, "toarray"):
        return _from_sparse(data)
    from .iterables import from_samples, is_data_set
    if is_data_set(data) and _library(data) not in TABLES:
        return from_samples(data, reading)
    if (frame := _from_table(data)) is not None:
        return frame
    if isinstance(data, Mapping):
        return _from_mapping(data)
    if hasattr(data, "__array__") or hasattr(data, "__dlpack__"):
        return _from_array(plain_array(data))
    return from_samples(data, reading)


def with_missing(collection: Collection, mask: np.ndarray | None) -> Collection:
    """Set samples to NaN where the array's mask is 1; 8-bit pixels are then scaled to [0, 1].
    Raises ValueError if images were resized."""
    if mask is None:
        return collection
    hidden = from_array(mask.astype(np.uint8)).x != 0   # same layout as the samples
    if hidden.shape != collection.x.shape:
        raise ValueError("masked arrays keep their size and colours; leave out size, crop, pad and "
                         "grey")
    pixels = collection.x.dtype == np.uint8 and collection.x.max(initial=0) > 1
    x = collection.x / np.float32(255) if pixels else collection.x.astype(np.float32)
    x[hidden] = np.nan
    return replace(collection, x=x)


def are_paths(data: Any) -> bool:
    """Whether this is a list of texts or paths."""
    return isinstance(data, list | tuple) and bool(data) and all(
        isinstance(item, str | Path) for item in data)


def are_files(x: np.ndarray) -> bool:
    """Whether an array (N,) holds the paths of images."""
    from .x_and_label import is_picture
    return x.ndim == 1 and len(x) > 0 and all(
        isinstance(item, str | Path) and is_picture(item) for item in x.tolist())


def _from_array(x: Any) -> DataInMemory:
    """Convert an array of any content."""
    x = np.asanyarray(x)
    if isinstance(x, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(x)
        if not mask.any():
            return _from_array(x.data)
        values = _from_array(np.where(mask, np.zeros((), x.dtype), x.data))
        return values._replace(mask=mask, notes=(
            f"masked: {int(mask.sum()):,} of {x.size:,} values, which count as missing",))
    if x.ndim == 0 and x.dtype != object:
        raise ValueError(f"data must be an array of samples, not the single value {x}")
    if x.dtype.names:   # a record array: its fields are columns
        return DataInMemory(pandas().DataFrame({name: x[name] for name in x.dtype.names}))
    if x.dtype.kind in "UT" and are_files(x):
        return DataInMemory([str(path) for path in x])
    if x.dtype == object:
        return _from_objects(x)
    if x.dtype.kind == "c":
        raise ValueError(f"an array of {x.dtype}: complex numbers are not supported; pass their "
                         f"parts or their size, as with numpy.abs(x)")
    return DataInMemory(in_known_precision(x))


def _from_objects(x: np.ndarray) -> DataInMemory:
    """Convert an array of Python objects: numbers, cells of a table, or samples."""
    from .iterables import from_samples
    if x.ndim == 0:
        return gather(x.item())
    if x.ndim > 1:
        try:
            return DataInMemory(x.astype(np.float32))   # None becomes NaN
        except (ValueError, TypeError):
            if x.ndim == 2:
                return DataInMemory(pandas().DataFrame(x).infer_objects())
            raise ValueError(f"an array of objects of shape {x.shape} holds values that are not "
                             f"numbers, such as {x.flat[0]!r}") from None
    return DataInMemory([str(path) for path in x]) if are_files(x) else from_samples(list(x), None)


def _from_sparse(data: Any) -> DataInMemory:
    """Convert a sparse matrix to a dense one, some rows at a time."""
    if data.ndim != 2:
        raise ValueError(f"a sparse array of shape {data.shape} does not have rows (N, D); make it "
                         f"dense with toarray()")
    rows = data.tocsr()
    if rows.dtype.kind == "c":
        raise ValueError(f"a sparse matrix of {rows.dtype}: complex numbers are not supported")
    dense = room(rows.shape[0], rows.shape[1:], np.float32)
    for start in range(0, len(dense), ROWS):
        dense[start:start + ROWS] = rows[start:start + ROWS].toarray()
    share = data.nnz / max(dense.size, 1)
    return DataInMemory(dense, notes=(f"a sparse matrix with {share:.2%} of its values: as a dense "
                                      f"one, its {len(dense):,} rows take {where_kept(dense)}",))


def _from_table(data: Any) -> DataInMemory | None:
    """Convert a table or column of polars, pyarrow or another Arrow library; None for others."""
    library = _library(data)
    if library == "polars" and hasattr(data, "collect"):   # a lazy table
        data = data.collect()
    if library == "pandas" and hasattr(data, "to_frame"):   # a row, whose index names its columns
        if getattr(data, "index", None) is not None and data.index.inferred_type == "string":
            return DataInMemory(data.to_frame().T.infer_objects())
        if data.index.inferred_type in ("datetime64", "period"):
            return DataInMemory(data.to_frame(str(data.name or "value")))
        return _from_column(data.to_numpy(), data.name)
    if library in ("polars", "pyarrow") and not hasattr(data, "columns"):
        name = getattr(data, "name", None)
        return _from_column(np.array(data.to_pylist() if hasattr(data, "to_pylist") else
                                     data.to_numpy()), name)
    if not hasattr(data, "__arrow_c_stream__") and not (
            hasattr(data, "to_pandas") and hasattr(data, "columns")):
        return None
    try:
        if library == "polars":
            return DataInMemory(pandas().DataFrame(data.to_dict(as_series=False)))
        if hasattr(data, "to_pandas"):
            return DataInMemory(data.to_pandas())
        import pyarrow
        return DataInMemory(pyarrow.table(data).to_pandas())
    except ImportError:
        raise ValueError("tables of Arrow need an extra: pip install "
                         "'hourglass[tabular]'") from None


def _library(data: Any) -> str:
    return type(data).__module__.partition(".")[0]


def _from_column(values: np.ndarray, name: Any) -> DataInMemory:
    """Convert a column of a table: one of samples, or a table with this column only."""
    if are_files(values) or (values.dtype == object and len(values) and np.ndim(values[0])):
        return _from_array(values)
    return DataInMemory(pandas().DataFrame({str(name or "value"): values}))


def _from_mapping(data: Mapping[Any, Any]) -> DataInMemory:
    """Convert a dictionary: columns by name, or samples and labels named as in .npz files."""
    if not data:
        raise ValueError("data is an empty dictionary; give it columns, or x and y")
    names = {str(name).lower(): name for name in data}
    x = next((names[n] for n in ("x", "images", "image", "data") if n in names), None)
    if x is not None and np.ndim(data[x]) > 1:
        label = next((names[n] for n in ("y", "labels", "label", "target") if n in names), None)
        samples = gather(data[x])
        unused = [str(name) for name in data if name not in (x, label)]
        notes = (f"not used of the dictionary: {', '.join(unused)}",) if unused else ()
        return samples._replace(y=None if label is None else data[label],
                                notes=(*samples.notes, *notes))
    if is_row(data):
        return DataInMemory(pandas().DataFrame([data]))
    if all(map(_is_column, data.values())):
        lengths = {str(name): len(column) for name, column in data.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the columns have different lengths: {_few(lengths)}")
        return DataInMemory(pandas().DataFrame({
            name: list(column) if not hasattr(column, "dtype") else
            np.asarray(column) for name, column in data.items()}))
    keys = ", ".join(map(str, list(data)[:6]))
    raise ValueError(f"a dictionary of {keys} is neither columns of one length nor x and y; for "
                     f"one of several splits, pass train(data[{next(iter(data))!r}])")


def _is_column(part: Any) -> bool:
    """Whether a value of a dictionary has one number or text for each row."""
    shape = getattr(part, "shape", None)
    if shape is None:
        return isinstance(part, list | tuple) and all(np.ndim(cell) == 0 for cell in part[:9])
    return len(shape) == 1


def _few(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:6])
