"""How well a detector finds each kind of defect."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..analysis.metrics.bootstrap import Estimate, of_labelled
from ..analysis.metrics.detection import auroc
from ..analysis.metrics.regions import Counts, pixel_separation


@dataclass(frozen=True)
class PixelCounts:
    """How maps score the pixels of some samples: the samples' rows, in the order of the counts."""

    rows: Sequence[int]
    counts: Counts

    def figures(self) -> dict[str, Estimate]:
        """How well the maps find the masked pixels."""
        return pixel_separation(self.counts)

    def of(self, keep: np.ndarray) -> dict[str, Estimate]:
        """The same for the samples that are kept, (N,); {} if none of them has a defect."""
        counts = self.counts.some(keep[np.asarray(self.rows)])
        return pixel_separation(counts) if counts.regions.any() else {}


@dataclass(frozen=True)
class Kind:
    """One kind of defect: how many samples are of it, how many of them are found, and how well its
    samples and pixels separate from the normal ones."""

    count: int
    found: int
    figures: dict[str, Estimate]

    def as_json(self) -> dict[str, object]:
        """The same for a .json file."""
        return {"count": self.count, "found": self.found,
                "figures": {name: each._asdict() for name, each in self.figures.items()}}

    def __str__(self) -> str:
        figures = [f"{name} {each.value:.3f} ({each.low:.3f} to {each.high:.3f})"
                   for name, each in self.figures.items()]
        return "; ".join([f"{self.found:,} of {self.count:,} found", *figures])


def by_kind(
    classes: Sequence[str], of: np.ndarray, y: np.ndarray, scores: np.ndarray, odd: np.ndarray,
    pixels: PixelCounts | None = None,
) -> dict[str, Kind]:
    """Each abnormal class against all normal samples; {} where there are not two kinds or more.
    `of` (N,) numbers the class of a sample, y (N,) is 1 for abnormal ones, and `odd` (N,) are the
    verdicts."""
    normal, kinds = y == 0, {}
    for number, name in enumerate(classes):
        own = (of == number) & ~normal
        both = own | normal
        if own.any() and normal.any():
            figures = {"auroc": of_labelled(auroc, y[both], scores[both]),
                       **(pixels.of(both) if pixels else {})}
            kinds[name] = Kind(int(own.sum()), int(odd[own].sum()), figures)
    return kinds if len(kinds) > 1 else {}


def kinds_in_words(kinds: dict[str, Kind]) -> list[str]:
    """A line for each kind, below each other."""
    width = max(map(len, kinds), default=0)
    return [f"  {name:<{width}}  {kind}" for name, kind in kinds.items()]
