"""Tables that a notebook shows: named columns, with a data frame where pandas is there."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

MOST = 30   # rows that are shown


class Columns(Mapping[str, np.ndarray]):
    """Columns by name, each an array (N,)."""

    def __init__(self, columns: Mapping[str, np.ndarray]):
        self._columns = dict(columns)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return as_text([*self._columns], self._rows())

    def _repr_html_(self) -> str:
        return as_html([*self._columns], self._rows())

    def to_pandas(self) -> Any:
        """A pandas.DataFrame; raises ValueError where pandas is not installed."""
        return frame_of(self._columns)

    def _rows(self) -> list[list[Any]]:
        return [list(row) for row in zip(*self._columns.values(), strict=True)]


class Metrics(Mapping[str, tuple[float, float, float]]):
    """Metrics by name: the value, and the ends of its 95 % interval, NaN where there is none."""

    def __init__(self, values: Mapping[str, tuple[float, float, float]],
                 meanings: Mapping[str, str]):
        self._values, self._meanings = dict(values), meanings

    def __getitem__(self, name: str) -> tuple[float, float, float]:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return as_text(["metric", "value", "low", "high"], self._rows())

    def _repr_html_(self) -> str:
        rows = [[*row, self._meanings.get(row[0].rpartition("/")[2], "")] for row in self._rows()]
        return as_html(["metric", "value", "low", "high", "meaning"], rows)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with a row a metric; raises ValueError where pandas is not
        installed."""
        names = list(self._values)
        return frame_of({"metric": names, **{
            column: [self._values[name][i] for name in names]
            for i, column in enumerate(("value", "low", "high"))}})

    def _rows(self) -> list[list[Any]]:
        return [[name, *values] for name, values in self._values.items()]


def frame_of(columns: Mapping[str, Any]) -> Any:
    """Columns as a pandas.DataFrame; raises ValueError where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        raise ValueError("a data frame needs pandas: pip install 'hourglass[tabular]'") from None
    return pandas.DataFrame(columns)


def as_text(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table for a terminal; of many epochs the last ones, of other rows the first."""
    last = _are_epochs(names)
    cells = [list(names), *([_cell(value) for value in row] for row in _some(rows, last))]
    wide = [max(len(row[i]) for row in cells) for i in range(len(names))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip()
             for row in cells]
    left_out = [f"({len(rows) - MOST:,} {'earlier' if last else 'more'} rows)"] if (
        len(rows) > MOST) else []
    return "\n".join([lines[0], *left_out, *lines[1:]] if last else [*lines, *left_out])


def as_html(names: Sequence[str], rows: Sequence[Sequence[Any]], most: int = MOST) -> str:
    """A table for a notebook; of many epochs the last ones, of other rows the first."""
    last = _are_epochs(names)
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row) + "</tr>"
                   for row in _some(rows, last, most))
    left_out = (f"<p>{len(rows) - most:,} {'earlier' if last else 'more'} rows are not shown.</p>"
                if len(rows) > most else "")
    return f"{left_out}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _are_epochs(names: Sequence[str]) -> bool:
    return names[:1] == ["epoch"]


def _some(
    rows: Sequence[Sequence[Any]], last: bool, most: int = MOST
) -> Sequence[Sequence[Any]]:
    return rows[-most:] if last else rows[:most]


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.5g}"
    return str(value)
