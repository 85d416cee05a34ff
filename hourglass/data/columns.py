"""Encode one column of a table as numbers for a model, and decode it."""

from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from .column_values import as_numbers, counts_rows, written_as
from .dates import date_form, read_times
from .pandas_library import pandas, python_texts

MOST_KINDS = 50      # a text column with more different texts holds names, not categories
SENTENCE = 4         # a text with this many words or more is a sentence
LINEAR = r"(?=.*[A-Za-z])[A-Za-z0-9@+\-\[\]()=#$/\\.%:~*]{5,}"   # of molecules, as in SMILES
BONDS = r".*[=#()\[\]@].*"
TRUTH = ["False", "True"]   # the categories of a boolean column
DAY = np.timedelta64(1, "D")
EPOCH = np.datetime64("1970-01-01")
Column = dict[str, Any]   # the encoding of a column: its name, kind and parameters


def learn_column(cells: Any, rows: np.ndarray, named: bool, order: str = "") -> Column | str:
    """Learn a column's encoding from the training rows.

    `named` says whether it was declared a category. `order` says whether its dates have the day or
    the month first. Returns the encoding, with a note on how it was read under "said"; or, as the
    end of a sentence, why the column cannot be used."""
    if not cells.notna().to_numpy()[rows].any():
        return "holds nothing in the training rows"
    numbers = None if named else _numeric(cells, order)
    if numbers is None:
        return _learn_kinds(cells, rows, named)
    values = numbers.values
    if counts_rows(values):
        return "numbers the rows"
    there = values[rows][np.isfinite(values[rows])]
    if not len(there) or there.std() <= 1e-12 * max(abs(there.mean()), 1):
        return "is the same in all training rows"
    return {"name": cells.name, "kind": numbers.kind, "mean": float(there.mean()),
            "std": float(there.std()), "low": float(there.min()), "high": float(there.max()),
            "whole": bool((there == np.rint(there)).all()),
            **({"order": numbers.order} if numbers.order else {}),
            **({"said": f"{cells.name}: {numbers.said}"} if numbers.said else {})}


class Numeric(NamedTuple):
    """A column as numbers."""

    kind: str            # "number" or "date"
    values: np.ndarray   # (N,) dates as days since 1970; NaN where one is missing
    said: str = ""       # a note on how they were read
    order: str = ""      # for dates: whether the day or the month comes first


def _numeric(cells: Any, order: str = "") -> Numeric | None:
    """Numbers, or dates as days since 1970. None for a column with neither."""
    numbers = as_numbers(cells)
    if numbers is not None:
        return Numeric("number", numbers[0], written_as(cells))
    times = read_times(cells, order)
    if times is None:
        return None
    lost = f"{times.lost:,} texts that are not dates count as missing" * (times.lost > 0)
    days = np.where(np.isnat(times.values), np.nan, (times.values - EPOCH) / DAY)
    return Numeric("date", days, "; ".join(filter(None, (times.note, lost))), times.order)


def _learn_kinds(cells: Any, rows: np.ndarray, named: bool) -> Column | str:
    texts = _texts(cells)[rows]
    there = texts[texts != ""].astype(str)
    kinds = np.unique(there)
    if len(kinds) < 2:
        return "is the same in all training rows"
    learnt = {"name": cells.name, "kind": "category", "values": kinds.tolist()}
    if named:
        return learnt if len(kinds) <= MOST_KINDS else {
            **learnt, "said": f"{cells.name}: a category of {len(kinds):,} classes, as declared: "
            f"each becomes a number of a row"}
    what = _what_texts_are(kinds)
    differ = f"has {len(kinds):,} texts that differ in {len(texts):,} training rows"
    if what and len(kinds) > len(there) / 2:
        return f"holds {what}: it {differ}"
    if len(kinds) > MOST_KINDS or len(kinds) == len(texts) > 2:
        return f"{differ} (names or codes; to use it as a category, name it in categories)"
    return learnt


