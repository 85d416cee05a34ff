"""The distance of an image's patches to those of normal images, in pretrained features."""

import numpy as np
import torch
from torch import Tensor

from ...core.console import track
from ...core.contracts import Images, Rule
from ...core.hints import Count, Depth, Seed, Share
from ...core.registry import detectors
from .patch_features import (
    EXTRACTOR,
    SIZE,
    PatchFeatures,
    State,
    at_size,
    directions,
    highest_share,
    rule_of,
    whitened,
    whitening_of,
)

EVERY_STRIDE = (8, 16, 32)   # defects may be of any size
LOOKED_AT = 2000   # patches whose distances set the usual scale
PROJECTED = 128    # dimensions in which the coreset is chosen
NEAR = 9           # neighbours in the bank that weigh an image's score
RAW = "plain"      # the bank without whitening: the score compares its directions
OLDER = "the detector was fitted by an older version, with another bank; fit it again"
CHUNK = 256        # patches whose distances are in memory at once: they fit the cache


@detectors.add("patch_knn")
def patch_knn(
    features: str = EXTRACTOR, patches: Count = 4000, size: Depth = SIZE,
    strides: tuple[Count, ...] = EVERY_STRIDE, top: Share = 0.01, unit: bool = True,
    square: bool = True, seed: Seed = 0,
) -> Rule:
    """Distance of the most unusual patches to the nearest normal ones, in pretrained features:
    PatchCore (Roth et al., 2021, arXiv 2106.08265) with a bank for each size of patch.

    `features` names a feature extractor. Images are brought to `size` pixels (the longer side; 0
    keeps them); `square` ones lose their aspect ratio. Features of the maps at these `strides` are
    averaged over 3x3 patches. With `unit`, the score compares their directions, which separate
    images, also where few are normal; the heat map compares whitened features, whose lengths show
    the place. Without it, both compare whitened features. For each stride, a
    greedy coreset of `patches` is kept of at most 40,000 training patches; its distances count in
    standard deviations above normal ones, and those of all strides are averaged. An image scores as
    the mean of the `top` share of its patches. With top=0 the largest one counts; with one stride,
    it is then weighted down where normal patches are rare too, as published.
    """
    read = PatchFeatures(features, size, strides, square)

    def extend(images: Images, state: State) -> State:
        banks: State = {}
        for i, (pool, _) in enumerate(read.samples(images, seed)):
            own = state_of_stride(i, state)
            if unit and RAW not in own:
                raise ValueError(OLDER)
            pool = np.concatenate([own[RAW], pool]) if unit else np.concatenate(
                [own["bank"], whitened(pool, own)])
            bank, _ = bank_of(pool, whitened(pool, own) if unit else pool, unit, patches, seed)
            banks |= {f"{i}.{name}": value for name, value in bank.items()}
        return banks

    def fit(images: Images) -> State:
        state: State = {}
        for i, (pool, owner) in enumerate(read.samples(images, seed)):
            own = whitening_of(pool)
            white = whitened(pool, own)
            bank, kept = bank_of(pool, white, unit, patches, seed)
            usual = [usual_of(x, owner, kept, seed)
                     for x in (directions(pool) if unit else white, white)]
            state |= {f"{i}.{name}": value for name, value in (own | bank).items()}
            state |= {f"{i}.usual": np.array(usual)}
        return state

    def distances(
        stride_maps: tuple[np.ndarray, ...], state: State, unit: bool
    ) -> tuple[np.ndarray, float]:
        places = (stride_maps[0].shape[0], stride_maps[0].shape[1])
        heat, weight, published = np.zeros(places), 1.0, len(stride_maps) == 1 and not top
        for i, maps in enumerate(stride_maps):
            own = state_of_stride(i, state)
            x, bank = map(torch.from_numpy, in_comparison(maps, own, unit))
            away, neighbours = nearest(x, bank)
            if published:
                worst = int(away.argmax())
                weight = rareness(x[worst], int(neighbours[worst]), bank)
            mean, spread = own["usual"][0 if unit else 1]
            shift = 0 if published else mean
            heat += at_size((away.numpy().reshape(maps.shape[:2]) - shift) / spread, places)
        return np.maximum(heat / len(stride_maps), 0), weight

    def judge(stride_maps: tuple[np.ndarray, ...], state: State) -> tuple[np.ndarray, float]:
        heat, weight = distances(stride_maps, state, unit)
        return heat, highest_share(heat, top) * weight

    def draw(stride_maps: tuple[np.ndarray, ...], state: State) -> np.ndarray:
        return distances(stride_maps, state, False)[0]
    return rule_of(read, fit, judge, by_stride=True, draw=draw if unit else None, extend=extend)


