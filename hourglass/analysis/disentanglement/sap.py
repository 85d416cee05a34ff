"""How far ahead the best single code of a factor is of the second best."""

from collections.abc import Collection

import numpy as np

from .checks import checked


def sap(
    codes: np.ndarray, factors: np.ndarray, unordered: Collection[int] = (), seed: int = 0
) -> float:
    """Separated attribute predictability (Kumar, Sattigeri & Balakrishnan, 2018, arXiv 1711.00848):
    how well a factor is predicted from its best code alone, less how well from the second best, the
    mean over factors. From 0 to 1.

    A factor whose values have an order is predicted by a line, which explains a share of its
    variance; one of the `unordered` columns of factors (N, F) by thresholds on the code, fitted to
    a half of the samples: its share is the balanced accuracy on the other half.
    """
    z, v = checked(codes, factors)
    values = np.asarray(factors, np.float64)
    gaps = []
    for column in range(v.shape[1]):
        scores = np.sort(_by_thresholds(z, v[:, column], seed) if column in unordered
                         else _by_lines(z, values[:, column]))
        gaps.append(scores[-1] - (scores[-2] if len(scores) > 1 else 0))
    return float(np.mean(gaps))


def _by_lines(z: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The share of a factor's variance that a line on each code (N, D) explains, (D,)."""
    centred, v = z - z.mean(0), factor - factor.mean()
    variance = np.square(centred).sum(0)
    varies = variance > 1e-12 * max(float(variance.max()), 1e-300)
    explained = np.square(centred.T @ v) / np.where(varies, variance * (v @ v), 1)
    return np.asarray(np.where(varies, explained, 0))


def _by_thresholds(z: np.ndarray, kinds: np.ndarray, seed: int) -> np.ndarray:
    """The balanced accuracy of thresholds on each code (N, D), one fewer than there are kinds."""
    from sklearn.metrics import recall_score
    from sklearn.tree import DecisionTreeClassifier
    order = np.random.default_rng(seed).permutation(len(z))
    fit, tried = order[::2], order[1::2]
    accuracies = []
    for code in z.T:
        tree = DecisionTreeClassifier(max_leaf_nodes=int(kinds.max()) + 1, class_weight="balanced",
                                      random_state=seed).fit(code[fit, None], kinds[fit])
        accuracies.append(recall_score(kinds[tried], tree.predict(code[tried, None]),
                                       average="macro", zero_division=0))
    return np.array(accuracies)
