"""Fill in the missing cells of a table or series."""

from pathlib import Path
from typing import Any

import numpy as np

from ..core.console import say
from ..core.contracts import Collection
from ..data.data_frames import decimal_of, read_frame
from ..data.sources.series import Series
from ..data.sources.table import Table, by_column
from ..data.windows import over_time
from ..inference.hidden_cells import WAYS, in_lines, in_shares
from ..inference.imputation import Filler, complete, filler_of
from ..inference.series_gaps import filled
from ..inference.trained import Trained
from .tables import SUFFIXES, save_table
from .write_images import check_name, save_array

MOST = 20   # columns whose method is printed


def impute(model: Trained, table: str, out: Path) -> list[str]:
    """Write a table's file with its missing cells filled in by the model. All other cells of
    a csv stay as written. For a series, its times, units and channels are written in the
    order of time; windows (N, T, C) as .npy. Returns notes. Raises ValueError."""
    windows = model.description.kind == "windows"
    check_name(out, (".npy",) if windows else SUFFIXES)
    if out.resolve() == Path(table).resolve():
        raise ValueError(f"{out} is the table itself; choose another -o")
    collection = model.read(table)
    for note in collection.notes:
        say(note)
    filler = _filler(model, collection, table)
    if isinstance(collection.raw, Series):
        return _impute_series(model, collection, filler, out)
    if windows:
        save_array(out, filled(model, collection, filler.weights, filler.rounds))
        missing = int(np.isnan(collection.x).sum())
        return [*in_lines(filler.measurements), f"{missing:,} values filled in"]
    assert isinstance(collection.raw, Table)
    full = collection.raw.filled(collection.encoding, complete(model, collection, filler))
    own = collection.raw.frame
    changed = {name: own[name].isna() & full[name].notna() for name in own.columns}
    whole = read_frame(table, as_text=True)
    for name, cells in changed.items():
        if cells.any():
            whole[name] = _put(whole[name], cells, full[name], decimal_of(own))
    save_table(out, whole, as_written=True)   # the user's own cells
    count = {name: int(cells.sum()) for name, cells in changed.items() if cells.any()}
    left = sum(int(cells.sum()) for name, cells in full.isna().items())
    lines = [*_how(filler, collection.encoding["columns"], count),
             f"{sum(count.values()):,} cells filled in: {by_column(count) or 'none was missing'}"]
    return lines + [f"{left:,} cells are still missing, in columns that the model does not have"
                    ] * (left > 0)


def _filler(model: Trained, collection: Collection, table: str) -> Filler:
    """The run's filler. Raises ValueError for a file that it cannot fill in."""
    if isinstance(collection.raw, Table):
        return filler_of(model)
    if not over_time(model.description.encoding):
        raise ValueError(f"{table} is neither a table nor a series")
    if model.model.condition is not None:
        raise ValueError("a conditional model cannot fill in gaps of a series; train without "
                         "--condition")
    return filler_of(model)


def _impute_series(model: Trained, collection: Collection, filler: Filler, out: Path) -> list[str]:
    series = collection.raw
    assert isinstance(series, Series)
    full = filled(model, collection, filler.weights, filler.rounds)
    save_table(out, full)
    gaps = np.isnan(series.values).sum(0)
    count = {name: int(n) for name, n in zip(series.columns, gaps, strict=True) if n}
    return [*in_lines(filler.measurements), f"{sum(count.values()):,} values filled in: "
            f"{by_column(count) or 'none was missing'}",
            "the file holds times and channels in the order of time; other columns are left out"]


def _how(filler: Filler, columns: list[Any], count: dict[str, int]) -> list[str]:
    """How columns are filled in if not by the model alone, with the error on hidden cells."""
    lines = []
    measured = {row[0]: row for row in filler.measurements.get("rows", [])}
    for column, weights in zip(columns, filler.weights, strict=True):
        if column["name"] in count:
            name, row = column["name"], measured.get(column["name"])
            error = f" ({row[1]} {row[5]} on hidden cells, {row[4]} by {WAYS[2]})" if row else ""
            lines.append(f"{name}: {in_shares(weights)}{error}")
    return lines[:MOST] + [f"and {len(lines) - MOST} columns more"] * (len(lines) > MOST)


def _put(cells: Any, holes: Any, values: Any, mark: str) -> Any:
    """Put values into the holes of a column of texts (or of a parquet file). Numbers get the file's
    decimal mark."""
    if cells.dtype == values.dtype or not _is_text(cells):
        return values
    column = cells.copy()
    column[holes] = [f"{v:.6g}".replace(".", mark or ".") if isinstance(v, float) else str(v)
                     for v in values[holes]]
    return column


def _is_text(cells: Any) -> bool:
    from ..data.pandas_library import is_text
    return is_text(cells)
