"""Read tables from files and data frames, and find out what their columns hold."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ..core.csv_text import from_cell
from .column_values import as_numbers
from .delimited import read_delimited
from .pandas_library import check_names, is_text, pandas

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")
NESTED = 100   # cells of a column that are looked at for lists
PACKED = (".gz", ".bz2", ".xz")   # endings of the names of compressed csv files


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table. A csv may be compressed."""
    return suffix_of(path) in SUFFIXES


def suffix_of(path: Path) -> str:
    """The suffix of a file's name in lower case; for a compressed csv, that of its content."""
    packed = path.suffix.lower() in PACKED
    inner = Path(path.stem).suffix.lower() if packed else path.suffix.lower()
    return "" if packed and inner in (".parquet", ".pq") else inner


def read_frame(path: str | Path, as_text: bool = False, decimal: str = "") -> Any:
    """Read a csv or parquet file. `as_text` keeps a csv file's cells as texts.

    Separator, header, encoding and decimal mark are found from the file (`data/delimited.py`),
    unless `decimal` gives the mark. `notes_of` has notes on these guesses. Raises ValueError for a
    file that is missing, empty, or not a table.
    """
    file = Path(path).expanduser()
    pandas()   # raises ValueError where it is not installed
    if not file.is_file():
        raise ValueError(f"there is no file {path}")
    packed = suffix_of(file) in (".parquet", ".pq")
    frame = _read_parquet(file) if packed else read_delimited(file, as_text, decimal)
    frame = checked(frame, str(path))
    if as_text:
        return frame
    if not packed:
        _unguard(frame)
    return frame if len(frame.columns) < 2 else _without_index(frame)


def _unguard(frame: Any) -> None:
    """Take away, and note, the apostrophes that keep a spreadsheet from running cells: Hourglass
    writes them, and so do others."""
    changed = {}
    for name, column in list(frame.items()):
        if not is_text(column):
            continue
        plain = column.map(lambda cell: from_cell(str(cell)), na_action="ignore")
        changed[str(name)] = int(((plain != column) & column.notna()).sum())
        if changed[str(name)]:
            frame[name] = plain
    if count := sum(changed.values()):
        first = next(name for name, number in changed.items() if number)
        frame.attrs["notes"] = [
            *notes_of(frame), f"an apostrophe before =, +, - or @ is left out of {count:,} cells, "
            f"such as in column {first}: it keeps a spreadsheet from running them"]


def notes_of(frame: Any) -> list[str]:
    """Notes on how a frame was read from its file."""
    return list(frame.attrs.get("notes", ()))


def decimal_of(frame: Any) -> str:
    """The decimal mark of its numbers; "" if they do not show it."""
    return str(frame.attrs.get("decimal", ""))


def _without_index(frame: Any) -> Any:
    """Drop a first column without a name that holds increasing numbers: an index."""
    first = frame.columns[0]
    values = as_numbers(frame[first]) if first.startswith("Unnamed: 0") else None
    index = values is not None and bool((np.diff(np.sort(values[0])) >= 1).all())
    return frame.drop(columns=first) if index else frame


def _read_parquet(file: Path) -> Any:
    try:
        return pandas().read_parquet(file)
    except ImportError:
        raise ValueError("parquet needs an extra: pip install 'hourglass[tabular]'") from None
    except Exception as error:   # of pyarrow's many kinds
        raise ValueError(f"{file} cannot be read as parquet: {error}") from None


def checked(frame: Any, what: str) -> Any:
    """The frame with a plain index and texts as names; raises ValueError for one without rows or
    columns, or with a name twice."""
    if not len(frame.columns) or not len(frame):
        raise ValueError(f"{what} holds no rows under {', '.join(map(str, frame.columns)) or 'it'}")
    names = [str(name).strip() for name in frame.columns]
    check_names(names, what)
    flat = flattened(_dense(frame.set_axis(names, axis=1).reset_index(drop=True)), what)
    if isinstance(frame.index, pandas().DatetimeIndex):
        flat.attrs["notes"] = [*notes_of(frame), "the index holds times and is left out of the "
                               "table; kind='series' makes windows over time of it"]
    return flat


def _dense(frame: Any) -> Any:
    """The frame without pandas' sparse columns, which few functions of pandas take."""
    sparse = [name for name, kind in frame.dtypes.items()
              if isinstance(kind, pandas().SparseDtype)]
    return frame.assign(**{name: frame[name].sparse.to_dense() for name in sparse})


def flattened(frame: Any, what: str) -> Any:
    """The frame with a column for each number of a column of lists of one length, and without
    columns of other objects, with notes. Raises ValueError for a column of encoded images."""
    notes, columns = notes_of(frame), {}
    for name in frame.columns:
        cells = frame[name]
        kinds = {type(cell) for cell in cells[cells.notna()].iloc[:NESTED]} if (
            cells.dtype == object) else set()
        if not kinds & {list, tuple, dict, set, bytes, np.ndarray}:
            columns[name] = cells
            continue
        first = cells[cells.notna()].iloc[0]
        if isinstance(first, bytes) or (isinstance(first, dict) and "bytes" in first):
            raise ValueError(f"the column {name!r} of {what} holds encoded files, such as images; "
                             f"read it with datasets.load_dataset('parquet', data_files=...), and "
                             f"pass its split to hourglass.train")
        values = _numbers_of_lists(cells)
        if values is None:
            notes.append(f"the column {name!r} holds lists or objects that are not numbers of one "
                         f"length, and is left out")
            continue
        columns.update({f"{name}_{i}": column for i, column in enumerate(values.T, 1)})
        notes.append(f"the column {name!r} of lists is read as {values.shape[1]:,} columns, "
                     f"{name}_1 and so on")
    if [*columns] == [*frame.columns]:
        return frame
    if not columns:
        raise ValueError(f"{what} holds no column of numbers or texts: {'; '.join(notes)}")
    flat = pandas().DataFrame(columns)
    check_names([*flat.columns], what)
    flat.attrs = {**frame.attrs, "notes": notes}
    return flat


def _numbers_of_lists(cells: Any) -> np.ndarray | None:
    """Lists of numbers of one length as an array (N, L), NaN where a cell is missing; None for
    other cells."""
    there = cells.notna().to_numpy()
    try:
        known = np.array([np.asarray(cell, float) for cell in cells[there]])
    except (TypeError, ValueError):
        return None
    if known.ndim != 2 or not known.shape[1]:
        return None
    numbers = np.full((len(cells), known.shape[1]), np.nan)
    numbers[there] = known
    return numbers


def digest_of(frame: Any) -> str:
    """Digest of a table's content."""
    hashed = pandas().util.hash_pandas_object(frame.astype(str), index=False).to_numpy()
    return hashlib.sha256(" ".join(frame.columns).encode() + hashed.tobytes()).hexdigest()


