"""How like the set the generated samples are, seen by the judge; a number for each prior."""

import numpy as np

from ...core.registry import metrics
from ..snapshot import Drawn, Lacking, Snapshot
from .bootstrap import Estimate, of_pair

NEIGHBOURS = 5
MANIFOLD = 2000    # samples of each side for precision, recall, density, coverage
SUBSETS, SUBSET = 5, 1000   # for the kernel distance
FEWEST = 20


@metrics.add("frechet")
def frechet(s: Snapshot) -> dict[str, Estimate]:
    """Frechet distance between the features of generated and of unseen samples, taken as Gaussians
    (Dowson & Landau, 1982; Heusel et al., 2017, arXiv 1706.08500). It depends on the features and
    on how many samples there are: compare only where both are the same."""
    return {f"{name}/frechet": of_pair(frechet_distance, s.features, drawn.features)
            for name, drawn in _each(s)}


@metrics.add("kernel")
def kernel(s: Snapshot) -> dict[str, float]:
    """Kernel distance: the squared maximum mean discrepancy with the kernel (a'b / F + 1)^3,
    unbiased (Binkowski et al., 2018, arXiv 1801.01401), the mean over subsets of up to 1,000."""
    return {f"{name}/kernel": kernel_distance(s.features, drawn.features)
            for name, drawn in _each(s)}


@metrics.add("manifold")
def manifold(s: Snapshot) -> dict[str, float]:
    """Precision, recall (Kynkaanniemi et al., 2019, arXiv 1904.06991), density and coverage (Naeem
    et al., 2020, arXiv 2002.09797) with 5 nearest neighbours, on up to 2,000 of either side."""
    results: dict[str, float] = {}
    for name, drawn in _each(s):
        real, generated = s.features[:MANIFOLD], drawn.features[:MANIFOLD]
        scores = overlap(real, generated, min(NEIGHBOURS, len(real) - 1, len(generated) - 1))
        results |= {f"{name}/{score}": value for score, value in scores.items()}
    return results


@metrics.add("asked")
def asked(s: Snapshot) -> dict[str, np.ndarray]:
    """Share of the generated samples that the judge puts in the class that was asked for."""
    matches = {f"{name}/asked": drawn.judged == drawn.of for name, drawn in s.drawn.items()
               if len(drawn.judged) and len(drawn.of)}
    if not matches:
        raise Lacking("priors that know classes, and labels")
    return matches


def _each(s: Snapshot) -> list[tuple[str, Drawn]]:
    usable = [(name, drawn) for name, drawn in s.drawn.items()
              if min(len(drawn.features), len(s.features)) >= FEWEST
              and np.isfinite(drawn.features).all()]
    if not usable:
        raise Lacking(f"{FEWEST} generated samples")
    return usable


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Between the Gaussians with the means and covariances of a (N, F) and b (M, F)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    ca, cb = (np.atleast_2d(np.cov(v, rowvar=False)) for v in (a, b))
    # the eigenvalues of ca cb are real and not negative, as those of ca^(1/2) cb ca^(1/2)
    values, vectors = np.linalg.eigh(ca)
    half = vectors * np.sqrt(values.clip(min=0))
    cross = np.sqrt(np.linalg.eigvalsh(half.T @ cb @ half).clip(min=0)).sum()
    apart = np.square(a.mean(0) - b.mean(0)).sum()
    return float(apart + np.trace(ca) + np.trace(cb) - 2 * cross)


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared maximum mean discrepancy of a (N, F) and b (M, F)."""
    random, size = np.random.default_rng(0), min(SUBSET, len(a), len(b))
    discrepancies = [squared_discrepancy(random.permutation(a)[:size], random.permutation(b)[:size])
                     for _ in range(SUBSETS if size < min(len(a), len(b)) else 1)]
    return float(np.mean(discrepancies))


def squared_discrepancy(a: np.ndarray, b: np.ndarray) -> float:
    """The same, unbiased, of two sets of as many samples (N, F)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    n = len(a)
    within = [_cubic(v, v) for v in (a, b)]
    own = sum((k.sum() - np.trace(k)) / (n * (n - 1)) for k in within)
    return float(own - 2 * _cubic(a, b).mean())


def _cubic(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    product = a @ b.T / a.shape[1] + 1
    return product * product * product   # many times as fast as ** 3


def overlap(real: np.ndarray, made: np.ndarray, k: int) -> dict[str, float]:
    """Precision, recall, density and coverage of made (M, F) with respect to real (N, F)."""
    from scipy.spatial.distance import cdist
    apart = cdist(real, made)
    around_real, around_made = (np.sort(cdist(v, v), 1)[:, k] for v in (real, made))
    in_real = apart <= around_real[:, None]
    return {"precision": float(in_real.any(0).mean()),
            "recall": float((apart <= around_made[None]).any(1).mean()),
            "density": float(in_real.sum(0).mean() / k),
            "coverage": float((apart.min(1) <= around_real).mean())}
