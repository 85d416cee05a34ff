"""Tables as people have them, in files and data frames, and what their columns hold."""

import csv
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")
SEPARATORS = (",", ";", "\t", "|")
MOSTLY = 0.5   # share of a column's texts that must be numbers for the others to count as missing


def pandas() -> Any:
    """The package; raises ValueError where it is not installed."""
    try:
        import pandas
    except ImportError:
        raise ValueError("tables and series need an extra: pip install "
                         "'hourglass[tabular]'") from None
    return pandas


def is_frame(data: Any) -> bool:
    """Whether this is a pandas.DataFrame; pandas is not imported for it."""
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns")


def read_frame(path: str | Path, as_text: bool = False) -> Any:
    """The table in a csv or parquet file, or `as_text` a csv file's cells as they are written.

    Comma, semicolon, tab or bar between the cells, and a decimal comma where it cannot be else.
    Raises ValueError for a file that is not there, empty, or no table.
    """
    file, library = Path(path).expanduser(), pandas()
    if not file.is_file():
        raise ValueError(f"there is no file {path}")
    if file.suffix.lower() in (".parquet", ".pq"):
        frame = _read_parquet(file)
    else:
        separator = _separator(file)
        options: dict[str, Any] = {"sep": separator, "skipinitialspace": True}
        if as_text:
            options |= {"dtype": str, "keep_default_na": False}
        try:
            frame = library.read_csv(file, **options)
            if separator == ";" and not as_text and _has_decimal_commas(frame):
                frame = library.read_csv(file, decimal=",", **options)
        except (ValueError, OSError) as error:   # pandas' own errors are ValueErrors
            raise ValueError(f"{path} cannot be read as a table: {error}") from None
    frame = checked(frame, str(path))
    return frame if as_text or len(frame.columns) < 2 else _without_index(frame)


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


def _separator(file: Path) -> str:
    """What stands between the cells of the first line; raises ValueError where names are double."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as held:
            first = held.readline()
    except UnicodeDecodeError:
        raise ValueError(f"{file} is no text in UTF-8; save it as csv in UTF-8") from None
    if not first.strip():
        raise ValueError(f"{file} is empty, or its first line is, which should name the columns")
    separator = max(SEPARATORS, key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=separator))]
    _check_names(names, str(file))
    return separator


def _has_decimal_commas(frame: Any) -> bool:
    texts = [column.dropna().astype(str) for _, column in frame.items() if is_text(column)]
    return any(len(text) and text.str.fullmatch(r"[-+]?\d+,\d+").all() for text in texts)


def checked(frame: Any, what: str) -> Any:
    """The frame with a plain index and texts as names; raises ValueError for one without rows or
    columns, or with a name twice."""
    if not len(frame.columns) or not len(frame):
        raise ValueError(f"{what} holds no rows under {', '.join(map(str, frame.columns)) or 'it'}")
    names = [str(name).strip() for name in frame.columns]
    _check_names(names, what)
    return frame.set_axis(names, axis=1).reset_index(drop=True)


def _check_names(names: list[str], what: str) -> None:
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
    them could not be read as one; None for truth values, times and texts."""
    library = pandas()
    types = library.api.types
    if types.is_bool_dtype(column) or not (types.is_numeric_dtype(column) or is_text(column)):
        return None
    there = column.notna().to_numpy()
    if isinstance(column.dtype, library.CategoricalDtype) or (
            there.any() and column[there].map(type).eq(bool).all()):
        return None
    values = library.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    lost = int((there & np.isnan(values)).sum())
    if there.any() and is_text(column) and lost > (1 - MOSTLY) * there.sum():
        return None
    return values, lost


def as_times(column: Any) -> np.ndarray | None:
    """A column as times (N,), datetime64[ns] in UTC, NaT where there is none; None for others.
    Texts are times as in ISO 8601, such as 2024-05-31 13:45:00."""
    library = pandas()
    if library.api.types.is_numeric_dtype(column) or not column.notna().any():
        return None
    form = "ISO8601" if is_text(column) else None
    found = library.to_datetime(column, utc=True, format=form, errors="coerce")
    if found.notna().sum() < MOSTLY * column.notna().sum():
        return None
    times: np.ndarray = found.dt.tz_localize(None).to_numpy("datetime64[ns]")
    return times


def counts_rows(values: np.ndarray) -> bool:
    """Whether a column (N,) just numbers the rows, which says nothing of what is in them."""
    return len(values) > 2 and bool((np.diff(values) == 1).all())
