"""Choose how to fill in each column of a table, by the errors on its hidden cells.

A column with few hidden cells says little. Where a table has many columns that behave alike, such
as ratings, such a column takes the way that is best for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from .hidden_cells import Hidden

SHARES = 4       # weights are multiples of a quarter
MANY = 10        # columns, from which on those with few hidden cells follow all of them
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
        found: np.ndarray = self.lost[-1] - self.lost[weights]
        return found

    @property
    def sure(self) -> bool:
        """Whether the best weights gain more than a standard error over the mean alone."""
        gain = self.gain(self.best)
        return len(gain) > 1 and bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def try_column(held: Hidden, ways: Sequence[np.ndarray], cell: int) -> Trial | None:
    """The errors of a column; None without hidden cells."""
    pairs = [held.of_column(way, cell) for way in ways]
    truth = pairs[0][0]
    if not len(truth):
        return None
    made = np.stack([filled for _, filled in pairs])
    rows = held.rows[held.gone[:, cell]]   # repeated cells of a row count once
    _, row, count = np.unique(rows, return_inverse=True, return_counts=True)
    squared, lost = [], []
    for weights in TRIED:
        filled = np.tensordot(weights, made, 1)
        errors = np.square(truth - filled)
        squared.append(float(errors.mean()))
        missed = errors.sum(1) if truth.shape[1] == 1 else (
            truth.argmax(1) != filled.argmax(1)).astype(float)
        lost.append(np.bincount(row, missed) / count)
    return Trial(np.array(squared), np.array(lost))


def choose_weights(held: Hidden, ways: Sequence[np.ndarray]) -> np.ndarray:
    """The weights (C, 3) of the ways, for every column those with the least squared error on its
    hidden cells (for a category, of its probabilities: the Brier score). A column where these gain
    less than a standard error (for a category, in accuracy) gets those that are best for all
    columns, if its gain is to be expected from theirs. Otherwise it gets the mean alone, because
    then nothing shows that it can be predicted."""
    trials = [try_column(held, ways, cell) for cell in range(len(held.columns))]
    chosen = np.array([trial.best if trial and trial.sure else -1 for trial in trials])
    best = best_for_all([trial for trial in trials if trial])
    if best is not None:
        sure = np.array([trial is not None and trial.sure for trial in trials])
        chosen[~sure & expected_to_gain(trials, best)] = best
    found: np.ndarray = TRIED[chosen]
    return found


def best_for_all(trials: Sequence[Trial]) -> int | None:
    """The weights with the least squared error over all columns, each relative to its mean's and
    counting as often as it has rows; None for few columns, or if those are the mean alone."""
    usable = [trial for trial in trials if trial.squared[-1] > 0]
    if len(usable) < MANY:
        return None
    relative = np.stack([trial.squared / trial.squared[-1] for trial in usable])
    rows = np.array([trial.lost.shape[1] for trial in usable])
    best = int((rows @ relative).argmin())
    return best if best < len(TRIED) - 1 else None


def expected_to_gain(trials: Sequence[Trial | None], weights: int) -> np.ndarray:
    """(C,) whether a column gains by these weights, as far as its rows and those of the other
    columns tell: its gain is shrunk to the mean gain, the more the fewer rows it has and the less
    columns differ (DerSimonian & Laird, 1986), and must exceed its standard error."""
    gains = [trial.gain(weights) / trial.lost[-1].mean()
             if trial and trial.lost[-1].mean() > 0 else np.zeros(0) for trial in trials]
    count = np.array([len(gain) for gain in gains])
    mean = np.array([gain.mean() if len(gain) else 0 for gain in gains])
    several = [gain - gain.mean() for gain in gains if len(gain) > 1]
    if not several:
        return np.zeros(len(gains), bool)
    within = sum(float(gain @ gain) for gain in several) / sum(len(gain) - 1 for gain in several)
    weight = count / max(within, 1e-12)   # one over the variance of a column's mean
    usual = float(weight @ mean / weight.sum())
    excess = float(weight @ np.square(mean - usual)) - (int((count > 0).sum()) - 1)
    scale = float(weight.sum() - np.square(weight).sum() / weight.sum())
    between = max(excess / max(scale, 1e-12), 0.0)   # the variance between columns
    prior = 1 / max(between, 1 / weight.sum())
    shrunk = (weight * mean + prior * usual) / (weight + prior)
    found: np.ndarray = shrunk > 1 / np.sqrt(weight + prior)
    return found
