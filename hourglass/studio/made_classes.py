"""Classes that a person makes of samples in the latent space, as files that a training takes."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
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
Look = Callable[[Sequence[int]], Snapshot]   # samples by their numbers


def make_class(home: Path, run: Path, s: Snapshot, rows: Sequence[int], name: str,
               split: str = "", look: Look | None = None) -> dict[str, Any]:
    """Give these samples a class, in place of one that a person gave them before. They are those
    of the snapshot, or with `look` those of a whole split. All such samples stand in
    labels/RUN-MARK.csv or labels/RUN-MARK-SPLIT.csv, and with their values in an .npz next to it.
    Returns the classes with their sizes, and the command that trains a classifier on them. Raises
    ValueError."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST or not name.isprintable():
        raise ValueError(f"a class needs a name of 1 to {LONGEST} characters")
    if s.x.ndim != 4 or not s.bounded:
        raise ValueError("classes are made of images with values from 0 to 1; for other samples, "
                         "save the list")
    mark = "-".join(filter(None, [mark_of(s).rpartition(" ")[2], split]))
    table = home / FOLDER / f"{run.name}-{mark}.csv"
    if is_link(table):
        raise ValueError(f"{table} is a link, and the studio writes no links")
    classes = _classes_in(table) | dict.fromkeys(rows, name)
    _write(table, dict(sorted(classes.items())), look or partial(_of, s))
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


def _of(s: Snapshot, rows: Sequence[int]) -> Snapshot:
    check_numbers(s, rows)
    names = tuple(s.names[row] for row in rows) if s.names else ()
    return replace(s, x=s.x[list(rows)], names=names)


def _write(table: Path, classes: dict[int, str], look: Look) -> None:
    """Write samples' classes, by their numbers, as a table, and with their values as an .npz."""
    s = look(list(classes))
    content = io.BytesIO()
    np.savez_compressed(content, x=s.x.astype(np.float32), y=np.array(list(classes.values())))
    table.parent.mkdir(exist_ok=True)
    write_whole(table.with_suffix(".npz"), content.getvalue())
    names = map(printable, s.names or [""] * len(classes))
    write_whole(table, as_csv(["sample", "name", "class"], (
        [row, name, kind] for (row, kind), name in zip(classes.items(), names, strict=True))))
