"""Classes that a person makes of samples in the latent space, as files that a training takes."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.snapshot import Snapshot
from ..core.csv_text import as_csv, from_cell
from ..core.files import is_link, read_file, write_whole
from ..core.output_names import printable
from .jobs import in_shell
from .latent import mark_of
from .samples import check_numbers

FOLDER = "labels"    # in the studio's folder
LONGEST = 80         # characters of a class


def make_class(home: Path, run: Path, s: Snapshot, rows: Sequence[int], name: str
               ) -> dict[str, Any]:
    """Give these samples a class, in place of one that a person gave them before. All such samples
    stand in labels/RUN-MARK.csv, and with their values in an .npz beside it. Returns the classes
    with their sizes, and the command that trains a classifier on them. Raises ValueError."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST or not name.isprintable():
        raise ValueError(f"a class needs a name of 1 to {LONGEST} characters")
    if s.x.ndim != 4 or not s.bounded:
        raise ValueError("classes are made of images with values from 0 to 1; for other samples, "
                         "save the list")
    check_numbers(s, rows)
    table = home / FOLDER / f"{run.name}-{mark_of(s).rpartition(' ')[2]}.csv"
    if is_link(table):
        raise ValueError(f"{table} is a link, and the studio writes no links")
    table.parent.mkdir(exist_ok=True)
    classes = _classes_in(table) | dict.fromkeys(rows, name)
    _write(table, s, classes)
    data = str(table.with_suffix(".npz"))
    return {"classes": Counter(classes.values()), "path": printable(str(table)),
            "command": f"hourglass {in_shell(['finetune', str(run), data])}"}


def _classes_in(table: Path) -> dict[int, str]:
    """The classes so far, by the samples' numbers. Raises ValueError for a damaged file."""
    try:
        lines = csv.DictReader(io.StringIO(read_file(table).decode(), newline=""))
        return {int(line["sample"]): from_cell(line["class"]) for line in lines}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise ValueError(f"{table} is damaged ({error}); mend it, or remove it") from None


def _write(table: Path, s: Snapshot, classes: dict[int, str]) -> None:
    rows = sorted(row for row in classes if row < len(s.x))
    content = io.BytesIO()
    np.savez_compressed(content, x=s.x[rows].astype(np.float32),
                        y=np.array([classes[row] for row in rows]))
    write_whole(table.with_suffix(".npz"), content.getvalue())
    write_whole(table, as_csv(["sample", "name", "class"], (
        [row, printable(s.names[row]) if s.names else "", classes[row]] for row in rows)))
