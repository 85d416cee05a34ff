"""Tables as people have them, in files and data frames, and what their columns hold."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ..core.csv_text import from_cell
from .dates import read_times
from .delimited import read_delimited
from .numerals import cleaned, decimal_mark, numbers_in, stand_for_missing

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")
SAMPLE, NONE = 500, 0.9   # texts that are looked at first, and the share of others that ends it
SWITCHES = (("false", "true"), ("no", "yes"), ("off", "on"), ("f", "t"), ("n", "y"),
            ("closed", "open"), ("inactive", "active"))   # what is 0, and what is 1
PACKED = (".gz", ".bz2", ".xz")   # what the name of a compressed csv ends in


def pandas() -> Any:
    """The package; raises ValueError where it is not installed."""
    try:
        import pandas
    except ImportError:
        raise ValueError("tables and series need an extra: pip install "
                         "'hourglass[tabular]'") from None
    return pandas


def is_table(path: Path) -> bool:
    """Whether a file's name says that it holds a table; a csv may be compressed."""
    return suffix_of(path) in SUFFIXES


def suffix_of(path: Path) -> str:
    """What a file's name ends in, in small letters; of a compressed csv, what is within."""
    packed = path.suffix.lower() in PACKED
    inner = Path(path.stem).suffix.lower() if packed else path.suffix.lower()
    return "" if packed and inner in (".parquet", ".pq") else inner


def is_frame(data: Any) -> bool:
    """Whether this is a pandas.DataFrame; pandas is not imported for it."""
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns")


def read_frame(path: str | Path, as_text: bool = False, decimal: str = "") -> Any:
    """The table in a csv or parquet file, or `as_text` a csv file's cells as they are written.

    Separator, header, encoding and decimal mark are found out (`data/delimited.py`), but for a
    `decimal` mark that is given; `notes_of` tells what was guessed. Raises ValueError for a file
    that is not there, empty, or no table.
    """
    file = Path(path).expanduser()
    pandas()   # raises ValueError where it is not installed
    if not file.is_file():
        raise ValueError(f"there is no file {path}")
    frame = _read_parquet(file) if suffix_of(file) in (".parquet", ".pq") else (
        read_delimited(file, as_text, decimal))
    frame = checked(frame, str(path))
    if as_text:
        return frame
    for name, column in frame.items():   # an apostrophe kept a spreadsheet from running the cell
        if is_text(column) and any(str(cell).startswith("'") for cell in column):
            frame[name] = column.map(lambda cell: from_cell(str(cell)), na_action="ignore")
    return frame if len(frame.columns) < 2 else _without_index(frame)


def notes_of(frame: Any) -> list[str]:
    """What should be said of how a frame was read from its file."""
    return list(frame.attrs.get("notes", ()))


def decimal_of(frame: Any) -> str:
    """The decimal mark with which its numbers were written, "" where nothing tells."""
    return str(frame.attrs.get("decimal", ""))


def _without_index(frame: Any) -> Any:
    """Without a first column that has no name and holds ever larger numbers: an index."""
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
    found = frame.set_axis(names, axis=1).reset_index(drop=True)
    if isinstance(frame.index, pandas().DatetimeIndex):
        found.attrs["notes"] = [*notes_of(frame), "the index holds times and is left out of the "
                                "table; kind='series' makes windows over time of it"]
    return found


