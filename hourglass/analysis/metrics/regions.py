"""How well maps of scores separate the pixels of defects from others, and find each region."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .bootstrap import Estimate

MOST = 0.3         # false positive rate up to which the overlap with regions is integrated
BINS = 4000        # most bins of scores, and
COUNTS = 20_000_000   # most counts in memory: images times bins
RESAMPLES = 100


@dataclass(frozen=True)
class Counts:
    """How many pixels of each image have a score in each bin, (N, B) each, lowest bin first."""

    clean: np.ndarray      # outside of defects
    defect: np.ndarray     # within
    overlap: np.ndarray    # shares of regions, the sum over an image's regions
    regions: np.ndarray    # (N,) regions of an image

    def some(self, keep: np.ndarray) -> "Counts":
        """The counts of some images: whether each is kept, (N,)."""
        return Counts(self.clean[keep], self.defect[keep], self.overlap[keep], self.regions[keep])


def edges_of(values: np.ndarray, images: int) -> np.ndarray:
    """The ends of the bins for scores of a number of images: every value (M,) if there are few,
    otherwise quantiles of them."""
    most = int(max(100, min(BINS, COUNTS // max(images, 1))))
    distinct = np.unique(values)
    if len(distinct) <= most:
        return distinct
    edges: np.ndarray = np.unique(np.quantile(values, np.linspace(0, 1, most)))
    return edges


def count(pairs: Iterable[tuple[np.ndarray, np.ndarray]], edges: np.ndarray) -> Counts:
    """Counts over pairs of a map of scores (H, W) and its mask of defects (H, W), one image after
    the other. Pixels that touch, at a corner too, are one region."""
    from scipy.ndimage import label
    clean, defect, overlap, regions = [], [], [], []
    for scores, mask in pairs:
        bins = np.searchsorted(edges, scores, side="right")

        def held(of: np.ndarray, weights: np.ndarray | None = None,
                 bins: np.ndarray = bins) -> np.ndarray:
            return np.bincount(bins[of], weights, minlength=len(edges) + 1)
        numbers, total = label(mask, np.ones((3, 3)))
        sizes = np.bincount(numbers.ravel(), minlength=total + 1)
        clean.append(held(~mask))
        defect.append(held(mask))
        overlap.append(held(mask, 1 / sizes[numbers[mask]]))
        regions.append(total)
    return Counts(np.array(clean, float), np.array(defect, float), np.array(overlap, float),
                  np.array(regions, float))


def pixel_separation(counts: Counts) -> dict[str, Estimate]:
    """Area under the ROC curve of pixels, and the mean share of each defect's region that is found,
    over false positive rates up to 0.3 (Bergmann et al., 2021); intervals resample images."""
    random = np.random.default_rng(0)
    total = len(counts.clean)
    drawn = [np.bincount(random.integers(total, size=total), minlength=total)
             for _ in range(RESAMPLES)]
    estimates = {}
    for name, score in (("pixel_auroc", pixel_auroc), ("region_overlap", region_overlap)):
        values = [score(counts, times) for times in drawn if (times @ counts.regions) > 0]
        low, high = np.quantile(values, [0.025, 0.975])
        estimates[name] = Estimate(score(counts, np.ones(total)), float(low), float(high))
    return estimates


def pixel_auroc(counts: Counts, times: np.ndarray) -> float:
    """The chance that a pixel of a defect scores higher than another one, each image counted
    `times` (N,)."""
    clean, defect = times @ counts.clean, times @ counts.defect
    below = np.cumsum(clean) - clean / 2
    return float(defect @ below / (defect.sum() * clean.sum()))


def region_overlap(counts: Counts, times: np.ndarray) -> float:
    """The mean share of regions above a threshold, over the false positive rates to 0.3."""
    clean, overlap = times @ counts.clean, times @ counts.overlap
    false = np.concatenate([[0], np.cumsum(clean[::-1]) / clean.sum()])
    true = np.concatenate([[0], np.cumsum(overlap[::-1]) / (times @ counts.regions)])
    within = false <= MOST
    last = np.interp(MOST, false, true)
    return float(np.trapezoid(np.append(true[within], last), np.append(false[within], MOST)) / MOST)
