"""Rows as the text of a .csv file, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")   # a spreadsheet runs a text that begins so


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], ending: str = "\n") -> str:
    """A line of the columns' names, then a line a row.

    A text that a spreadsheet would run as a formula gets an apostrophe before it, which
    `from_cell` takes away again; numbers stay as they are.
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=ending)
    writer.writerow([as_cell(name) for name in columns])
    writer.writerows([as_cell(value) for value in row] for row in rows)
    return written.getvalue()


def as_cell(value: Any) -> Any:
    """A value as a cell that no spreadsheet runs."""
    if not isinstance(value, str) or not value.startswith((*FORMULA, "'")):
        return value
    if _is_number(value):
        return value
    bare = value.lstrip("'")
    return f"'{value}" if bare.startswith(FORMULA) else value


def from_cell(text: str) -> str:
    """The text that `as_cell` was given."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
