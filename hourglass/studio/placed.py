"""The points of all samples of a split: whether a run has them, and the process that makes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.snapshot import Snapshot
from ..core.output_names import printable
from ..run.folder import RunFolder
from .jobs import Jobs
from .run_details import printable_lines


def splits_of(jobs: Jobs, run: Path) -> dict[str, Any]:
    """How many samples each split has, how many of them are placed, and the process that places
    some."""
    from ..analysis.latent_points import MOST, kept_count
    from ..inference.run_cache import cache_of
    folder = RunFolder(run)
    cache = cache_of(folder)
    sizes = dict(folder.read_record().get("data", {})).get("splits", {})
    job = jobs.of(run, "points")
    lines = printable_lines(jobs.log_of(job)).strip().splitlines()
    last = lines[-1] if lines else ""
    return {"splits": [{"name": name, "total": int(total), "placed": kept_count(cache, name)}
                       for name, total in sizes.items()],
            "most": MOST, "running": split_in(job.words) if job.alive else "",
            "last": split_in(job.words), "line": last.removeprefix("hourglass: ")}


def words_of(run: Path, split: str) -> list[str]:
    """The command that places the samples of a split."""
    return ["evaluate", "--points", f"--split={split}", "--", str(run)]


def split_in(words: tuple[str, ...]) -> str:
    """The split that such a command is about; "" for none."""
    return next((word.removeprefix("--split=") for word in words if word.startswith("--split=")),
                "")


def points_of(s: Snapshot, run: Path, split: str) -> Any:
    """The placed samples of a split. Raises ValueError if there are none of these weights."""
    from ..analysis.latent_points import kept_points, walk_of
    from ..inference.run_cache import cache_of
    points = kept_points(cache_of(RunFolder(run)), split, walk_of(s))
    if points is None:
        raise ValueError(f"the samples of the split {split} are not placed for the run's present "
                         f"weights and report; place them first")
    return points


def about_points(points: Any, classes: Sequence[str], rows: Sequence[int], names: Sequence[str]
                 ) -> list[dict[str, Any]]:
    """Number, error, class and name of these samples of a split. Raises ValueError for one that is
    not placed."""
    at = np.searchsorted(points.rows, rows)
    if (points.rows[np.minimum(at, len(points.rows) - 1)] != rows).any():
        raise ValueError("one of these samples is not placed")
    labels, errors = points.labels[at], points.errors[at]
    return [{"row": row, "error": float(errors[i]), "name": printable(names[i]),
             "class": printable(classes[labels[i]]) if labels[i] >= 0 else ""}
            for i, row in enumerate(rows)]
