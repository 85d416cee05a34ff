"""Scores from samples that share a factor: whether the codes identify that factor."""

from collections.abc import Iterator

import numpy as np

from .checks import checked, several
from .mutual_information import in_use

VOTES = 2000    # of each kind, those to learn from and those to be right about
TOGETHER = 64   # samples, or pairs of them, in a vote
CHUNK = 500     # votes at a time


def factor_vae_score(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> float:
    """Share of votes that are right (Kim & Mnih, 2018, arXiv 1802.05983). A vote takes samples that
    share the value of one factor. The latent dimension that varies least among them, relative to
    all samples, predicts that factor, by the majority of other votes. Unused dimensions have no
    vote. Chance is 1 / F."""
    z, v = checked(codes, factors)
    several(v, "factors", "the FactorVAE score")
    z = z[:, in_use(z)] if in_use(z).any() else z
    spread = z.std(0)
    z = z / np.where(spread > 0, spread, 1)
    groups, random = Groups(v), np.random.default_rng(seed)
    table = np.zeros((z.shape[1], v.shape[1]), int)
    for which, rows in groups.alike(random):
        np.add.at(table, (z[rows].var(1).argmin(1), which), 1)
    predicted = table.argmax(1)
    right = [predicted[z[rows].var(1).argmin(1)] == which for which, rows in groups.alike(random)]
    return float(np.concatenate(right).mean())


def beta_vae_score(codes: np.ndarray, factors: np.ndarray, seed: int = 0) -> float:
    """Accuracy with which a linear classifier tells, from the mean distance of pairs of samples in
    each code, which factor the pairs share (Higgins et al., 2017). Chance is 1 / F."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    z, v = checked(codes, factors)
    several(v, "factors", "the beta-VAE score")
    groups, random = Groups(v), np.random.default_rng(seed)
    (x, y), (unseen, kinds) = (_distances(z, groups, random) for _ in range(2))
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, tol=1e-3))
    return float((linear.fit(x, y).predict(unseen) == kinds).mean())


def _distances(
    z: np.ndarray, groups: "Groups", random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mean distances (VOTES, D) of pairs that share a factor, and which one, (VOTES,)."""
    votes = [(abs(z[one] - z[other]).mean(1), which)
             for which, one, other in groups.pairs(random)]
    return np.concatenate([x for x, _ in votes]), np.concatenate([y for _, y in votes])


class Groups:
    """The samples grouped by the value of each factor, to draw samples that share a value."""

    def __init__(self, v: np.ndarray):
        self.v = v                                                     # (N, F)
        self.order = np.argsort(v, axis=0, kind="stable")              # (N, F) rows, by value
        self.counts = [np.bincount(factor) for factor in v.T]
        self.starts = [np.cumsum(count) - count for count in self.counts]

    def alike(self, random: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Votes: which factor (V,) the rows (V, L) have alike."""
        for which in np.split(random.integers(self.v.shape[1], size=VOTES), VOTES // CHUNK):
            first = random.integers(len(self.v), size=len(which))
            yield which, self._with(which, first.repeat(TOGETHER).reshape(-1, TOGETHER), random)

    def pairs(
        self, random: np.random.Generator
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Votes: which factor (V,) is alike in each of the pairs of rows (V, L) and (V, L)."""
        for which in np.split(random.integers(self.v.shape[1], size=VOTES), VOTES // CHUNK):
            first = random.integers(len(self.v), size=(len(which), TOGETHER))
            yield which, first, self._with(which, first, random)

    def _with(
        self, which: np.ndarray, like: np.ndarray, random: np.random.Generator
    ) -> np.ndarray:
        """For each row of `like` (V, L) another, drawn from those with its value of the factor."""
        partners = np.empty_like(like)
        for factor in range(self.v.shape[1]):
            votes = which == factor
            value = self.v[like[votes], factor]
            count, start = self.counts[factor][value], self.starts[factor][value]
            place = (random.random(value.shape) * count).astype(int)
            partners[votes] = self.order[start + place, factor]
        return partners