def _what_texts_are(kinds: np.ndarray) -> str:
    """Recognise sentences or molecules among these texts; "" for others."""
    texts = python_texts(pandas().Series(kinds))
    if (texts.str.count(r"\s+") + 1 >= SENTENCE).mean() > 0.5:
        return "sentences (free text), which no column of a table can be learnt from"
    linear = texts.str.fullmatch(LINEAR)
    if linear.mean() > 0.9 and (linear & texts.str.fullmatch(BONDS)).mean() > 0.5:
        return "molecules (SMILES), which no column of a table can be learnt from"
    return ""


def _texts(cells: Any) -> np.ndarray:
    """The cells as texts (N,), "" for missing ones. Integers have no decimal point."""
    if pandas().api.types.is_float_dtype(cells):
        whole = cells.dropna()
        if (whole == whole.round()).all():
            cells = cells.astype("Int64")
    texts: np.ndarray = cells.astype(object).where(cells.notna(), "").astype(str).str.strip(
        ).to_numpy(str)
    return texts


def width(column: Column) -> int:
    """The numbers per row that encode this column."""
    return len(column["values"]) if column["kind"] == "category" else 1


def value_names(columns: list[Column]) -> tuple[str, ...]:
    """The names of a row's numbers: the column's, or "sex=male" for a category."""
    return tuple(name for column in columns for name in (
        [f"{column['name']}={value}" for value in column["values"]]
        if column["kind"] == "category" else [str(column["name"])]))


def described(columns: list[Column]) -> str:
    """Describe a row's numbers in order, such as "number*2, kinds(3), pair(0.25)", for the
    likelihood `mixed`."""
    words = [f"kinds({width(column)})" if column["kind"] == "category" else
             f"pair({_share(column):.6g})" if _has_two(column) else "number" for column in columns]
    runs = [(word, len(list(same))) for word, same in groupby(words)]
    return ", ".join(word if count == 1 else f"{word}*{count}" for word, count in runs)


def _has_two(column: Column) -> bool:
    """Whether every row had one of two neighbouring integers, such as 0 and 1."""
    return column["kind"] == "number" and column["whole"] and column["high"] - column["low"] == 1


def _share(column: Column) -> float:
    """Share of rows with the larger of two values, kept between 0 and 1."""
    return min(max(float(column["mean"] - column["low"]), 1e-6), 1 - 1e-6)


def encode_column(cells: Any, column: Column) -> tuple[np.ndarray, str]:
    """Encode a column's cells as (N, width), NaN for missing ones. Returns them and a note on
    values that training never saw. Raises ValueError if a numeric column holds no numbers."""
    name = column["name"]
    if column["kind"] == "category":
        texts, kinds = _texts(cells), np.array(column["values"])
        if column["values"] == TRUTH and set(texts) <= {"", "0", "1"}:   # from an array
            texts = np.select([texts == "0", texts == "1"], kinds, "")
        one_hot = (texts[:, None] == kinds).astype(np.float32)
        nothing = ~one_hot.any(1)
        strange = nothing & (texts != "")
        one_hot[nothing] = np.nan
        if strange.any():
            return one_hot, (f"{name}: {int(strange.sum())} cells hold values that training never "
                             f"saw, such as {str(texts[strange][0])!r}; they count as missing")
        return one_hot, ""
    numeric = _numeric(cells, column.get("order", ""))
    if (numeric is None or numeric.kind != column["kind"]) and cells.notna().any():
        raise ValueError(f"the column {name!r} holds no {column['kind']}s, as in training")
    values = numeric.values if numeric else np.full(len(cells), np.nan)
    scaled = ((values - column["mean"]) / column["std"]).astype(np.float32)
    strange = np.isnan(values) & cells.notna().to_numpy()
    return scaled[:, None], "" if not strange.any() else (
        f"{name}: {int(strange.sum())} cells that are not {column['kind']}s, such as "
        f"{str(cells[strange].iloc[0])!r}, count as missing")


def parts_of(columns: list[Column]) -> list[slice]:
    """The slice of a row's numbers for each column."""
    ends = np.cumsum([width(column) for column in columns]).tolist()
    return [slice(end - width(column), end) for column, end in zip(columns, ends, strict=True)]


