"""The distance of an image's patches to those of normal images, in pretrained features."""

import numpy as np
import torch
from torch import Tensor

from ...core.console import track
from ...core.contracts import Images, Rule
from ...core.hints import Count, Share
from ...core.registry import detectors
from .patch_features import (
    EXTRACTOR,
    SIZE,
    STRIDES,
    PatchFeatures,
    State,
    highest_share,
    rule_of,
    whitened,
    whitening_of,
)

PROJECTED = 128    # dimensions in which the coreset is chosen
NEAR = 9           # neighbours in the bank that weigh an image's score
CHUNK = 2000       # patches whose distances are in memory at once


@detectors.add("patch_knn")
def patch_knn(
    features: str = EXTRACTOR, patches: Count = 4000, size: int = SIZE,
    strides: tuple[Count, ...] = STRIDES, top: Share = 0.0, unit: bool = False,
    square: bool = False, seed: int = 0,
) -> Rule:
    """Distance of the most unusual patch to the nearest normal patch, in pretrained features:
    PatchCore (Roth et al., 2021, arXiv 2106.08265).

    `features` names a feature extractor. Images are brought to `size` pixels (the longer side; 0
    keeps them); `square` ones lose their aspect ratio. Features of the maps at these `strides` are
    averaged over 3x3 patches and whitened; `unit` scales them to length 1, for defects that change
    the texture. Of at most 40,000 training patches, a greedy coreset of `patches` is kept. An image
    scores as its largest distance, which is weighted down where normal patches are rare too; with
    `top`, as the mean of that share of its distances instead.
    """
    read = PatchFeatures(features, size, strides, square)

    def fit(images: Images) -> State:
        pool = read.sample(images, seed)
        state = whitening_of(pool)
        pool = whitened(pool, state, unit)
        kept = greedy_coreset(_projected(pool, seed), patches)
        return {**state, "bank": pool[kept]}

    def judge(each: np.ndarray, state: State) -> tuple[np.ndarray, float]:
        x, bank = (torch.from_numpy(np.ascontiguousarray(part)) for part in (
            whitened(each, state, unit).reshape(-1, each.shape[-1]), state["bank"]))
        heat, found = nearest(x, bank)
        distances = heat.numpy().reshape(each.shape[:2])
        if top:
            return distances, highest_share(distances, top)
        worst = int(heat.argmax())
        return distances, float(heat[worst]) * rareness(x[worst], int(found[worst]), bank)
    return rule_of(read, fit, judge)


def greedy_coreset(x: Tensor, count: int) -> np.ndarray:
    """Rows (count,) of x (N, D), each the farthest from those before, beginning with the first: a
    2-approximation of the k centres with the smallest radius (Gonzalez, 1985)."""
    rows = [0]
    squares = x.square().sum(1)
    away = distances_to(x, squares, 0)
    count = min(count, len(x))
    for _ in track(range(count - 1), count - 1, "choosing patches"):
        farthest = int(away.argmax())
        rows.append(farthest)
        away = torch.minimum(away, distances_to(x, squares, farthest))
    return np.array(rows[:count])


def distances_to(x: Tensor, squares: Tensor, row: int) -> Tensor:
    """Squared distances (N,) of all x (N, D), whose squared lengths are given, to one of them."""
    found: Tensor = squares + squares[row] - 2 * (x @ x[row])
    found[row] = -1   # so that it is never chosen twice
    return found


def nearest(x: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """The distance of each x (N, K) to the nearest row of the bank (M, K), and which one it is."""
    squares = bank.square().sum(1)
    found = [(part.square().sum(1)[:, None] + squares - 2 * part @ bank.T).min(1)
             for part in x.split(CHUNK)]
    which = torch.cat([each.indices for each in found])
    return (x - bank[which]).square().sum(1).sqrt(), which   # exact where both are large


def rareness(patch: Tensor, found: int, bank: Tensor) -> float:
    """The weight of an image's score, from 0 to 1: 1 minus the softmax of the distance of its most
    unusual patch (K,) to the nearest one of the bank, among the distances to that one's NEAR
    nearest neighbours (equation 7 of Roth et al., 2021)."""
    if len(bank) < 2:
        return 1.0
    around = (bank - bank[found]).square().sum(1).topk(min(NEAR, len(bank)), largest=False).indices
    away = (bank[around] - patch).square().sum(1).sqrt()
    own = (bank[found] - patch).square().sum().sqrt()
    return float(1 - torch.exp(own - torch.logsumexp(away, 0)))


def _projected(pool: np.ndarray, seed: int) -> Tensor:
    """Patches (N, K) in fewer random dimensions, in which distances change little (Johnson &
    Lindenstrauss, 1984)."""
    x = torch.from_numpy(pool)
    if x.shape[1] <= PROJECTED:
        return x
    generator = torch.Generator().manual_seed(seed)
    return x @ torch.randn(x.shape[1], PROJECTED, generator=generator) / PROJECTED ** 0.5