def check_names(names: list[str], what: str) -> None:
    """Raises ValueError where two columns have the same name."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{what} has two columns named {twice!r}; give each its own name")


def digest_of(frame: Any) -> str:
    """What tells a table's content from another's."""
    hashed = pandas().util.hash_pandas_object(frame.astype(str), index=False).to_numpy()
    return hashlib.sha256(" ".join(frame.columns).encode() + hashed.tobytes()).hexdigest()


def is_text(column: Any) -> bool:
    """Whether a column holds neither numbers nor times nor truth values."""
    types = pandas().api.types
    return not (types.is_numeric_dtype(column) or types.is_datetime64_any_dtype(column))


def as_numbers(column: Any) -> tuple[np.ndarray, int] | None:
    """A column as numbers (N,), NaN where it has none or an infinite one, and how many texts among
    them could not be read as one; None for truth values, times and texts, also where a few of the
    texts could be numbers."""
    library = pandas()
    types = library.api.types
    if types.is_bool_dtype(column) or not (types.is_numeric_dtype(column) or is_text(column)):
        return None
    there = column.notna().to_numpy()
    if isinstance(column.dtype, library.CategoricalDtype) or (
            there.any() and column[there].map(type).eq(bool).all()):
        return None
    if is_text(column) and there.any():
        return _numbers_of_texts(column)
    values = library.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    return values, int((there & np.isnan(values)).sum())


def _numbers_of_texts(column: Any, mark: str = "") -> tuple[np.ndarray, int] | None:
    """The same of texts, written with this decimal mark, else with what they tell of it."""
    library = pandas()
    codes, found = library.factorize(column)
    texts = library.Series(found).astype(str)
    some = texts[::-(-len(texts) // SAMPLE)]
    if not some.str.contains(r"\d", regex=True).any() or (
            len(texts) > SAMPLE and np.isnan(numbers_in(some, mark or ".")).mean() > NONE
            and np.isnan(numbers_in(some, ",")).mean() > NONE):
        return None   # which a look at some tells: to look at all takes long
    mark = mark or ("," if decimal_mark(texts) == "," else ".")
    numbers = numbers_in(texts, mark)
    values = np.append(numbers, np.nan)[codes]
    lost = texts[np.isnan(numbers)]
    every = lost.repeat(np.bincount(codes[codes >= 0], minlength=len(texts))[lost.index])
    total = int((codes >= 0).sum())
    return (values, len(every)) if stand_for_missing(every, total) else None


def written_as(column: Any) -> str:
    """What to say of texts that are numbers in an unusual writing, "" of others."""
    if not is_text(column):
        return ""
    texts = pandas().Series(column.dropna().unique()).astype(str)
    plain = cleaned(texts)
    if decimal_mark(texts) == ",":
        return f"numbers such as {texts.iloc[0]} are read with a decimal comma"
    odd = texts[texts.str.contains(",", regex=False) | (plain != texts.str.strip())]
    return f"{odd.iloc[0]} is read as {numbers_in(odd.head(1))[0]:.10g}" if len(odd) else ""


def written_numbers(column: Any, mark: str) -> Any:
    """A column of texts, written with this decimal mark, as a pandas.Series of numbers; None where
    it holds none."""
    found = _numbers_of_texts(column, mark) if column.notna().any() else None
    if found is None:
        return None
    values = pandas().Series(found[0], index=column.index)
    whole = values.notna().all() and (values == values.round()).all() and (
        values.abs().max() < 2**53)
    return values.astype("int64") if whole else values


def as_switch(column: Any) -> tuple[np.ndarray, str] | None:
    """A column of truth values, or of texts such as yes and no, as 0 and 1 (N,), NaN where there is
    none, and the names of both, "no, yes"; None for others."""
    if pandas().api.types.is_numeric_dtype(column) and column.dtype.kind != "b" and (
            str(column.dtype) != "boolean"):
        return None
    texts = column.astype(object).where(column.notna(), "").astype(str).str.strip().str.lower()
    held = set(texts) - {""}
    pair = next((pair for pair in SWITCHES if held and held <= set(pair)), None)
    if pair is None:
        return None
    values = np.where(texts == "", np.nan, (texts == pair[1]).astype(float))
    return values, ", ".join(pair)


def as_times(column: Any, order: str = "") -> np.ndarray | None:
    """A column as times (N,), datetime64[ns] in UTC, NaT where there is none; None for others.
    Texts are times as in ISO 8601, such as 2024-05-31 13:45:00, or as `read_times` knows them."""
    found = read_times(column, order)
    return None if found is None else found.values


def counts_rows(values: np.ndarray) -> bool:
    """Whether a column (N,) just numbers the rows, which says nothing of what is in them."""
    return len(values) > 2 and bool((np.diff(values) == 1).all())
