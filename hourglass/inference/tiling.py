"""Images of any size through what takes one size: in tiles that overlap and are blended."""

from collections.abc import Callable
from itertools import product

import numpy as np

from ..core.console import track

TOGETHER = 128   # tiles that go through at once
MANY = 8         # times that many take a while


def tiled(
    image: np.ndarray, size: tuple[int, int], use: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """An image (H, W, C) through `use`, which takes tiles (N, h, w, C) of that size (h, w).

    Tiles overlap by half and fade into one another, so that no seams are seen: each pixel is the
    mean of all tiles that hold it, and those count most in whose middle it is. A smaller image is
    mirrored at its edges up to the size.
    """
    height, width = image.shape[:2]
    whole = grown(image, size)
    places = list(product(*map(starts, whole.shape[:2], size)))
    fading = fade(size)[..., None]
    total = np.zeros(whole.shape, np.float32)
    weight = np.zeros((*whole.shape[:2], 1), np.float32)
    firsts = range(0, len(places), TOGETHER)
    for first in track(firsts, len(firsts), "tiles") if len(firsts) > MANY else firsts:
        some = places[first:first + TOGETHER]
        spots = [np.s_[top:top + size[0], left:left + size[1]] for top, left in some]
        found = use(np.stack([whole[spot] for spot in spots]))
        for spot, tile in zip(spots, found, strict=True):
            total[spot] += fading * tile
            weight[spot] += fading
    blended: np.ndarray = (total / weight)[:height, :width]
    return blended


def starts(length: int, side: int) -> list[int]:
    """Where tiles of that side begin along a length that is no shorter: every half of one, and at
    the end, so that the last one ends there too."""
    step = max(1, (side + 1) // 2)
    return [*range(0, length - side, step), length - side]


def fade(size: tuple[int, int]) -> np.ndarray:
    """(h, w) how much each pixel of a tile counts: most in the middle, and above 0 everywhere."""
    rows, columns = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in size)
    window: np.ndarray = np.outer(rows, columns).astype(np.float32)
    return window


def grown(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image (H, W, C) that is as large as the size (h, w), mirrored where it was not."""
    missing = [(0, max(0, side - n)) for side, n in zip(size, image.shape, strict=False)]
    return np.pad(image, [*missing, (0, 0)], mode="symmetric")
