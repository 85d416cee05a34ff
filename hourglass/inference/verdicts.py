"""What scores mean compared with those of normal samples: verdicts, probabilities, thresholds."""

from pathlib import Path
from typing import Any

import numpy as np

from .detectors.tail_probability import log_survival


def usual_heat_of(normal: np.ndarray, threshold: float) -> float:
    """The median over normal images of their maps' largest value, on a scale where 1 is the
    threshold; at most 0.9. `normal` (M,) are their scores."""
    usual = float(np.median(normal)) / max(threshold, 1e-12)
    return min(max(usual, 0.0), 0.9)


def as_strict(normal: np.ndarray, threshold: float, other: np.ndarray) -> float:
    """The threshold of another detector that as many of its normal scores `other` (M,) stay below
    as of these ones (N,) below theirs."""
    share = float((normal <= threshold).mean())
    return float(np.quantile(other, share))


def verdict_of(scores: Any, threshold: float) -> np.ndarray:
    """Whether each score (N,) is above a threshold; NaN counts as above."""
    return ~(_scores(scores, "verdict") <= threshold)


def probability_of(scores: Any, normal: np.ndarray) -> np.ndarray:
    """Share of sorted `normal` scores (M,) below each score (N,), with an exponential tail."""
    share: np.ndarray = -np.expm1(log_survival(normal, _scores(scores, "probability")))
    return share


def _scores(scores: Any, call: str) -> np.ndarray:
    """Scores (N,), or one alone. Raises ValueError for samples."""
    if isinstance(scores, str | Path) or np.ndim(scores) > 1:
        what = f"an array of shape {np.shape(scores)}" if np.ndim(scores) else f"{scores}"
        raise ValueError(f"{call} takes scores (N,), not samples such as {what}: pass "
                         f"detector.{call}(detector.score(x))")
    return np.asarray(scores, np.float64)
