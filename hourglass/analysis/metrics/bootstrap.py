"""How sure a number is: intervals by bootstrap (Efron, 1979)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

RESAMPLES = 400
WIDE = 1.96    # standard errors to either side


class Estimate(NamedTuple):
    """A number, and between which it lies with 95 % confidence."""

    value: float
    low: float
    high: float


def of_mean(values: np.ndarray) -> Estimate:
    """The mean of one value a sample (N,), with the percentiles of resampled means."""
    random = np.random.default_rng(0)
    means = [values[random.integers(len(values), size=len(values))].mean()
             for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(values.mean()), float(low), float(high))


def of_pair(
    score: Callable[[np.ndarray, np.ndarray], float], a: np.ndarray, b: np.ndarray,
    resamples: int = 20,
) -> Estimate:
    """A score of two sets of samples (N, F), (M, F), with the standard error of resampled ones.

    Not their percentiles: a resampled set repeats samples, which shifts distances between sets.
    """
    random = np.random.default_rng(0)
    resampled = [score(a[random.integers(len(a), size=len(a))],
                       b[random.integers(len(b), size=len(b))])
                 for _ in range(resamples)]
    value, error = score(a, b), float(np.std(resampled, ddof=1))
    return Estimate(value, value - WIDE * error, value + WIDE * error)


def of_labelled(
    score: Callable[[np.ndarray, np.ndarray], float], y: np.ndarray, values: np.ndarray
) -> Estimate:
    """A score of labels y (N,) and values (N,), with the percentiles of resampled ones; each label
    is drawn as often as it occurs, so that none goes missing."""
    random = np.random.default_rng(0)
    kinds = [np.flatnonzero(y == kind) for kind in np.unique(y)]
    resampled = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([own[random.integers(len(own), size=len(own))] for own in kinds])
        resampled.append(score(y[rows], values[rows]))
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Estimate(float(score(y, values)), float(low), float(high))


def of_rows(score: Callable[[np.ndarray], float], count: int, resamples: int = 200) -> Estimate:
    """A score of `count` samples together, given by their indices (N,), with the standard error
    over resamples. Percentiles of the resamples would be biased, because a resample has fewer
    different samples."""
    random = np.random.default_rng(0)
    resampled = [score(random.integers(count, size=count)) for _ in range(resamples)]
    value, error = score(np.arange(count)), float(np.std(resampled, ddof=1))
    return Estimate(value, value - WIDE * error, value + WIDE * error)
