"""Distances between two sets of features: Fréchet, kernel, precision, recall, coverage."""

import numpy as np

from .bootstrap import WIDE, Estimate, of_pair

NEIGHBOURS = 5
MANIFOLD = 2000    # samples of each side for precision, recall, density, coverage
SUBSETS, SUBSET = 5, 1000   # for the kernel distance
SIZES = 6          # numbers of samples that the Fréchet distance is extrapolated from
LEAST = 1 / 3      # of the samples, in the smallest set
RESAMPLES = 8


def distances_between(
    real: np.ndarray, generated: np.ndarray
) -> tuple[dict[str, Estimate], tuple[str, ...]]:
    """Fréchet and kernel distance, precision, recall, density and coverage of generated features
    (M, F) with respect to real (N, F), and notes on how far they can be trusted."""
    distances = {"frechet": of_pair(frechet_distance, real, generated, RESAMPLES)}
    few = min(len(real), len(generated))
    notes: tuple[str, ...] = ()
    if few > 2 * real.shape[1]:
        distances["frechet_infinity"] = frechet_infinity(real, generated)
    else:
        notes = (f"the Fréchet distance is not extrapolated: {few:,} samples are too few for "
                 f"{real.shape[1]:,} features, which take more than twice as many; compare it only "
                 f"at this number of samples",)
    value = kernel_distance(real, generated)
    distances["kernel"] = Estimate(value, value, value)
    draw = np.random.default_rng(0)
    few_real, few_generated = (features if len(features) <= MANIFOLD else
                               features[np.sort(draw.permutation(len(features))[:MANIFOLD])]
                               for features in (real, generated))
    most = min(len(few_real), len(few_generated)) - 1
    scores = overlap(few_real, few_generated, min(NEIGHBOURS, most))
    return distances | {name: Estimate(v, v, v) for name, v in scores.items()}, notes


def frechet_infinity(a: np.ndarray, b: np.ndarray, seed: int = 0) -> Estimate:
    """The Fréchet distance of a (N, F) and b (M, F) for infinitely many samples (Chong & Forsyth,
    2020, arXiv 1911.07023): a line through the distances of subsets of n of either side against
    1 / n, at 0, with the line's standard error."""
    draw = np.random.default_rng(seed)
    most = min(len(a), len(b))
    # evenly spaced in 1 / n, from a third of the samples to all
    sizes = [round(n) for n in 1 / np.linspace(1 / most, 1 / (LEAST * most), SIZES)]
    values = [frechet_distance(draw.permutation(a)[:n], draw.permutation(b)[:n]) for n in sizes]
    line, covariance = np.polyfit(1 / np.array(sizes), values, 1, cov=True)
    error = float(np.sqrt(covariance[1, 1]))
    value = float(line[1])
    return Estimate(value, value - WIDE * error, value + WIDE * error)


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


def overlap(real: np.ndarray, generated: np.ndarray, k: int) -> dict[str, float]:
    """Precision, recall, density and coverage of generated features (M, F) with respect to real
    (N, F)."""
    from scipy.spatial.distance import cdist
    apart = cdist(real, generated)
    around_real, around_generated = (np.sort(cdist(v, v), 1)[:, k] for v in (real, generated))
    in_real = apart <= around_real[:, None]
    return {"precision": float(in_real.any(0).mean()),
            "recall": float((apart <= around_generated[None]).any(1).mean()),
            "density": float(in_real.sum(0).mean() / k),
            "coverage": float((apart.min(1) <= around_real).mean())}
