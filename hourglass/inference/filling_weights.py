"""Choose how to fill in each column of a table, by the errors on its hidden cells.

A column with few hidden cells says little. Where a table has many columns that behave alike, such
as ratings, such a column mostly takes the way that is best for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from .hidden_cells import Hidden

SHARES = 4       # weights are multiples of a quarter
MANY = 10        # columns with hidden cells, from which on those with few follow all of them
FEW = 30         # rows with hidden cells of a column that are few
TRIED = np.array([shares for shares in product(range(SHARES, -1, -1), repeat=3)
                  if sum(shares) == SHARES], np.float32) / SHARES   # (W, 3), the mean alone last


@dataclass(frozen=True)
class Trial:
    """The errors of all weights that are tried, on a column's hidden cells."""

    squared: np.ndarray   # (W,) mean squared error; for a category, of its probabilities
    lost: np.ndarray      # (W, M) of each row: squared error, or for a category 1 if it is wrong

    @property
    def best(self) -> int:
        """The weights with the least squared error."""
        return int(self.squared.argmin())

    def gain(self, weights: int) -> np.ndarray:
        """What each row (M,) gains over the mean alone."""
        gain: np.ndarray = self.lost[-1] - self.lost[weights]
        return gain

    @property
    def sure(self) -> bool:
        """Whether the best weights gain more than a standard error over the mean alone."""
        gain = self.gain(self.best)
        return len(gain) > 1 and bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def try_column(hidden: Hidden, ways: Sequence[np.ndarray], cell: int) -> Trial | None:
    """The errors of a column; None without hidden cells."""
    pairs = [hidden.of_column(way, cell) for way in ways]
    truth = pairs[0][0]
    if not len(truth):
        return None
    fillings = np.stack([filled for _, filled in pairs])
    rows = hidden.rows[hidden.gone[:, cell]]   # repeated cells of a row count once
    _, row, count = np.unique(rows, return_inverse=True, return_counts=True)
    squared, lost = [], []
    for weights in TRIED:
        filled = np.tensordot(weights, fillings, 1)
        errors = np.square(truth - filled)
        squared.append(float(errors.mean()))
        missed = errors.sum(1) if truth.shape[1] == 1 else (
            truth.argmax(1) != filled.argmax(1)).astype(float)
        lost.append(np.bincount(row, missed) / count)
    return Trial(np.array(squared), np.array(lost))


def choose_weights(hidden: Hidden, ways: Sequence[np.ndarray]) -> np.ndarray:
    """The weights (C, 3) of the ways, for every column those with the least squared error on its
    hidden cells (for a category, of its probabilities: the Brier score). The mean alone if they
    gain less than a standard error (for a category, in accuracy), because then nothing shows that
    the column can be predicted. A column with few rows, of many columns, gets the weights with the
    largest gain that its rows and all columns together let expect."""
    trials = [try_column(hidden, ways, cell) for cell in range(len(hidden.columns))]
    chosen = np.array([trial.best if trial and trial.sure else -1 for trial in trials])
    rows = np.array([trial.lost.shape[1] if trial else 0 for trial in trials])
    if (rows > 0).sum() >= MANY:
        gains, errors = zip(*(expected_gain(trials, weights) for weights in range(len(TRIED))),
                            strict=True)
        best = np.argmax(gains, axis=0)
        sure = np.max(gains, axis=0) > np.take_along_axis(np.array(errors), best[None], 0)[0]
        chosen = np.where(rows >= FEW, chosen, np.where(sure, best, -1))
    per_column: np.ndarray = TRIED[chosen]
    return per_column


def expected_gain(trials: Sequence[Trial | None], weights: int) -> tuple[np.ndarray, np.ndarray]:
    """The expected gain of each column (C,) by these weights, relative to the error of its mean,
    and its standard error (C,). A column's own gain is shrunk towards that of all columns: more if
    it has few rows, and more if the columns differ little (DerSimonian & Laird, 1986)."""
    gains = [trial.gain(weights) / trial.lost[-1].mean()
             if trial and trial.lost[-1].mean() > 0 else np.zeros(0) for trial in trials]
    count = np.array([len(gain) for gain in gains])
    mean = np.array([gain.mean() if len(gain) else 0.0 for gain in gains])
    several = [gain - gain.mean() for gain in gains if len(gain) > 1]
    within = sum(float(gain @ gain) for gain in several) / max(
        sum(len(gain) - 1 for gain in several), 1)
    if not within:   # of the mean alone, nothing is gained
        return np.zeros(len(gains)), np.full(len(gains), np.inf)
    weight = count / within   # one over the variance of a column's mean
    usual = float(weight @ mean / weight.sum())
    excess = float(weight @ np.square(mean - usual)) - (int((count > 0).sum()) - 1)
    scale = float(weight.sum() - np.square(weight).sum() / weight.sum())
    between = max(excess / max(scale, 1e-12), 1 / weight.sum())   # the variance between columns
    shrunk = (weight * mean + usual / between) / (weight + 1 / between)
    return shrunk, 1 / np.sqrt(weight + 1 / between)
