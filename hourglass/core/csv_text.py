"""Rows as the text of a .csv file, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")   # a spreadsheet runs texts that begin with these


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], ending: str = "\n") -> str:
    """Write a header line with the columns' names, then one line per row.

    A text that a spreadsheet would run as a formula gets an apostrophe in front, which `from_cell`
    removes. Numbers are unchanged.
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=ending)
    writer.writerow([as_cell(name) for name in columns])
    writer.writerows([as_cell(value) for value in row] for row in rows)
    return written.getvalue()


def as_cell(value: Any) -> Any:
    """Write a value as a cell that no spreadsheet runs."""
    if not isinstance(value, str) or not value.startswith((*FORMULA, "'")):
        return value
    if _is_number(value):
        return value
    bare = value.lstrip("'")
    return f"'{value}" if bare.startswith(FORMULA) else value


def from_cell(text: str) -> str:
    """Undo `as_cell`."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
