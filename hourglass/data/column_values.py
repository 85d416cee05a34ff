"""The values of a column of a data frame: numbers, truth values or times."""

from typing import Any

import numpy as np

from .dates import read_times
from .numerals import cleaned, decimal_mark, numbers_in, stand_for_missing
from .pandas_library import is_text, pandas

SAMPLE, NONE = 500, 0.9   # texts that are looked at first, and the share of others that ends it

SWITCHES = (("false", "true"), ("no", "yes"), ("off", "on"), ("f", "t"), ("n", "y"),
            ("closed", "open"), ("inactive", "active"))   # texts for 0 and for 1


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
    """The same for texts. `mark` is their decimal mark; "" finds it from the texts themselves."""
    library = pandas()
    codes, unique = library.factorize(column)
    texts = library.Series(unique).astype(str)
    some = texts[::-(-len(texts) // SAMPLE)]
    if not some.str.contains(r"\d", regex=True).any() or (
            len(texts) > SAMPLE and np.isnan(numbers_in(some, mark or ".")).mean() > NONE
            and np.isnan(numbers_in(some, ",")).mean() > NONE):
        return None   # some texts suffice to know this, and reading all takes long
    mark = mark or ("," if decimal_mark(texts) == "," else ".")
    numbers = numbers_in(texts, mark)
    values = np.append(numbers, np.nan)[codes]
    lost = texts[np.isnan(numbers)]
    every = lost.repeat(np.bincount(codes[codes >= 0], minlength=len(texts))[lost.index])
    total = int((codes >= 0).sum())
    return (values, len(every)) if stand_for_missing(every, total) else None


def written_as(column: Any) -> str:
    """A note on texts that are numbers in an unusual writing; "" for others."""
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
    parsed = _numbers_of_texts(column, mark) if column.notna().any() else None
    if parsed is None:
        return None
    values = pandas().Series(parsed[0], index=column.index)
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
    words = set(texts) - {""}
    pair = next((pair for pair in SWITCHES if words and words <= set(pair)), None)
    if pair is None:
        return None
    values = np.where(texts == "", np.nan, (texts == pair[1]).astype(float))
    return values, ", ".join(pair)


def as_times(column: Any, order: str = "") -> np.ndarray | None:
    """A column as times (N,), datetime64[ns] in UTC, NaT where there is none; None for others.
    Texts are times as in ISO 8601, such as 2024-05-31 13:45:00, or as `read_times` knows them."""
    times = read_times(column, order)
    return None if times is None else times.values


def counts_rows(values: np.ndarray) -> bool:
    """Whether a column (N,) only numbers the rows, and so has no information about them."""
    return len(values) > 2 and bool((np.diff(values) == 1).all())
