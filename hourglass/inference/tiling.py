"""Apply a function of one image size to images of any size, in overlapping, blended tiles."""

from collections.abc import Callable
from itertools import product

import numpy as np

from ..core.console import track

TOGETHER = 128   # tiles per batch
MANY = 8         # batches from which a progress bar is shown


def tiled(
    image: np.ndarray, size: tuple[int, int], use: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Apply `use`, which takes tiles (N, h, w, C) of that size (h, w), to an image (H, W, C).

    Tiles overlap by half and are blended without seams: each pixel is a weighted mean of its tiles,
    and a tile's centre has the largest weight. A smaller image is mirrored at its edges to that
    size.
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
        outputs = use(np.stack([whole[spot] for spot in spots]))
        for spot, tile in zip(spots, outputs, strict=True):
            total[spot] += fading * tile
            weight[spot] += fading
    blended: np.ndarray = (total / weight)[:height, :width]
    return blended


def starts(length: int, side: int) -> list[int]:
    """Positions of tiles along a length: every half tile, with the last one ending at the end."""
    step = max(1, (side + 1) // 2)
    return [*range(0, length - side, step), length - side]


def fade(size: tuple[int, int]) -> np.ndarray:
    """Weights (h, w) of a tile's pixels: largest in the middle, above 0 everywhere."""
    rows, columns = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in size)
    window: np.ndarray = np.outer(rows, columns).astype(np.float32)
    return window


def grown(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Mirror an image (H, W, C) at its edges to at least that size (h, w)."""
    missing = [(0, max(0, side - n)) for side, n in zip(size, image.shape, strict=False)]
    return np.pad(image, [*missing, (0, 0)], mode="symmetric")
