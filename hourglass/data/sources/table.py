"""Tables: rows of numbers, dates and categories as vectors, with NaN for missing cells."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from ...core.console import say
from ...core.contracts import Collection
from ...core.hints import did_you_mean
from ...core.registry import sources
from ..columns import columns_decoded, columns_filled, encode_column, learn_column, width
from ..data_frames import checked, decimal_of, digest_of, notes_of, read_frame
from ..dates import Order
from ..labels import numbered
from ..read_image import Reading
from ..rows import as_array, as_frame, is_rows, name_columns

Decimal = Literal["", ".", ","]
NAMED = 6   # columns that a note on missing cells lists
MISSING = "cells missing, of"   # part of that note


@dataclass(frozen=True)
class Table:
    """Rows of a table in their own units."""

    frame: Any                                   # pandas.DataFrame, without the labels
    y: np.ndarray | None = None                  # (N,)
    classes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()             # numeric columns that are categories
    label: str = ""                              # name of the column of y
    order: tuple[str, ...] = ()                  # all columns in their order, with the label
    identity: dict[str, Any] = field(default_factory=dict)
    dates: Order = ""                            # whether the day or the month comes first

    def parts(self, shares: dict[str, float]) -> dict[str, np.ndarray]:
        """No own splits, as rows have no order."""
        return {}

    def learn(self, train: np.ndarray) -> Collection:
        """Learn each column from the training rows, and encode all rows."""
        columns, notes = [], []
        for name in self.frame.columns:
            column = learn_column(self.frame[name], train, name in self.categories, self.dates)
            if isinstance(column, str):
                notes.append(f"the column {name!r} {column} and is left out")
            else:
                notes += [column.pop("said")] if "said" in column else []
                columns.append(column)
        if not columns:
            raise ValueError(f"no column can be used: {'; '.join(notes)}")
        collection = self.encode({"kind": "table", "columns": columns, "label": self.label,
                                  "decimal": decimal_of(self.frame),
                                  "order": list(self.order or self.frame.columns),
                                  "left_out": [name for name in self.frame.columns
                                               if name not in [c["name"] for c in columns]]})
        return replace(collection, notes=[*notes, *collection.notes])

    def encode(self, encoding: dict[str, Any]) -> Collection:
        """Encode the rows as (N, D), NaN for missing cells, with a learnt encoding. Raises
        ValueError for a missing column."""
        if encoding["kind"] != "table":
            raise ValueError("this model was trained on series, not on a table")
        names = [column["name"] for column in encoding["columns"]]
        for name in names:
            if name not in self.frame.columns:
                raise ValueError(f"the table lacks the column {name!r} that this model was trained "
                                 f"on ({did_you_mean(name, self.frame.columns)}); add an empty one "
                                 f"to count it as missing")
        parts: list[np.ndarray] = []
        missing: dict[str, int] = {}
        notes = notes_of(self.frame) + _other_columns([*self.frame.columns], names, encoding)
        for column in encoding["columns"]:
            part, note = encode_column(self.frame[column["name"]], column)
            parts.append(part)
            notes += [note] * bool(note)
            count = int(np.isnan(part).any(1).sum())
            missing |= {column["name"]: count} if count else {}
        if missing:
            notes.append(f"{MISSING} {len(self.frame):,} rows: {by_column(missing)}; the loss "
                         f"ignores them")
        y, classes = self.y, self.classes
        if y is None and encoding["label"] in self.frame.columns:
            y, classes = numbered(self.frame[encoding["label"]], len(self.frame))
        return Collection(np.concatenate(parts, 1), y, classes, notes=notes,
                          identity=self.identity, raw=self, encoding=encoding)

    def replaced(self, encoding: dict[str, Any], recon: np.ndarray) -> Any:
        """The columns that the model uses, with every cell from decoded rows (N, D), in the table's
        types."""
        names = [column["name"] for column in encoding["columns"]]
        return columns_filled(self.frame[names], encoding["columns"], recon, every=True)

    def filled(self, encoding: dict[str, Any], recon: np.ndarray) -> Any:
        """The table with missing cells filled in from the model's rows (N, D)."""
        return columns_filled(self.frame, encoding["columns"], recon)


def _other_columns(columns: list[str], names: list[str], encoding: dict[str, Any]) -> list[str]:
    """Notes on columns that training did not have, and on another order of columns."""
    known = [*names, *encoding["left_out"], encoding["label"], *encoding.get("order", [])]
    strange = set(columns) - set(known)
    notes = [f"columns that were not in the training data are ignored: "
             f"{', '.join(sorted(strange))}"] * bool(strange)
    shared = [name for name in columns if name in names]
    return notes + ["the columns are in another order than in training; they are used by name"] * (
        shared != names)


