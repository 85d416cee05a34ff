"""Local detectors: they score maps of errors, block by block."""

from collections.abc import Callable

import numpy as np

from ...core.contracts import Rule, Seen
from ...core.hints import Count
from ...core.registry import detectors
from .reconstruction import nothing

BLOCK = 8         # pixels, or steps of a series
GROUND = 0.3      # share of the mean std over positions, added to each: some hardly vary

State = dict[str, np.ndarray]


@detectors.add("local")
def local(block: Count = BLOCK) -> Rule:
    """Largest squared reconstruction error of a block of `block` by `block` pixels (steps of a
    series, one column of a table)."""
    return _largest(lambda seen: seen.model, "model", block)


@detectors.add("pca_local")
def pca_local(block: Count = BLOCK) -> Rule:
    """Like local, for the reconstruction by PCA of the training samples."""
    return _largest(lambda seen: seen.pca, "pca", block)


@detectors.add("relative")
def relative(block: Count = BLOCK) -> Rule:
    """Largest error of a block relative to normal samples there: standard deviations of its
    logarithm above the mean of calibration samples."""
    return _beside_normal(lambda seen: seen.model, "model", block)


@detectors.add("pca_relative")
def pca_relative(block: Count = BLOCK) -> Rule:
    """Like relative, for the reconstruction by PCA of the training samples."""
    return _beside_normal(lambda seen: seen.pca, "pca", block)


@detectors.add("pca")
def pca() -> Rule:
    """Squared error of the reconstruction by PCA of the training samples, the baseline for the
    others. The number of components is a twelfth of the number of values in a sample, or the number
    of latents if that is larger. It is at most 400, or the number that the training samples allow.
    """
    def score(seen: Seen, state: State) -> np.ndarray:
        flat = seen.pca.reshape(len(seen.pca), -1)
        known = np.isfinite(flat)
        return np.where(known, flat, 0).sum(1, dtype=np.float64) / np.maximum(known.sum(1), 1)
    return Rule(nothing, score, codes=False, maps=frozenset({"pca"}))


def _largest(errors: Callable[[Seen], np.ndarray], kind: str, block: int) -> Rule:
    def places(seen: Seen, state: State) -> np.ndarray:
        return in_blocks(errors(seen), block)
    return Rule(nothing, lambda seen, state: highest(places(seen, state)), codes=False,
                maps=frozenset({kind}), places=places)


def _beside_normal(errors: Callable[[Seen], np.ndarray], kind: str, block: int) -> Rule:
    def fit(codes: np.ndarray, calibration: Seen) -> State:
        normal = in_blocks(errors(calibration), block)
        level = np.array([usual_level(normal)])
        logs = np.log(normal + level)
        return {"level": level, "mean": logs.mean(0), "spread": spread_of(logs.var(0))}

    def places(seen: Seen, state: State) -> np.ndarray:
        logs = np.log(in_blocks(errors(seen), block) + state["level"])
        standardised: np.ndarray = (logs - state["mean"]) / state["spread"]
        return standardised

    def score(seen: Seen, state: State) -> np.ndarray:
        return highest(places(seen, state))

    def apart(codes: np.ndarray, calibration: Seen, state: State) -> np.ndarray:
        logs = np.log(in_blocks(errors(calibration), block) + state["level"])
        return highest(beside_others(logs))
    return Rule(fit, score, codes=False, apart=apart, maps=frozenset({kind}), places=places)


def usual_level(normal: np.ndarray) -> float:
    """The error that most normal samples (N, ...) have. It is added before logarithms are taken, so
    that errors far below it do not matter."""
    level = float(np.median(normal.reshape(len(normal), -1).mean(1)))
    return level if level > 0 else 1e-12


def highest(maps: np.ndarray) -> np.ndarray:
    """The largest value of each map (N, ...), (N,)."""
    scores: np.ndarray = maps.reshape(len(maps), -1).max(1).astype(np.float64)
    return scores


def in_blocks(errors: np.ndarray, block: int) -> np.ndarray:
    """Mean errors over the block around each position of maps (N, H, W) or (N, T), of observed
    values, mirrored at the edges; 0 where none is observed. Columns of a table, (N, D, 1), have no
    neighbours."""
    known = np.isfinite(errors)
    if errors.ndim > 2 and errors.shape[-1] == 1:
        return np.where(known, errors, 0)
    if known.all():
        return _blurred(errors, block)
    share = _blurred(known.astype(np.float32), block)
    total = _blurred(np.where(known, errors, 0), block)
    return np.where(share > 1e-6, total / np.maximum(share, 1e-6), 0)


def _blurred(maps: np.ndarray, block: int) -> np.ndarray:
    from scipy.ndimage import uniform_filter
    sides = [min(block, side) for side in maps.shape[1:]]
    means = uniform_filter(maps.astype(np.float64), (1, *sides), mode="reflect")
    return np.maximum(means, 0)   # running sums may end slightly below 0


def spread_of(variance: np.ndarray) -> np.ndarray:
    """Scale of the logarithm at each position (H, W), from the variance of normal samples: its
    standard deviation plus a part of the usual one, so that no position counts without limit."""
    spread = np.sqrt(np.maximum(variance, 0))
    scale: np.ndarray = spread + GROUND * max(float(spread.mean()), 0.1)
    return scale


def beside_others(logs: np.ndarray) -> np.ndarray:
    """Logarithms (N, ...) standardised by mean and deviation of the other samples."""
    count = len(logs)
    mean, variance = logs.mean(0), logs.var(0)
    if count < 3:
        alone: np.ndarray = (logs - mean) / spread_of(variance)
        return alone
    standardised = np.empty_like(logs)
    for i, one in enumerate(logs):
        away = one - mean
        narrower = count / (count - 1) * (variance - np.square(away) / (count - 1))
        standardised[i] = (away + away / (count - 1)) / spread_of(narrower)
    return standardised
