"""Place all samples of a split in the latent space of a run, for the studio."""

import time

from ..analysis.latent_points import MOST, LatentPoints, find_points, keep_points, walk_of
from ..analysis.snapshot import Outdated, Snapshot, load_snapshot
from ..core.hints import did_you_mean
from ..inference.trained import Trained


def place_samples(model: Trained, split: str = "", limit: int | None = None) -> list[str]:
    """Save where the samples of a split lie, up to `limit` and at most a million, and their errors,
    in the run's folder. The axes are those of the report. Returns lines to print. Raises
    ValueError for another split, and for a run without a report of these weights."""
    began = time.monotonic()
    walk = walk_of(_looked_at(model))
    source = model.source()
    split = split or source.unseen
    if split not in source.splits:
        raise ValueError(f"this run has no split {split!r}; "
                         f"{did_you_mean(split, tuple(source.splits))}")
    points = find_points(model.model.eval(), source, walk, split, min(limit or MOST, MOST))
    keep_points(model.cache, points, walk)
    return [*_lines(points), f"in {time.monotonic() - began:.0f} s"]


def _looked_at(model: Trained) -> Snapshot:
    try:
        s = load_snapshot(model.folder.snapshot)
    except Outdated:
        s = None
    if s is None or s.weights not in ("", model.cache.weights):
        raise ValueError(f"the axes are those of the report, and this run has none of its present "
                         f"weights; write it first: hourglass report {model.folder.path}")
    return s


def _lines(points: LatentPoints) -> list[str]:
    return [f"{len(points.rows):,} of {points.total:,} {points.split} samples are placed; the "
            f"studio shows them on the run's page Latent space"]
