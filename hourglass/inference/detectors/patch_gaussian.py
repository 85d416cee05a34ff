"""A Gaussian of the features at each place of normal images."""

from collections.abc import Iterable
from itertools import chain

import numpy as np
import torch

from ...core.contracts import Images, Rule
from ...core.hints import Count, Seed, Share
from ...core.registry import detectors
from .patch_features import (
    EXTRACTOR,
    NONE,
    STRIDES,
    PatchFeatures,
    State,
    highest_share,
    rule_of,
)

EXTRA = 0.01       # added to the variances, of standardised features

# number of images; mean (P, D) and covariance (P, D, D, divided by the number) of each place
Moments = tuple[int, np.ndarray, np.ndarray]


@detectors.add("patch_gaussian")
def patch_gaussian(
    features: str = EXTRACTOR, dims: Count = 50, size: Count = 256,
    strides: tuple[Count, ...] = STRIDES, top: Share = 0.0, seed: Seed = 0,
) -> Rule:
    """Mahalanobis distance of the most unusual patch to the normal patches at the same place, in
    pretrained features: PaDiM (Defard et al., 2020, arXiv 2011.08785).

    It suits parts that always lie in the same place. `features` names a feature extractor. Images
    are brought to `size` by `size` pixels. Of the channels of the maps at these `strides`, `dims`
    are chosen by `seed`. An image scores as its largest distance; with `top`, as the mean of that
    share of its distances.
    """
    read = PatchFeatures(features, size, strides, square=True)

    def fit(images: Images) -> State:
        every = read.of(images)
        first = next(every, None)
        if first is None:
            raise ValueError(NONE)
        rows = np.sort(np.random.default_rng(seed).permutation(first.shape[-1])[:dims])
        count, mean, spread = moments(chosen(patches, rows) for patches in chain([first], every))
        std = np.sqrt(np.einsum("pii->pi", spread).mean(0) + mean.var(0))
        std = np.maximum(std, 1e-3 * max(float(std.mean()), 1e-6))
        return {"rows": rows, "std": std,
                **state_of_moments((count, mean / std, spread / np.outer(std, std)))}

    def extend(images: Images, state: State) -> State:
        known = moments_of(state)
        more = moments(chosen(patches, state["rows"]) / state["std"]
                       for patches in read.of(images))
        return state_of_moments(joined(known, more))

    def judge(patches: np.ndarray, state: State) -> tuple[np.ndarray, float]:
        x = chosen(patches, state["rows"]) / state["std"]
        heat = widths_of(x, state).reshape(patches.shape[:2])
        return heat, highest_share(heat, top)
    return rule_of(read, fit, judge, extend=extend)


def chosen(patches: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """These channels of patches (h, w, K) as features of places, (P, D)."""
    flat: np.ndarray = patches[..., rows].reshape(-1, len(rows)).astype(np.float64)
    return flat


def moments(every: Iterable[np.ndarray]) -> Moments:
    """The moments of features (P, D) of each image's places."""
    count, total, squares = 0, np.zeros(()), np.zeros(())
    for x in every:
        total, squares = total + x, squares + np.einsum("pi,pj->pij", x, x)
        count += 1
    mean = total / count
    return count, mean, squares / count - np.einsum("pi,pj->pij", mean, mean)


def joined(first: Moments, second: Moments) -> Moments:
    """The moments of both groups of images together (Chan, Golub & LeVeque, 1979)."""
    (n, mean, spread), (m, other, width) = first, second
    away = other - mean
    between = np.einsum("pi,pj->pij", away, away) * (n * m / (n + m) ** 2)
    return n + m, mean + away * (m / (n + m)), (n * spread + m * width) / (n + m) + between


def state_of_moments(known: Moments) -> State:
    """What is kept of the moments of standardised features."""
    count, mean, spread = known
    return {"count": np.array(count), "mean": mean.astype(np.float32),
            "root": roots_of(spread * count / max(1, count - 1))}


def moments_of(state: State) -> Moments:
    """The moments that `state_of_moments` kept. Raises ValueError for an older detector."""
    if "count" not in state:
        raise ValueError("the detector was fitted by an older version, which did not keep the "
                         "number of its images; fit it again, to all images")
    count, root = int(state["count"]), state["root"].astype(np.float64)
    covariance = root @ root.swapaxes(1, 2) - EXTRA * np.eye(root.shape[-1])
    return count, state["mean"].astype(np.float64), covariance * max(1, count - 1) / count


def roots_of(covariance: np.ndarray) -> np.ndarray:
    """Cholesky factors (P, D, D) of covariances (P, D, D), with EXTRA on their diagonals, as
    float32."""
    roots: np.ndarray = np.linalg.cholesky(covariance + EXTRA * np.eye(covariance.shape[-1]))
    return roots.astype(np.float32)


def widths_of(x: np.ndarray, state: State) -> np.ndarray:
    """Mahalanobis distance (P,) of the features x (P, D) at each place."""
    away = torch.from_numpy((x - state["mean"]).astype(np.float32))[..., None]
    root = torch.from_numpy(np.ascontiguousarray(state["root"]))
    distances: np.ndarray = torch.linalg.solve_triangular(root, away, upper=False).norm(
        dim=(1, 2)).numpy()
    return distances