def rows_like(data: Any, encoding: dict[str, Any]) -> Collection:
    """Encode rows in memory as in training: a data frame, a dict of columns, a list of dicts, or an
    array of the training columns in order. An array with the width of encoded rows (wider if there
    are categories) counts as encoded. Raises ValueError."""
    if is_rows(data):
        return _said(from_frame(as_frame(data)).encode(encoding))
    values = as_array(data)
    encoded = sum(width(column) for column in encoding["columns"])
    try:
        frame, note = name_columns(values, encoding)
    except ValueError:
        if values.shape[1] != encoded or values.dtype.kind not in "fiu":
            raise
        return _said(Collection(values.astype(np.float32), encoding=encoding, notes=[
            f"an array of {encoded} columns is taken as already encoded rows"]))
    collection = from_frame(frame).encode(encoding)
    return _said(replace(collection, notes=[note, *collection.notes]))


def _said(collection: Collection) -> Collection:
    """The collection unchanged. Prints its notes, once per process, as no command does."""
    for note in collection.notes:
        if not note.startswith(MISSING):
            _say_once(note)
    return collection


@lru_cache(1000)
def _say_once(note: str) -> None:
    say(note)


def in_units(encoding: dict[str, Any], x: np.ndarray, raw: Any = None) -> Any:
    """Decode rows (N, D) to a data frame in the data's units: numbers clipped to the training
    range, categories as texts, dates as dates. With `raw`, the original table, columns get its
    types."""
    return raw.replaced(encoding, x) if isinstance(raw, Table) else (
        columns_decoded(encoding["columns"], x))


@sources.add("table", example="table('rows.csv')")
def table(
    reading: Reading, path: str, label: str = "", drop: str | tuple[str, ...] = (),
    categories: str | tuple[str, ...] = (), dates: Order = "", decimal: Decimal = "",
) -> Collection:
    """The rows of a csv or parquet file, each as a vector.

    Numbers and dates are standardised by the training rows. Texts with up to 50 different values
    become one-hot categories. The loss ignores missing cells, and the model can fill them in.
    Columns that cannot be used are reported and left out, as are those in `drop`. `categories`
    names numeric columns that are categories, such as postcodes, and texts with more values.
    `label` is the column of classes. `dates` says whether the day or the month comes first in dates
    such as 05/06/2024, and `decimal` the decimal mark, if the cells do not show it.
    """
    return whole(read_table(path, label, drop, categories, dates, decimal))


def by_column(counts: dict[str, int]) -> str:
    """Counts by column in words: "12 in age, 3 in height"; for many columns, the first ones."""
    words = [f"{count:,} in {name}" for name, count in counts.items()]
    left = len(words) - NAMED
    more = [f"{sum([*counts.values()][NAMED:]):,} in {left} other{'s' * (left > 1)}"] * (left > 0)
    return ", ".join(words[:NAMED] + more)


def read_table(
    path: str, label: str = "", drop: str | tuple[str, ...] = (),
    categories: str | tuple[str, ...] = (), dates: Order = "", decimal: Decimal = "",
) -> Table:
    """Read the rows of a file, not yet encoded; see `table`."""
    options = {"path": path, "label": label, "drop": _names(drop),   # JSON data
               "categories": _names(categories)}
    rows = from_frame(read_frame(path, decimal=decimal), label, drop, categories, options)
    return replace(rows, dates=dates)


def whole(table: Table) -> Collection:
    """All rows of a table, encoded by all rows, until it is split."""
    return table.learn(np.arange(len(table.frame)))


def from_frame(
    frame: Any, label: str = "", drop: str | Sequence[str] = (),
    categories: str | Sequence[str] = (), identity: dict[str, Any] | None = None, y: Any = None,
) -> Table:
    """Rows of a pandas.DataFrame, with a column of labels, or labels y (N,). Raises ValueError."""
    frame = checked(frame, "the table")
    drop, categories = _names(drop), _names(categories)
    for name in (*([label] if label else []), *drop, *categories):
        if name not in frame.columns:
            raise ValueError(f"there is no column {name!r}; {did_you_mean(name, frame.columns)}")
    numbers, classes = numbered(frame[label] if label else y, len(frame))
    kept = frame.drop(columns=[*drop, *([label] if label else [])])
    if not len(kept.columns):
        raise ValueError("no column is left to learn from")
    return Table(kept, numbers, classes, tuple(categories), label, tuple(frame.columns),
                 {**(identity or {}), "digest": digest_of(frame)})


def _names(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
