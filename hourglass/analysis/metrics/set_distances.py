"""All distances between two sets of features, and Fréchet distances without their bias."""

import numpy as np

from .bootstrap import WIDE, Estimate, of_pair
from .generation import MANIFOLD, NEIGHBOURS, frechet_distance, kernel_distance, overlap

SIZES = 6          # numbers of samples that the Fréchet distance is extrapolated from
LEAST = 1 / 3      # of the samples, in the smallest set
RESAMPLES = 8


def distances_between(
    real: np.ndarray, made: np.ndarray
) -> tuple[dict[str, Estimate], tuple[str, ...]]:
    """Fréchet and kernel distance, precision, recall, density and coverage of made (M, F) with
    respect to real (N, F), and notes on how far they can be trusted."""
    distances = {"frechet": of_pair(frechet_distance, real, made, RESAMPLES)}
    few = min(len(real), len(made))
    notes: tuple[str, ...] = ()
    if few > 2 * real.shape[1]:
        distances["frechet_infinity"] = frechet_infinity(real, made)
    else:
        notes = (f"the Fréchet distance is not extrapolated: {few:,} samples are too few for "
                 f"{real.shape[1]:,} features, which take more than twice as many; compare it only "
                 f"at this number of samples",)
    value = kernel_distance(real, made)
    distances["kernel"] = Estimate(value, value, value)
    draw = np.random.default_rng(0)
    few_real, few_made = (features if len(features) <= MANIFOLD else
                          features[np.sort(draw.permutation(len(features))[:MANIFOLD])]
                          for features in (real, made))
    scores = overlap(few_real, few_made, min(NEIGHBOURS, len(few_real) - 1, len(few_made) - 1))
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
