"""Ridge regression, and how much it explains."""

import numpy as np


def ridge(x: np.ndarray, y: np.ndarray, penalty: float = 1.0) -> tuple[np.ndarray, float]:
    """Weights (F,) and offset of the ridge regression of y (N,) on x (N, F)."""
    mean = x.mean(0)
    centred = x - mean
    gram = centred.T @ centred + penalty * np.eye(x.shape[1])
    weights: np.ndarray = np.linalg.solve(gram, centred.T @ (y - y.mean()))
    return weights, float(y.mean() - mean @ weights)


def explained(y: np.ndarray, guessed: np.ndarray) -> float:
    """R2: the share of the variance of y (N,) that the guesses explain; 0 for the mean of y."""
    return float(1 - np.square(y - guessed).sum() / max(np.square(y - y.mean()).sum(), 1e-12))
