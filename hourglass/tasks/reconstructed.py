"""How well a model reconstructs samples of its data: every metric that needs no posterior."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.metrics import OF_LINES, OF_RECONSTRUCTIONS, measure
from ..analysis.report_sections import WORDS, in_order
from ..analysis.snapshot import Snapshot
from ..analysis.take_snapshot import of_lines, passed, restored, rows_of
from ..core.csv_text import as_csv
from ..core.files import write_out
from ..data.split_data import Source
from ..inference.model_protocol import InUse


@dataclass(frozen=True)
class ReconstructionResult:
    """How near the reconstructions of a split's samples come."""

    split: str
    samples: int
    metrics: dict[str, float]                        # by name
    intervals: dict[str, tuple[float, float]]        # 95 % of those that have one
    mse: np.ndarray                                  # (N,) of each sample
    rows: np.ndarray                                 # (N,) of the split
    seconds: float
    lines_of_text: bool = False                      # `mse` is then -log p(x|z)
    note: str = ""                                   # on log p(x), if it was asked for

    @property
    def lines(self) -> list[str]:
        """The metrics in words."""
        lines = [f"{self.split}, {self.samples:,} samples, reconstructed"]
        for name in in_order(self.metrics):
            low, high = self.intervals.get(name, (None, None))
            between = "" if low is None else f" ({low:.4g} to {high:.4g})"
            about = f": {WORDS[name]}" if name in WORDS else ""
            lines.append(f"{name} {self.metrics[name]:.5g}{between}{about}")
        return [*lines, *([self.note] if self.note else [])]

    @property
    def record(self) -> dict[str, Any]:
        """The result as values for JSON."""
        return {"split": self.split, "samples": self.samples, "metrics": self.metrics,
                "intervals": self.intervals, "seconds": round(self.seconds, 1),
                "words": self.lines}

    def write(self, out: Path) -> None:
        """A .csv, a row a sample."""
        what = "nats" if self.lines_of_text else "mse"
        write_out(out, as_csv(["row", what], [(int(row), float(error)) for row, error in zip(
            self.rows, self.mse, strict=True)]))


def reconstruction_of(
    model: InUse, source: Source, split: str, limit: int | None = None, note: str = ""
) -> ReconstructionResult:
    """Measure the reconstructions of a split's samples, at most `limit`, evenly spread over it, and
    keep what is found with the run."""
    begun = time.monotonic()
    model.model.eval()
    lines = source.encoding.get("kind") == "lines"
    if lines:
        seen: Snapshot = of_lines(model.model, source, {}, split, limit)
    else:
        seen = passed(model.model, source, rows_of(source, split, limit), split)
        seen.restored, seen.hidden = restored(model.model, source, split)
    numbers, intervals = measure(seen, OF_LINES if lines else OF_RECONSTRUCTIONS)
    rows = source.splits[split].evenly(len(seen.x)).numpy()
    errors = seen.nats if lines else seen.squared
    result = ReconstructionResult(split, len(seen.x), numbers, intervals, errors, rows,
                                  time.monotonic() - begun, lines, note)
    model.cache.keep_evaluation(f"reconstruction of {len(seen.x):,} {split} samples",
                                result.record)
    return result
