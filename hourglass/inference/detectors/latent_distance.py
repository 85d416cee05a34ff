"""Detectors in latent space: the distance of a sample's code from the training codes."""

import numpy as np
import torch

from ...core.contracts import Rule, Seen
from ...core.covariance import root_of_covariance
from ...core.hints import Count
from ...core.registry import detectors

MOST = 20_000   # most training codes, evenly spread over all
CHUNK = 2000    # samples whose distances are in memory at once


@detectors.add("knn")
def knn(k: Count = 5) -> Rule:
    """Mean distance of the code to its k nearest neighbours among at most 20,000 training codes
    (Angiulli & Pizzuti, 2002)."""
    def fit(codes: np.ndarray, calibration: Seen) -> dict[str, np.ndarray]:
        return {"codes": codes[_some(codes)]}

    def score(seen: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
        return distance_to(state["codes"], seen.z, k)

    def apart(codes: np.ndarray, calibration: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
        if not np.array_equal(codes, calibration.z):
            return score(calibration, state)
        return distance_to_others(codes, _some(codes), k)
    return Rule(fit, score, apart=apart)


def distance_to(among: np.ndarray, x: np.ndarray, k: int) -> np.ndarray:
    """Mean distance of each row of x (N, D) to the k nearest ones `among` these (M, D), (N,)."""
    from sklearn.neighbors import NearestNeighbors
    # brute force: for few samples or many dimensions, trees are slower
    near = NearestNeighbors(n_neighbors=min(k, len(among)), algorithm="brute").fit(among)
    means = [near.kneighbors(x[start:start + CHUNK])[0].mean(1)
             for start in range(0, len(x), CHUNK)]
    return np.concatenate([np.zeros(0), *means])


def _some(codes: np.ndarray) -> np.ndarray:
    return np.linspace(0, len(codes) - 1, min(len(codes), MOST)).astype(int)


def distance_to_others(codes: np.ndarray, among: np.ndarray, k: int) -> np.ndarray:
    """Mean distance of each code (N, D) to the k nearest ones of the rows `among` (M,), except
    itself, (N,); 0 if there is no other."""
    from sklearn.neighbors import NearestNeighbors
    count = min(k + 1, len(among))
    near = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(codes[among])
    means = [np.zeros(0)]
    for start in range(0, len(codes), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(codes)))
        distances, neighbours = near.kneighbors(codes[rows])
        itself = among[neighbours] == rows[:, None]
        if len(among) > k:   # k + 1 were searched: drop the code itself; if missing, the last
            itself[~itself.any(1), -1] = True
        kept = np.where(itself, 0, distances)
        means.append(kept.sum(1) / np.maximum((~itself).sum(1), 1))
    return np.concatenate(means)


@detectors.add("mahalanobis")
def mahalanobis() -> Rule:
    """Mahalanobis distance of the code to the mean of the training codes (Mahalanobis, 1936). Their
    covariance is shrunk, more for fewer codes (Ledoit & Wolf, 2004)."""
    def fit(codes: np.ndarray, calibration: Seen) -> dict[str, np.ndarray]:
        z = torch.from_numpy(codes).double()
        return {"mean": z.mean(0).numpy(), "root": root_of_covariance(z).double().numpy()}

    def score(seen: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
        from scipy.linalg import solve_triangular
        widths = solve_triangular(state["root"], (seen.z - state["mean"]).T, lower=True)
        distances: np.ndarray = np.linalg.norm(widths, axis=0)
        return distances

    def apart(codes: np.ndarray, calibration: Seen, state: dict[str, np.ndarray]) -> np.ndarray:
        if not np.array_equal(codes, calibration.z):
            return score(calibration, state)
        return widths_to_others(codes.astype(np.float64), state["root"])
    return Rule(fit, score, apart=apart)


def widths_to_others(z: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Mahalanobis distance of each code (N, D) to the mean of the others, with the others'
    covariance, (N,): by a rank-one update of the one with that root (Sherman & Morrison, 1950)."""
    from sklearn.covariance import ledoit_wolf_shrinkage
    count = len(z)
    if count < 3:
        return np.zeros(count)
    from_mean = z - z.mean(0)
    kept = 1 - ledoit_wolf_shrinkage(z)
    whole = root @ root.T + kept / (count - 1) * from_mean.T @ from_mean / count
    squared = (from_mean * np.linalg.solve(whole, from_mean.T).T).sum(1)
    weight = kept * count / (count - 1) ** 2
    distances: np.ndarray = count / (count - 1) * np.sqrt(
        squared / np.maximum(1 - weight * squared, 1e-12))
    return distances
