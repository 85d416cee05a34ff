"""What forests of trees need of a code to predict the factors: disentanglement, completeness,
informativeness."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from .checks import checked, several

TREES = 10
LEAF = 5       # samples in a leaf at least
MOST = 6000    # samples, of which
TRIED = 0.25   # this share are those that forests are tried on


class Dci(NamedTuple):
    """How codes and factors go together."""

    disentanglement: float     # whether a code is needed for one factor alone
    completeness: float        # whether a factor needs one code alone
    informativeness: float     # how well the factors are predicted from all codes
    importance: np.ndarray     # (D, F) of each code for each factor, which sum to 1 over codes


def dci(
    codes: np.ndarray, factors: np.ndarray, unordered: Collection[int] = (), seed: int = 0
) -> Dci:
    """The framework of Eastwood & Williams, 2018 (ICLR), by random forests: each from 0 to 1.

    Informativeness is measured on samples that the forests did not see. For an ordered factor it is
    the share of its variance that is explained. For one of the `unordered` columns of factors
    (N, F) it is the accuracy above chance. The result is the mean over factors. In the paper it is
    an error, where less is better.
    """
    z, v = checked(codes, factors)
    several(v, "factors", "disentanglement")
    several(z, "codes", "completeness")
    order = np.random.default_rng(seed).permutation(len(z))[:MOST]
    tried, fit = np.split(order, [max(1, round(TRIED * len(order)))])
    importance, right = [], []
    for column in range(v.shape[1]):
        of_kinds = column in unordered
        targets = v[:, column] if of_kinds else np.asarray(factors, np.float64)[:, column]
        forest = _forest(of_kinds, seed).fit(z[fit], targets[fit])
        importance.append(forest.feature_importances_)
        score = float(forest.score(z[tried], targets[tried])) if len(tried) > 1 else 0.0
        chance = float(np.mean(targets[tried] == np.bincount(v[fit, column]).argmax()))
        right.append((score - chance) / max(1 - chance, 1e-12) if of_kinds else score)
    shares = np.stack(importance, 1)
    return Dci(*of_importance(shares), float(np.clip(right, 0, 1).mean()), shares)


def of_importance(importance: np.ndarray) -> tuple[float, float]:
    """Disentanglement and completeness of (D, F), how important each code is for each factor: one
    less the entropy of a row, the mean over codes weighted by their importance; the same of a
    column, the mean over factors."""
    dim, factors = importance.shape
    rows = 1 - _entropies(importance) / np.log(factors)
    columns = 1 - _entropies(importance.T) / np.log(dim)
    weight = importance.sum(1) / max(importance.sum(), 1e-300)
    return float(weight @ rows), float(columns.mean())


def _entropies(rows: np.ndarray) -> np.ndarray:
    """The entropy of each row of weights, in nats; the largest possible for a row of zeros."""
    total = rows.sum(1, keepdims=True)
    p = np.where(total > 0, rows / np.where(total > 0, total, 1), 1 / rows.shape[1])
    return np.asarray(-(p * np.log(np.where(p > 0, p, 1))).sum(1))


def _forest(of_kinds: bool, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    kind = RandomForestClassifier if of_kinds else RandomForestRegressor
    return kind(TREES, min_samples_leaf=LEAF, max_features=None, random_state=seed)
