"""Whether a table may be a time series, by the times in its first rows."""

import csv
import zipfile
from pathlib import Path

import numpy as np

from .data_frames import suffix_of
from .dates import read_times
from .pandas_library import pandas
from .rating_places import place_of
from .text_bytes import cells_of, first_lines

EXAMINED = 200   # rows
LEAST = 20       # of them, for a guess
EVEN = 0.8       # share of the steps that must be the usual one


def is_of_series(path: Path) -> str:
    """The column of times of a csv table whose rows follow one another in even steps; otherwise "".
    Parquet is not looked into."""
    try:
        if suffix_of(path) not in (".csv", ".tsv") or not path.is_file():
            return ""
        text = first_lines(place_of(path).head(), str(path))
        lines = [line for line in text.splitlines() if line.strip()][:EXAMINED]
        names, *rows = cells_of(lines)
        return next((name for i, name in enumerate(names)
                     if _in_even_steps([row[i] for row in rows if len(row) > i])), "")
    except (OSError, ValueError, csv.Error, EOFError, zipfile.BadZipFile):
        return ""   # reading it will say what is wrong


def _in_even_steps(cells: list[str]) -> bool:
    times = read_times(pandas().Series(cells)) if len(cells) >= LEAST else None
    if times is None:
        return False
    steps = np.diff(times.values).astype(np.int64)   # in ns; NaT is the smallest number
    return bool((steps > 0).all() and (steps == np.median(steps)).mean() >= EVEN)
