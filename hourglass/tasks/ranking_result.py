"""How well a model of ratings ranks, or predicts, held-out items of a split's users."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.against_simple import compared, in_words
from ..analysis.metrics import measure
from ..analysis.ranking import MEASURES
from ..analysis.report_sections import WORDS, in_order
from ..analysis.snapshot import Snapshot
from ..analysis.take_snapshot import judged_snapshot
from ..core.csv_text import as_csv
from ..core.files import write_out
from ..data.split_data import Source
from ..inference.model_protocol import InUse


@dataclass(frozen=True)
class RankingResult:
    """The metrics of the model and of simpler methods."""

    split: str
    users: int
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    beside: list[str]          # the comparison, in lines
    columns: dict[str, np.ndarray]   # (N,) of each user, by name
    names: tuple[str, ...]     # (N,)
    seconds: float

    @property
    def lines(self) -> list[str]:
        """The metrics in words."""
        lines = [f"{self.split}, {self.users:,} users, judged by their held-out items"]
        for name in in_order(self.metrics):
            low, high = self.intervals.get(name, (None, None))
            between = "" if low is None else f" ({low:.4g} to {high:.4g})"
            lines.append(f"{name} {self.metrics[name]:.5g}{between}: {WORDS.get(name, '')}")
        return [*lines, *self.beside]

    @property
    def record(self) -> dict[str, Any]:
        """The result as values for JSON."""
        return {"split": self.split, "users": self.users, "metrics": self.metrics,
                "intervals": self.intervals, "seconds": round(self.seconds, 1),
                "words": self.lines}

    def write(self, out: Path) -> None:
        """A .csv, a row a user."""
        table = zip(self.names, *(column.tolist() for column in self.columns.values()),
                    strict=True)
        write_out(out, as_csv(["user", *self.columns], table))


def ranking_of(model: InUse, source: Source, split: str, limit: int | None = None) -> RankingResult:
    """Measure a model of ratings on a split, at most `limit` users of it, and keep the result with
    the run. Raises ValueError for a split without held-out items."""
    begun = time.monotonic()
    snapshot = judged_snapshot(model.model, source, split, limit)
    if not snapshot.methods:
        raise ValueError(f"the {split} users have no held-out items to judge by; choose another "
                         f"split, such as --split test")
    metrics, intervals = measure(snapshot, ("ranking", "rating_errors"))
    record: dict[str, Any] = {"metrics": metrics, "intervals": intervals}
    result = RankingResult(split, snapshot.total, metrics, intervals, in_words(
        {**record, "simpler": compared(record, snapshot)}), _columns(snapshot), snapshot.names,
        time.monotonic() - begun)
    model.cache.keep_evaluation(f"held-out items of {snapshot.total:,} {split} users",
                                result.record)
    return result


def _columns(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """The model's measures of each user, or its squared error and the number of ratings."""
    if len(snapshot.judged):
        return {name: snapshot.judged[0][:, i] for i, name in enumerate(MEASURES)}
    return {"squared_error": snapshot.rating_errors[0], "ratings": snapshot.rating_counts}
