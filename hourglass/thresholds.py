"""Thresholds: the score from which a sample is called abnormal, `(scores, y) -> number`.

`scores` (N,) are those of samples not trained on, the higher the more abnormal; y (N,) says which
of them are abnormal, where somebody knows.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt

from .spec import Share, thresholds

Threshold = Callable[[np.ndarray, np.ndarray | None], float]


@thresholds.add("quantile")
def quantile(q: Share = 0.99) -> Threshold:
    """What a share q of normal samples stay at or below."""
    return lambda scores, y: float(np.quantile(scores[y == 0] if y is not None else scores, q))


@thresholds.add("largest")
def largest() -> Threshold:
    """The highest score of a normal sample."""
    return quantile(1.0)


@thresholds.add("contamination")
def contamination(share: Annotated[float, Gt(0), Lt(1)] = 0.1) -> Threshold:
    """What that share of all samples, good and bad, lie above."""
    return lambda scores, y: float(np.quantile(scores, 1 - share))


@thresholds.add("best_f1")
def best_f1() -> Threshold:
    """Where precision and recall on labelled samples give the best F1."""
    def found(scores: np.ndarray, y: np.ndarray | None) -> float:
        if y is None or len(np.unique(y)) < 2:
            raise ValueError("best_f1 wants labelled samples, normal ones and abnormal ones")
        from sklearn.metrics import precision_recall_curve
        precision, recall, at = precision_recall_curve(y, scores)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        best = int(f1[:-1].argmax())
        below = scores[scores < at[best]]   # in the middle of the gap, not on a sample
        return float((at[best] + below.max()) / 2 if len(below) else np.nextafter(at[best], -1e300))
    return found
