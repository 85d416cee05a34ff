"""Draw the sprites of dSprites: a square, an ellipse or a heart, in any size, angle and
position."""

import math
from functools import cache

import numpy as np

SIDE = 64                                      # pixels of an image
NAMES = ("shape", "scale", "orientation", "x", "y")
SHAPES = ("square", "ellipse", "heart")
SIZES = (3, 6, 40, 32, 32)                     # values of each factor; the last varies fastest
SCALES = np.linspace(0.5, 1, SIZES[1])
ANGLES = np.linspace(0, 2 * np.pi, SIZES[2])   # as published: the last equals the first
REACH = 16                                     # pixels from a sprite's centre to its box
SQUARE = 9.1                                   # half a side, and
ELLIPSE = (11.8, 6.2)                          # half the axes, and
HEART = 13.5                                   # a side of its square, in pixels at scale 1
ROUNDING = 1e-9                                # so that edges on a pixel's centre include it


def sprite(shape: str, scale: float, angle: float) -> np.ndarray:
    """Draw one sprite as 0 and 1, (33, 33), with its centroid on the middle pixel's centre. It
    covers the pixels whose centres lie inside. `angle` in radians turns it clockwise."""
    across, down = np.meshgrid(np.arange(-REACH, REACH + 1), np.arange(-REACH, REACH + 1))
    u = (math.cos(angle) * across + math.sin(angle) * down) / scale
    v = (math.cos(angle) * down - math.sin(angle) * across) / scale
    return COVERS[shape](u, v).astype(np.uint8)


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v)) <= SQUARE + ROUNDING


def _ellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.square(u / ELLIPSE[0]) + np.square(v / ELLIPSE[1]) <= 1 + ROUNDING


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A square on one corner, with half a disc on each of its upper sides."""
    d = HEART
    rise = (math.pi / 4) * (d / 2 + 2 * d / (3 * math.pi)) / math.sqrt(2) / (1 + math.pi / 4)
    v = v - rise   # from the square's centre; the centroid lies `rise` above it
    reach = d / math.sqrt(8)
    in_disc = np.square(abs(u) - reach) + np.square(v + reach) <= np.square(d / 2) + ROUNDING
    return np.asarray((abs(u) + abs(v) <= d / math.sqrt(2) + ROUNDING) | in_disc)


COVERS = {"square": _square, "ellipse": _ellipse, "heart": _heart}


@cache
def sprites() -> np.ndarray:
    """All sprites (720, 33, 33), by shape, scale and orientation."""
    return np.stack([sprite(shape, scale, angle)
                     for shape in SHAPES for scale in SCALES for angle in ANGLES])


@cache
def windows() -> np.ndarray:
    """Each sprite at each position, (720, y, x, 64, 64), white as 255. They are views of one large
    canvas per sprite, without copies."""
    free = SIDE - 1 - 2 * REACH   # positions, in pixels, that keep the sprite inside
    around = ((0, 0), (free, free), (free, free))
    canvases = np.pad(255 * sprites(), around)
    views = np.lib.stride_tricks.sliding_window_view(canvases, (SIDE, SIDE), (1, 2))
    return views[:, ::-1, ::-1]   # moving the window left moves the sprite right


def factors_of(rows: np.ndarray) -> np.ndarray:
    """The factors (N, 5) of the images with these indices (N,)."""
    return np.stack(np.unravel_index(rows, SIZES), 1).astype(np.int16)


def draw(factors: np.ndarray) -> np.ndarray:
    """Draw images (N, 64, 64), 0 and 255, of factors (N, 5)."""
    shape, scale, angle, x, y = factors.T.astype(int)
    which = np.ravel_multi_index((shape, scale, angle), SIZES[:3])
    images: np.ndarray = windows()[which, y, x]
    return images
