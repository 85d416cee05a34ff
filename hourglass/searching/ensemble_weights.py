"""How much each model counts in an ensemble: chosen on samples that no training saw."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

Loss = Literal["mse", "bce"]
How = Literal["greedy", "uniform", "stacked"]
LEAST = 1e-6      # least distance of a probability from 0 and 1
HEAVY = 1e3       # penalty in stacking for weights that do not sum to 1, relative to the error


class Predictions(NamedTuple):
    """What K models make of N samples, flat: (K, N, V), the samples themselves (N, V), and where
    they are observed (N, V), as 0 or 1."""

    means: np.ndarray
    x: np.ndarray
    known: np.ndarray

    def of(self, weights: np.ndarray) -> np.ndarray:
        """The weighted mean (N, V) of the models, with weights (K,) that sum to 1."""
        mean: np.ndarray = np.einsum("k,knv->nv", weights.astype(self.means.dtype), self.means)
        return mean


def losses_of(mean: np.ndarray, seen: Predictions, loss: Loss) -> np.ndarray:
    """The loss of each reconstruction of (N, V), (N,): the mean over its observed values."""
    if loss == "mse":
        values = np.square(mean - seen.x)
    else:
        p = np.clip(mean, LEAST, 1 - LEAST)
        values = -(seen.x * np.log(p) + (1 - seen.x) * np.log1p(-p))
    total = (values * seen.known).sum(1, dtype=np.float64)
    losses: np.ndarray = total / np.maximum(seen.known.sum(1), 1)
    return losses


def greedy(seen: Predictions, loss: Loss, size: int) -> np.ndarray:
    """Weights (K,) of an ensemble that grows by the model which helps most, `size` times at most,
    with replacement (Caruana et al., 2004); the best of the ensembles on the way."""
    count = len(seen.means)
    chosen, best = np.zeros(count), (np.inf, np.zeros(count))
    total = np.zeros_like(seen.means[0])
    for taken in range(1, size + 1):
        tried = [losses_of((total + mean) / taken, seen, loss).mean() for mean in seen.means]
        model = int(np.argmin(tried))
        chosen[model] += 1
        total += seen.means[model]
        if tried[model] < best[0]:
            best = float(tried[model]), chosen / taken
    return best[1]


def uniform(seen: Predictions, loss: Loss, size: int) -> np.ndarray:
    """Equal weights (K,) of the `size` best models."""
    alone = [losses_of(mean, seen, loss).mean() for mean in seen.means]
    weights = np.zeros(len(alone))
    weights[np.argsort(alone)[:size]] = 1 / min(size, len(alone))
    return weights


def stacked(seen: Predictions, loss: Loss, size: int) -> np.ndarray:
    """Weights (K,), at least 0 and with the sum 1, whose mean has the least squared error (Breiman,
    1996). Only the `size` heaviest models keep a weight. The loss has no effect on the weights."""
    from scipy.optimize import nnls
    scale = np.sqrt(seen.known / np.maximum(seen.known.sum(1, keepdims=True), 1))
    errors = ((seen.means - seen.x) * scale).reshape(len(seen.means), -1).astype(np.float64)
    gram = errors @ errors.T
    kept = np.arange(len(gram))
    for _ in range(2):   # once more, of those that are left
        root = _root(gram[np.ix_(kept, kept)])
        sides = np.vstack([root, np.full(len(kept), HEAVY * np.sqrt(np.trace(gram)))])
        solution, _ = nnls(sides, np.append(np.zeros(len(root)), sides[-1, 0]))
        kept, solution = kept[order := np.argsort(-solution)[:size]], solution[order]
        kept, solution = kept[solution > 0], solution[solution > 0]
    weights = np.zeros(len(gram))
    weights[kept] = solution / solution.sum()
    return weights


def _root(gram: np.ndarray) -> np.ndarray:
    """R with R.T @ R = gram, also of one that is singular."""
    values, vectors = np.linalg.eigh(gram)
    root: np.ndarray = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    return root


WAYS: dict[str, Callable[[Predictions, Loss, int], np.ndarray]] = {
    "greedy": greedy, "uniform": uniform, "stacked": stacked}