def columns_decoded(columns: list[Column], x: np.ndarray) -> Any:
    """Decode rows (N, D) to a data frame in the data's units: categories as texts (booleans as
    booleans), dates as dates, numbers clipped to the training range."""
    cells = {column["name"]: _decoded(column, x[:, part])
             for column, part in zip(columns, parts_of(columns), strict=True)}
    for column in columns:
        name = column["name"]
        if column.get("values") == TRUTH:
            cells[name] = cells[name] == "True"
        if column["kind"] == "number" and column["whole"]:
            cells[name] = cells[name].astype(np.int64)
        if column["kind"] == "date":
            cells[name] = cells[name].astype("datetime64[D]" if column["whole"] else
                                             "datetime64[s]").astype("datetime64[s]")
    return pandas().DataFrame(cells)


def columns_filled(
    frame: Any, columns: list[Column], recon: np.ndarray, every: bool = False
) -> Any:
    """Fill the frame's missing cells in these columns from `recon` (N, D); with `every`, replace
    all cells. Numbers are clipped to the training range and rounded if all of those were integers.
    Categories become the most probable one."""
    filled = frame.copy()
    for column, numbers in zip(columns, parts_of(columns), strict=True):
        part, cells = recon[:, numbers], frame[column["name"]]
        if every:
            rows = np.ones(len(cells), bool)
            filled[column["name"]] = _put(cells, rows, _decoded(column, part), column)
            continue
        holes = np.isnan(encode_column(cells, column)[0]).any(1)
        if column["kind"] == "category":   # a value that training never saw stays
            holes &= _texts(cells) == ""
        if holes.any():
            filled[column["name"]] = _put(cells, holes, _decoded(column, part[holes]), column)
    return filled


def _decoded(column: Column, part: np.ndarray) -> np.ndarray:
    """Decode a model's output for cells, (M, width), to the data's units (M,)."""
    if column["kind"] == "category":
        return np.array(column["values"])[part.argmax(1)]
    values = part[:, 0].astype(float) * column["std"] + column["mean"]
    values = np.clip(values, column["low"], column["high"])
    values = np.rint(values) if column["whole"] else values
    return EPOCH + (values * 86400e9).astype("timedelta64[ns]") if column["kind"] == "date" else (
        values)


def unit_errors(
    column: Column, pairs: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[str, list[float]]:
    """The error of encoded cells (M, width) against others, per pair, and its name: for numbers and
    dates the root mean squared error in the data's units, for categories the accuracy."""
    decoded = [(_decoded(column, x), _decoded(column, other)) for x, other in pairs]
    if column["kind"] == "category":
        return "accuracy", [float((x == other).mean()) for x, other in decoded]
    scale = DAY if column["kind"] == "date" else 1.0
    return "RMSE, days" if column["kind"] == "date" else "RMSE", [
        float(np.sqrt(np.square((other - x) / scale).mean())) for x, other in decoded]


def _put(cells: Any, holes: np.ndarray, values: np.ndarray, column: Column) -> Any:
    """Put values (M,) into the holes (N,) of the cells. The type stays if it can hold them."""
    library = pandas()
    if column["kind"] == "category":
        there = cells.dropna().drop_duplicates()
        own = dict(zip(_texts(there).tolist(), there, strict=True))
        filled = cells.astype(object)
        filled[holes] = [own.get(value, value) for value in values.tolist()]
        return filled.infer_objects() if not isinstance(
            cells.dtype, library.CategoricalDtype) else filled.astype("category")
    if column["kind"] == "date":
        times = library.Series(values).dt.round("s")
        filled = cells.copy()
        if library.api.types.is_datetime64_any_dtype(cells):
            filled[holes] = times.dt.tz_localize(cells.dt.tz and "UTC").to_numpy()
        else:   # texts
            form = date_form(cells, column.get("order", ""))
            form += "" if column["whole"] else " %H:%M:%S"
            filled[holes] = times.dt.strftime(form).to_numpy()
        return filled
    filled = library.to_numeric(cells, errors="coerce").astype(float)
    filled[holes] = values
    whole = column["whole"] and (filled == filled.round()).all()
    return filled.astype("int64") if whole else filled
