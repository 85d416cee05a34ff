"""A table with what is missing in it filled in."""

import io
from pathlib import Path
from typing import Any

from ..console import say
from ..data.frames import decimal_of, read_frame
from ..data.table import Table, by_column
from ..disk import write_out
from ..trained import Trained
from .pictures import check_name

SUFFIXES = (".csv", ".parquet")


def impute(model: Trained, table: str, out: Path) -> list[str]:
    """Write a table's file again with its missing cells filled in by the model; all other cells of
    a csv stay as they were written. Returns what to say of it. Raises ValueError."""
    check_name(out, SUFFIXES)
    if out.resolve() == Path(table).resolve():
        raise ValueError(f"{out} is the table itself; choose another -o")
    found = model.read(table)
    for note in found.notes:
        say(note)
    full = model.impute(found)
    assert isinstance(found.raw, Table)   # else it was refused
    own = found.raw.frame
    changed = {name: own[name].isna() & full[name].notna() for name in own.columns}
    whole = read_frame(table, as_text=True)
    for name, cells in changed.items():
        if cells.any():
            whole[name] = _put(whole[name], cells, full[name], decimal_of(own))
    buffer = io.BytesIO()
    whole.to_csv(buffer, index=False) if out.suffix.lower() == ".csv" else (
        whole.to_parquet(buffer, index=False))
    write_out(out, buffer.getvalue())
    count = {name: int(cells.sum()) for name, cells in changed.items() if cells.any()}
    left = sum(int(cells.sum()) for name, cells in full.isna().items())
    lines = [f"{sum(count.values()):,} cells filled in: "
             f"{by_column(count) or 'none was missing'}"]
    return lines + [f"{left:,} cells are still missing, in columns that the model knows nothing of"
                    ] * (left > 0)


def _put(cells: Any, holes: Any, values: Any, mark: str) -> Any:
    """Column of texts, or of what a parquet file held, with `values` where there are holes; numbers
    with the file's decimal mark."""
    if cells.dtype == values.dtype or not _is_text(cells):
        return values
    found = cells.copy()
    found[holes] = [f"{v:.6g}".replace(".", mark or ".") if isinstance(v, float) else str(v)
                    for v in values[holes]]
    return found


def _is_text(cells: Any) -> bool:
    from ..data.frames import is_text
    return is_text(cells)