def bank_of(
    pool: np.ndarray, white: np.ndarray, unit: bool, count: int, seed: int
) -> tuple[State, np.ndarray]:
    """The coreset of patches (N, K), by their directions or whitened (N, K), and its rows."""
    rows = greedy_coreset(_projected(directions(pool) if unit else white, seed), count)
    return {"bank": white[rows]} | ({RAW: pool[rows]} if unit else {}), rows


def in_comparison(maps: np.ndarray, own: State, unit: bool) -> tuple[np.ndarray, np.ndarray]:
    """An image's features (h, w, K) as rows (N, K), and the bank (M, K), as they are compared: by
    their directions, or whitened. Detectors of older versions have no bank of plain features:
    theirs compare directions of whitened ones."""
    plain = unit and RAW in own
    flat = (maps if plain else whitened(maps, own)).reshape(-1, maps.shape[-1])
    both = (flat, own[RAW if plain else "bank"])
    one, other = (np.ascontiguousarray(directions(part) if unit else part, np.float32)
                  for part in both)
    return one, other


def state_of_stride(number: int, state: State) -> State:
    """The state that was fitted to the patches of one stride."""
    own = {name.partition(".")[2]: value for name, value in state.items()
           if name.partition(".")[0] == str(number)}
    if not {"bank", "usual"} <= set(own):
        raise ValueError(OLDER)
    return own


def usual_of(
    pool: np.ndarray, owner: np.ndarray, kept: np.ndarray, seed: int
) -> tuple[float, float]:
    """Mean and standard deviation of the distances of normal patches, at most LOOKED_AT of the pool
    (N, K), to the nearest of the `kept` ones that come from another image; `owner` (N,) numbers
    images."""
    draw = np.random.default_rng(seed)
    rows = draw.permutation(len(pool))[:LOOKED_AT]
    others = owner[rows][:, None] != owner[kept][None]
    x, bank = torch.from_numpy(pool[rows]), torch.from_numpy(pool[kept])
    away = torch.cdist(x, bank).masked_fill(torch.from_numpy(~others), torch.inf).amin(1)
    away = away[torch.isfinite(away)]   # one image alone has no others
    spread = float(away.std()) if len(away) > 1 else 0.0
    return (float(away.mean()), spread) if spread > 0 else (0.0, 1.0)


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
    squared: Tensor = squares + squares[row] - 2 * (x @ x[row])
    squared[row] = -1   # so that it is never chosen twice
    return squared


def nearest(x: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """The distance of each x (N, K) to the nearest row of the bank (M, K), and which one it is."""
    squares = bank.square().sum(1)
    which = torch.cat([torch.addmm(squares, part, bank.T, alpha=-2).argmin(1)
                       for part in x.split(CHUNK)])   # |x|^2 does not change which is nearest
    return (x - bank[which]).square().sum(1).sqrt(), which   # exact where both are large


def rareness(patch: Tensor, nearest: int, bank: Tensor) -> float:
    """The weight of an image's score, from 0 to 1: 1 minus the softmax of the distance of its most
    unusual patch (K,) to the nearest one of the bank, among the distances to that one's NEAR
    nearest neighbours (equation 7 of Roth et al., 2021)."""
    if len(bank) < 2:
        return 1.0
    distances = (bank - bank[nearest]).square().sum(1)
    around = distances.topk(min(NEAR, len(bank)), largest=False).indices
    away = (bank[around] - patch).square().sum(1).sqrt()
    own = (bank[nearest] - patch).square().sum().sqrt()
    return float(1 - torch.exp(own - torch.logsumexp(away, 0)))


def _projected(pool: np.ndarray, seed: int) -> Tensor:
    """Patches (N, K) in fewer random dimensions, in which distances change little (Johnson &
    Lindenstrauss, 1984)."""
    x = torch.from_numpy(pool)
    if x.shape[1] <= PROJECTED:
        return x
    generator = torch.Generator().manual_seed(seed)
    return x @ torch.randn(x.shape[1], PROJECTED, generator=generator) / PROJECTED ** 0.5
