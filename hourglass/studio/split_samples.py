"""Samples of a run's data by their numbers in a split, passed through the model when asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from ..analysis.snapshot import Snapshot

if TYPE_CHECKING:   # they bring PyTorch, and the studio is to start at once
    from ..data.split_data import Source
    from ..inference.trained import Trained

MOST_VALUES = 30_000_000   # of samples that are passed through the model at once


@dataclass
class SplitSamples:
    """The model and the data of the last run that was asked for, kept in memory."""

    weights: tuple[Path, int] | None = None   # the run's weights, and when they were written
    model: "Trained | None" = None
    source: "Source | None" = None
    guard: Lock = field(default_factory=Lock)

    def look(self, run: Path, split: str, rows: Sequence[int]) -> Snapshot:
        """These samples of a split, in this order, with their codes and reconstructions. Raises
        ValueError for wrong numbers, for too many, and if the data is gone."""
        import torch

        from ..analysis.take_snapshot import passed
        with self.guard:
            model, source = self._of(run)
            if split not in source.splits:
                raise ValueError(f"this run has no split {split!r}")
            count, most = len(source.splits[split]), max(1, MOST_VALUES // _values(source))
            if min(rows) < 0 or max(rows) >= count:
                raise ValueError(f"the split {split} has {count:,} samples, numbered from 0")
            if len(rows) > most:
                raise ValueError(f"at most {most:,} of these samples are passed through the model "
                                 f"at once; choose fewer")
            snapshot = passed(model.model.eval(), source, torch.tensor(list(rows)), split)
            return replace(snapshot, kind="lines") if model.model.of_tokens else snapshot

    def names(self, run: Path, split: str, rows: Sequence[int]) -> list[str]:
        """The files or texts of these samples, "" for samples without names. Raises ValueError."""
        import torch
        with self.guard:
            source = self._of(run)[1]
            if not source.names:
                return [""] * len(rows)
            index = source.splits[split].index[torch.tensor(list(rows))].tolist()
            return [source.names[i] for i in index]

    def _of(self, run: Path) -> "tuple[Trained, Source]":
        from ..inference.trained import load
        file = run / "model.safetensors"
        weights = file, file.stat().st_mtime_ns
        if self.weights != weights or self.model is None or self.source is None:
            self.model = self.source = None   # before the next ones are in memory, too
            model = load(run)
            self.model, self.source, self.weights = model, model.source(), weights
        return self.model, self.source


def _values(source: "Source") -> int:
    import math
    return math.prod(source.shape)
