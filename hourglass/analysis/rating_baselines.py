"""Predictors of explicit ratings to compare with: means, neighbours and soft-impute."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

DAMPING = 5.0                       # ratings at the overall mean that each mean also counts
PENALTIES = (4.0, 7.0, 11.0, 16.0)  # of soft-impute, chosen on the validation users
RANK, ROUNDS = 40, 12               # of its factors, and of its alternating least squares
NEIGHBOURS = (20, 40, 80)           # of KNN, chosen on the validation users
SHRINK = 10.0                       # weight of no similarity, in common ratings

# ratings that a user gave (items, values), the items to predict -> predictions
Predict = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Means:
    """The mean of each item, and of each user around it, damped."""

    items: np.ndarray   # (I,)

    def of_user(self, items: np.ndarray, values: np.ndarray) -> float:
        """How far a user's ratings lie from the items' means."""
        return float((values - self.items[items]).sum() / (len(items) + DAMPING))

    def predict(self, items: np.ndarray, values: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The items' means, plus how far the user's ratings lie from them."""
        ratings: np.ndarray = self.items[targets] + self.of_user(items, values)
        return ratings


def item_means(train: Any) -> Means:
    """Damped means of the columns of a CSR matrix (N, I) whose overall mean is 0."""
    counts = np.asarray(train.getnnz(0))
    return Means(np.asarray(train.sum(0)).ravel() / (counts + DAMPING))


def residuals(train: Any, means: Means) -> Any:
    """The ratings without the means of items and users, in the same form."""
    residual = train.astype(np.float64)
    for user in range(residual.shape[0]):
        rows = slice(residual.indptr[user], residual.indptr[user + 1])
        items, values = residual.indices[rows], residual.data[rows]
        residual.data[rows] = values - means.items[items] - means.of_user(items, values)
    return residual


def soft_impute(left: Any, means: Means, penalty: float) -> Predict:
    """Soft-impute by alternating least squares (Hastie et al., 2015): factors of the residuals
    (N, I) with least |R - U V'|^2 + penalty (|U|^2 + |V|^2). A new user's factors are solved for.
    """
    users, items = left.shape
    rank = min(RANK, users, items)
    v = np.random.default_rng(0).normal(size=(items, rank)) / np.sqrt(rank)
    columns = left.tocsc()
    for _ in range(ROUNDS):
        u = _solved(left, v, penalty)
        v = _solved(columns, u, penalty)

    def predict(own: np.ndarray, values: np.ndarray, targets: np.ndarray) -> np.ndarray:
        rest = values - means.predict(own, values, own)
        factors = _ridge(v[own], rest, penalty)
        predicted: np.ndarray = means.predict(own, values, targets) + v[targets] @ factors
        return predicted
    return predict


def _solved(ratings: Any, others: np.ndarray, penalty: float) -> np.ndarray:
    """Each row's (or column's) factors, given those of the other side."""
    factors = np.zeros((len(ratings.indptr) - 1, others.shape[1]))
    for row in range(len(factors)):
        own = slice(ratings.indptr[row], ratings.indptr[row + 1])
        factors[row] = _ridge(others[ratings.indices[own]], ratings.data[own], penalty)
    return factors


def _ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    solution: np.ndarray = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    return solution


def neighbours(left: Any, means: Means, count: int) -> Predict:
    """The `count` training users most alike who rated an item, weighted by how alike they are: the
    cosine of the residuals, shrunk where few items are common."""
    lengths = np.sqrt(np.asarray(left.multiply(left).sum(1)).ravel())
    there, columns = (left != 0).astype(np.float64), left.tocsc()

    def predict(own: np.ndarray, values: np.ndarray, targets: np.ndarray) -> np.ndarray:
        row = np.zeros(left.shape[1])
        row[own] = values - means.predict(own, values, own)
        mask = np.zeros(left.shape[1])
        mask[own] = 1
        common = there @ mask
        alike = (left @ row) / np.maximum(lengths * np.linalg.norm(row), 1e-9)
        alike = np.maximum(alike * common / (common + SHRINK), 0)
        predicted = means.predict(own, values, targets)
        for place, item in enumerate(targets.tolist()):
            raters = slice(columns.indptr[item], columns.indptr[item + 1])
            users, rest = columns.indices[raters], columns.data[raters]
            best = np.argsort(-alike[users], kind="stable")[:count]
            weight = alike[users][best]
            predicted[place] += (weight @ rest[best]) / max(weight.sum(), 1e-9)
        return predicted
    return predict
