"""Hide observed cells of a table, to find the best way to fill in each column, and its error."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.contracts import Collection
from ..data.columns import Column, parts_of, unit_errors
from ..data.sparse_rows import SparseRows
from ..data.split_data import Source

NEIGHBOURS = 15
WAYS = ("model", f"{NEIGHBOURS} neighbours", "mean or mode")   # of filling in, in order
HIDDEN = 0.1     # share of the observed cells that are hidden at once
ROWS = 2000      # rows with hidden cells, counting repeated ones
NAMED = 10       # columns that a sentence names


def rows_of(source: Source, name: str, most: int) -> Collection:
    """Encoded rows of a split, (N, D), NaN for missing cells."""
    split = source.splits[name]
    index = split.index[split.evenly(most).to(split.index.device)]
    y = None if split.y is None else split.y.cpu()[index.cpu()].numpy()
    y = None if y is None or (y < 0).any() else y   # some are unknown: a model may infer them
    assert not isinstance(split.x, SparseRows)   # ratings have a file of their own
    x = split.x.index_select(0, index).cpu().numpy().astype(np.float32)
    return Collection(x, y, source.classes)


@dataclass(frozen=True)
class Hidden:
    """Rows with hidden cells."""

    holed: Collection      # (N, D), NaN where a cell is missing or hidden
    truth: np.ndarray      # (N, D) before they were hidden
    gone: np.ndarray       # (N, C) which cells were hidden
    rows: np.ndarray       # (N,) row of the split
    columns: list[Column]

    def of_column(self, filled: np.ndarray, cell: int) -> tuple[np.ndarray, np.ndarray]:
        """True and filled-in values of a column's hidden cells, (M, width) each."""
        rows, part = self.gone[:, cell], parts_of(self.columns)[cell]
        return self.truth[rows, part], filled[rows, part]

    def error(self, filled: np.ndarray) -> float:
        """Mean squared error over all columns, each as encoded."""
        pairs = [self.of_column(filled, cell) for cell in range(len(self.columns))]
        return float(np.mean([np.square(x - y).mean() for x, y in pairs if len(x)] or [0]))


def hide(source: Source, name: str, columns: list[Column]) -> Hidden:
    """Hide some observed cells of a split's rows. If there are few rows, each is used several times
    with different cells."""
    rows = rows_of(source, name, ROWS)
    times = max(1, ROWS // len(rows.x))
    truth = np.tile(rows.x, (times, 1))
    random, parts = np.random.default_rng(0), parts_of(columns)
    known = np.stack([~np.isnan(truth[:, part]).any(1) for part in parts], 1)
    gone = known & (random.random(known.shape) < max(HIDDEN, 1 / len(columns)))
    gone &= ~(gone.sum(1) == known.sum(1))[:, None]   # some cell of each row stays
    wide = np.repeat(gone, [part.stop - part.start for part in parts], axis=1)
    y = None if rows.y is None else np.tile(rows.y, times)
    holed = Collection(np.where(wide, np.nan, truth), y, rows.classes)
    return Hidden(holed, truth, gone, np.tile(np.arange(len(rows.x)), times), columns)


def measured(
    hidden: Hidden, ways: list[np.ndarray], weights: np.ndarray, name: str, rounds: int
) -> dict[str, Any]:
    """The errors of each column, as a table and as sentences."""
    filled = blended(hidden.holed.x, ways, weights, hidden.columns)
    rows, behind = [], []
    for cell, column in enumerate(hidden.columns):
        pairs = [hidden.of_column(way, cell) for way in (*ways, filled)]
        if not len(pairs[0][0]):
            continue
        what, errors = unit_errors(column, pairs)
        used = in_shares(weights[cell])
        rows.append([column["name"], what, *(f"{error:.4g}" for error in errors), used])
        behind += [column["name"]] * bool(weights[cell][0] == 0)
    repeated = f"; the model was applied {rounds} times" if rounds > 1 else ""
    same = ", the same rows" if name == "val" else ""
    words = [f"{int(hidden.gone.sum()):,} observed cells of {name} rows were hidden and filled in"
             f"{repeated}. The method for each column was chosen on hidden cells of validation "
             f"rows{same}."] if hidden.gone.any() else [
        f"No cell of {name} rows could be hidden, so it is not known how well gaps are filled in."]
    more = f" and {len(behind) - NAMED} more" if len(behind) > NAMED else ""
    words += [f"A simpler method fills in these columns better than the model, and is used: "
              f"{', '.join(behind[:NAMED])}{more}."] * bool(behind)
    return {"words": words, "rows": rows,
            "columns": ["column", "measure", *WAYS, "as filled in", "filled in by"]}


def blended(
    x: np.ndarray, ways: list[np.ndarray], weights: np.ndarray, columns: list[Column]
) -> np.ndarray:
    """x (N, D), with missing values from the columns' weighted mean of the three ways."""
    widths = [part.stop - part.start for part in parts_of(columns)]
    wide = np.repeat(weights, widths, axis=0).T   # (3, D)
    mixed = sum(weight * way for weight, way in zip(wide, ways, strict=True))
    filled: np.ndarray = np.where(np.isnan(x), mixed, x).astype(np.float32)
    return filled


def in_shares(weights: np.ndarray) -> str:
    """The weights (3,) of the ways in words, such as "75% model + 25% 15 neighbours"."""
    return " + ".join(f"{weight:.0%} {way}" if weight < 1 else way
                      for weight, way in zip(weights, WAYS, strict=True) if weight)


def in_lines(measurements: dict[str, Any], most: int = 20) -> list[str]:
    """The measurements as lines for a terminal; for many columns, the first ones."""
    if not measurements.get("rows"):
        return list(measurements.get("words", []))
    table = [measurements["columns"], *measurements["rows"][:most]]
    wide = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    more = len(measurements["rows"]) - most
    return [*measurements["words"], *("  ".join(text.ljust(n) for text, n in zip(
        row, wide, strict=True)).rstrip() for row in table),
        *[f"and {more} columns more, in the report"] * (more > 0)]
