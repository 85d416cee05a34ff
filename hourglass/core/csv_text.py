"""Rows as the text of a .csv file."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], ending: str = "\n") -> str:
    """A line of the columns' names, then a line a row."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=ending)
    writer.writerow(columns)
    writer.writerows(rows)
    return written.getvalue()
