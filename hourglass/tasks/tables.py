"""Rows of a table through a model and back, or drawn from it, as .csv or .parquet."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from ..core.console import say
from ..core.csv_text import as_cell
from ..core.files import write_out
from ..data.columns import parts_of, unit_errors
from ..data.pandas_library import is_text
from ..inference.trained import Trained
from .write_images import check_name

SUFFIXES = (".csv", ".parquet")
NAME = "reconstruction.csv"   # in a folder


def is_table(model: Trained) -> bool:
    """Whether a model was trained on the rows of a table."""
    return model.description.kind == "table"


def save_table(path: Path, frame: Any, as_written: bool = False) -> None:
    """Write a data frame as .csv or .parquet, by the name's suffix. Raises ValueError.

    In a .csv, texts that a spreadsheet would run are made harmless, unless they stay `as_written`.
    """
    check_name(path, SUFFIXES)
    buffer = io.BytesIO()
    if path.suffix.lower() == ".csv":
        safe = frame if as_written else frame.rename(columns=as_cell).apply(
            lambda column: column.map(as_cell) if is_text(column) else column)
        safe.to_csv(buffer, index=False)
    else:
        frame.to_parquet(buffer, index=False)
    write_out(path, buffer.getvalue())


def reconstruct_table(model: Trained, data: str, out: Path) -> list[str]:
    """Write the reconstructions of a table's rows, in the table's units. In a folder, the file is
    reconstruction.csv. Returns lines with the error of each column. Raises ValueError."""
    out = out if out.suffix else out / NAME
    check_name(out, SUFFIXES)
    collection = model.read(data)
    for note in collection.notes:
        say(note)
    recon = model.reconstruct(collection)
    save_table(out, model.in_units(recon, collection))
    lines = [f"{len(recon):,} rows in {out}"]
    columns = collection.encoding["columns"]
    for column, part in zip(columns, parts_of(columns), strict=True):
        known = ~np.isnan(collection.x[:, part]).any(1)
        if known.any():
            what, (error,) = unit_errors(column, [(collection.x[known, part], recon[known, part])])
            lines.append(f"{column['name']}: {what} {error:.4g}")
    return lines


def drawn_rows(model: Trained, x: np.ndarray, kinds: list[str]) -> Any:
    """Generated rows (N, D) as a data frame in the table's units, with a column of labels if there
    are `kinds`."""
    frame = model.in_units(x)
    if kinds:
        frame[model.description.encoding["label"] or "class"] = kinds
    return frame
