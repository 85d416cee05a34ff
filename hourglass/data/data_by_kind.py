"""Data for hourglass.train with kind="table", "series", "ratings", "lines" or "molecules"."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.expressions import Call
from ..core.hints import did_you_mean
from ..core.registry import sources
from .in_memory import gather
from .pandas_library import is_frame
from .rows import as_frame, is_rows
from .sources import table
from .sources.arrays import from_windows
from .sources.lines import of_texts
from .sources.molecules import of_molecules
from .sources.ratings import of_frame
from .sources.series import frame_of_array, from_frame, plain_array, whole
from .timeline import SeriesOptions

KINDS = ("table", "series", "ratings", "lines", "molecules")
OF_TABLES = ("label", "drop", "categories", "dates", "decimal")
OF_LINES = ("level", "limit", "vocabulary", "lower", "column", "label")
OF_MOLECULES = ("notation", "limit", "column", "label")
OF_RATINGS = ("explicit", "least", "fewest", "split", "fold_in", "items", "user", "item",
              "rating", "time")
OPTIONS = ("window", "stride", "columns", "time", "id", "label", "drop", "dates", "decimal")
WINDOW = 288


def as_kind(data: Any, kind: str, y: Any, settings: dict[str, Any]) -> Any:
    """Convert the data to a kind for training: a text for a file's path, a Collection for a data
    frame or array in memory, all else unchanged. Options of a series, such as window=24 or
    id="unit", are removed from the settings. Raises ValueError."""
    if not kind:
        return data
    if kind not in KINDS:
        raise ValueError(f"no kind of data is named {kind!r}; {did_you_mean(kind, KINDS)}")
    options = options_of(kind, settings)
    if kind == "table":
        return _table(data, options, y) if options else data
    if kind == "ratings":
        return _ratings(data, options, y)
    if kind == "lines":
        return _lines(data, options, y)
    if kind == "molecules":
        return _molecules(data, options, y)
    if isinstance(data, str | Path):
        return _text(data, options)
    samples = gather(data)
    if is_frame(samples.values):
        return _series(samples.values, options, y)
    values, y = np.asarray(samples.values), samples.y if y is None else y
    if samples.mask is not None:
        values = np.where(samples.mask, np.nan, values)
    if values.ndim == 1 or (values.ndim == 2 and "window" in options):
        return _series(frame_of_array(values, "data"), options, y)
    if options:
        raise ValueError(f"{', '.join(options)} cannot be used with an array {values.shape}, which "
                         f"holds windows already: (N, T, C), or (N, T)")
    return from_windows(values, y)


def options_of(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Take the options of a kind, such as window=24, out of the settings."""
    known = {"table": OF_TABLES, "series": OPTIONS, "ratings": OF_RATINGS, "lines": OF_LINES,
             "molecules": OF_MOLECULES}.get(kind, ())
    names = [name for name in known if name in settings]
    return {name: settings.pop(name) for name in names}


def kind_of(data: Any, kind: str, settings: Collection[str]) -> str:
    """The kind, which is "table" for rows with options of a table, such as label="survived"."""
    rows = not kind and bool({*OF_TABLES} & {*settings}) and is_rows(data)
    return "table" if rows else kind


def _table(data: Any, options: dict[str, Any], y: Any) -> Any:
    """Rows in a file, as a text, or in a data frame or its like, as a Collection."""
    if y is not None and "label" in options:
        raise ValueError("classes come from the column label or from y; leave one out")
    checked = sources.check(Call("table", ("",), options))   # and of the right types
    if isinstance(data, str | Path):
        return str(Call("table", (str(data),), options))
    values = gather(data).values
    named = {name: checked[name] for name in ("label", "drop", "categories") if name in options}
    rows = table.from_frame(as_frame(values) if is_rows(values) else frame_of_array(values, "data"),
                            y=y, **named)
    return table.whole(replace(rows, dates=checked.get("dates", "")))


def _text(path: str | Path, options: dict[str, Any]) -> str:
    """The text of a source for a file, as settings store it."""
    kind = "" if options else Path(path).suffix.lower()
    if kind == ".npz" or (kind == ".npy" and plain_array(path).ndim == 3):
        return str(Call("array", (str(path),), {"kind": "series"}))
    return str(Call("series", (str(path),), options))


def _ratings(data: Any, options: dict[str, Any], y: Any) -> Any:
    """Ratings in a file, as a text, or in a data frame or its like, as a Collection."""
    if y is not None:
        raise ValueError("ratings have no labels y; leave y out")
    if isinstance(data, str | Path):
        return str(Call("ratings", (str(data),), options))
    if not is_rows(data):
        raise ValueError(f"ratings in memory are a data frame, or a dict of columns, with a user, "
                         f"an item and perhaps a rating and a time in each row, not a "
                         f"{type(data).__name__}")
    checked = sources.check(Call("ratings", ("",), options))   # and of the right types
    return of_frame(as_frame(data), **{name: checked[name] for name in options})


def _lines(data: Any, options: dict[str, Any], y: Any) -> Any:
    """Lines in a file, as a text, or in a list or column of texts, as a Collection."""
    if isinstance(data, str | Path):
        if y is not None:
            raise ValueError("labels y go with lines in memory; name classes by files, or by a "
                             "column, as in label='kind'")
        return str(Call("lines", (str(data),), options))
    wrong = next((name for name in ("column", "label") if name in options), None)
    if wrong:
        raise ValueError(f"{wrong} is for tables in files; give a list of texts, with their "
                         f"classes as y")
    return of_texts(data, y, **options)


def _molecules(data: Any, options: dict[str, Any], y: Any) -> Any:
    """Molecules in a file, as a text, or in a list or data frame, as a Collection."""
    if not isinstance(data, str | Path):
        return of_molecules(data, y, **options)
    if y is not None:
        raise ValueError("labels y go with molecules in memory; name the column of classes, as in "
                         "label='kind'")
    return str(Call("molecules", (str(data),), options))


def _series(frame: Any, options: dict[str, Any], y: Any) -> Any:
    if y is not None:
        raise ValueError("a series has no labels y; name the column that marks abnormal steps, as "
                         "in label='anomaly'")
    options.pop("decimal", None)   # numbers in memory need no decimal mark
    arguments = {name: options.pop(name) for name in ("stride", "columns", "time")
                 if name in options}
    window = options.pop("window", WINDOW)
    for name, value in (("window", window), ("stride", arguments.get("stride", 1))):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be a whole number from 1, not {value!r}")
    return whole(from_frame(frame, int(window), **arguments, also=SeriesOptions(**options)))
