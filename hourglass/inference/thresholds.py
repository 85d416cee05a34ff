"""Thresholds: a sample with a higher score is abnormal, `(scores, y) -> number`.

`scores` (N,) are those of samples outside training; higher is more abnormal. y (N,) marks the
abnormal ones, if they are known.
"""

import math
from collections.abc import Callable
from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt

from ..core.console import say
from ..core.hints import Share
from ..core.registry import thresholds

Threshold = Callable[[np.ndarray, np.ndarray | None], float]


@thresholds.add("quantile")
def quantile(q: Share = 0.99) -> Threshold:
    """A new normal sample has at least probability q to score at or below it: of n normal scores,
    the one of rank ceil((n + 1) q) (conformal prediction; Vovk, Gammerman & Shafer, 2005)."""
    def found(scores: np.ndarray, y: np.ndarray | None) -> float:
        normal = scores if y is None else scores[y == 0]
        if not len(normal):
            raise ValueError("a threshold needs scores of normal samples, and there are none")
        least = needed(q)
        if len(normal) < least:
            say(f"{len(normal)} normal samples are too few for quantile({q:g}), which needs "
                f"{least}: the threshold is their highest score, and about 1 in "
                f"{len(normal) + 1} new normal samples will be called abnormal")
        return float(np.sort(normal)[min(rank(len(normal), q), len(normal)) - 1])
    return found


def rank(count: int, q: float) -> int:
    """Rank, from 1, of the sorted score that a new one stays at or below with probability q. It is
    count + 1 if there are too few."""
    return max(1, math.ceil(round((count + 1) * q, 9)))   # 20 * 0.95 is 19.000000000000004


def needed(q: float) -> int:
    """Least number of scores with such a rank; 1 for q = 1, which no number can guarantee."""
    return 1 if q >= 1 else max(1, math.ceil(round(q / (1 - q), 9)))


@thresholds.add("largest")
def largest() -> Threshold:
    """The highest score of a normal sample: of n, about 1 in n + 1 new ones lies above it."""
    return quantile(1.0)


@thresholds.add("contamination")
def contamination(share: Annotated[float, Gt(0), Lt(1)] = 0.1) -> Threshold:
    """The score that this share of all samples, normal and abnormal, lies above."""
    return lambda scores, y: float(np.quantile(scores, 1 - share))


@thresholds.add("best_f1")
def best_f1() -> Threshold:
    """The score with the best F1 on labelled samples."""
    def found(scores: np.ndarray, y: np.ndarray | None) -> float:
        if y is None or len(np.unique(y)) < 2:
            raise ValueError("best_f1 needs labelled samples, both normal and abnormal ones")
        from sklearn.metrics import precision_recall_curve
        precision, recall, at = precision_recall_curve(y, scores)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        best = int(f1[:-1].argmax())
        below = scores[scores < at[best]]   # the middle of the gap, not a sample's score
        return float((at[best] + below.max()) / 2 if len(below) else np.nextafter(at[best], -1e300))
    return found
