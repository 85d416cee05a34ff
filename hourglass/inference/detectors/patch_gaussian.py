"""A Gaussian of the features at each place of normal images."""

import numpy as np
import torch

from ...core.contracts import Images, Rule
from ...core.hints import Count, Share
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


@detectors.add("patch_gaussian")
def patch_gaussian(
    features: str = EXTRACTOR, dims: Count = 50, size: Count = 256,
    strides: tuple[Count, ...] = STRIDES, top: Share = 0.0, seed: int = 0,
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
        count, rows = 0, np.empty(0, int)
        total = squares = np.zeros(())
        for patches in read.of(images):
            if not count:
                draw = np.random.default_rng(seed)
                rows = np.sort(draw.permutation(patches.shape[-1])[:dims])
            x = patches[..., rows].reshape(-1, len(rows)).astype(np.float64)
            total = total + x
            squares = squares + np.einsum("pi,pj->pij", x, x, dtype=np.float64)
            count += 1
        if not count:
            raise ValueError(NONE)
        mean = total / count
        spread = squares / count - np.einsum("pi,pj->pij", mean, mean)
        std = np.sqrt(np.einsum("pii->pi", squares / count).mean(0) - mean.mean(0) ** 2)
        std = np.maximum(std, 1e-3 * max(float(std.mean()), 1e-6))
        return {"rows": rows, "std": std, "mean": (mean / std).astype(np.float32),
                "root": roots_of(spread * count / max(1, count - 1) / np.outer(std, std))}

    def judge(patches: np.ndarray, state: State) -> tuple[np.ndarray, float]:
        x = patches[..., state["rows"]].reshape(-1, len(state["rows"])) / state["std"]
        heat = widths_of(x, state).reshape(patches.shape[:2])
        return heat, highest_share(heat, top)
    return rule_of(read, fit, judge)


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
