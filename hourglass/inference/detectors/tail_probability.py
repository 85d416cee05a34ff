"""Tail probability of a score among those of normal samples, also beyond all of them."""

import numpy as np

TAIL = 0.1    # share of normal scores from which the tail's rate is estimated


def log_survival(normal: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Log of the share of normal samples that score higher than `scores` (N,), (N,).

    `normal` (M,) is sorted. Between its values the share is interpolated (Hazen, 1914). For the
    top tenth and beyond, it falls exponentially at the rate of the mean excess, like a tail that is
    neither bounded nor heavy (Pickands, 1975). It never rises with the score.
    """
    count = len(normal)
    start = max(0, count - 1 - max(1, round(TAIL * count)))
    end = float(normal[start])
    above = normal[start + 1:] - end
    least = 1e-9 * max(float(np.abs(normal).max()), 1e-9)   # if all normal scores are equal
    width = max(float(above.mean()) if len(above) else 0.0, least)
    values, repeats = np.unique(normal, return_counts=True)
    shares = 1 - (np.cumsum(repeats) - repeats / 2) / count
    inside, at_end = (np.interp(at, values, shares) for at in (scores, end))
    excess = np.maximum(scores - end, 0) / width
    log_share: np.ndarray = np.where(scores > end, np.log(at_end) - excess, np.log(inside))
    return log_share
