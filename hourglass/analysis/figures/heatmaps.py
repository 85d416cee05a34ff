"""Heat maps: large values as colours over images."""

import numpy as np

from ...core.image_grid import shown

STRONGEST = 0.85    # share of the colour where the value is largest
TOP = 2.0           # times the threshold, where the scale of colours ends
DARKEST = 0.4       # share of the colours that is left out at the dark end
EDGE = (0.2, 0.9, 1.0)   # colour of the line around abnormal regions
DIMMED = 0.75       # how bright the image below is


def overlaid(images: np.ndarray, heat: np.ndarray, top: float) -> np.ndarray:
    """RGB images: images (N, H, W, C) in grey under heat (N, H, W), clear at 0, strongest at `top`.
    """
    grey = shown(images, flat=True).mean(-1, keepdims=True).repeat(3, -1) * DIMMED
    level = np.clip(heat / max(top, 1e-12), 0, 1)
    share = STRONGEST * np.sqrt(level)[..., None]
    overlay: np.ndarray = (1 - share) * grey + share * _inferno(level)
    return overlay


def beside_threshold(images: np.ndarray, heat: np.ndarray, usual: float = 0.5) -> np.ndarray:
    """RGB images: images (N, H, W, C) in grey under heat (N, H, W). Heat is clear up to `usual`,
    which half of the normal images reach somewhere, and strongest at the threshold, 1. A line
    surrounds what lies above the threshold."""
    grey = shown(images, flat=True).mean(-1, keepdims=True).repeat(3, -1)
    share = STRONGEST * np.clip((heat - usual) / max(1 - usual, 0.05), 0, 1)[..., None]
    overlay: np.ndarray = (1 - share) * grey + share * _colours(heat / TOP)
    above = np.pad(heat > 1, ((0, 0), (1, 1), (1, 1)), mode="edge")
    inner = above[:, 1:-1, 1:-1]
    whole = above[:, :-2, 1:-1] & above[:, 2:, 1:-1] & above[:, 1:-1, :-2] & above[:, 1:-1, 2:]
    overlay[inner & ~whole] = EDGE
    return overlay


def _colours(level: np.ndarray) -> np.ndarray:
    """(..., 3) bright colours, for black would not be seen on dark images."""
    return _inferno(DARKEST + (1 - DARKEST) * np.clip(level, 0, 1))


def _inferno(level: np.ndarray) -> np.ndarray:
    from matplotlib import colormaps
    colours: np.ndarray = colormaps["inferno"](level)[..., :3]
    return colours


def bar_of_threshold(height: int, width: int) -> np.ndarray:
    """A bar of the heat map's colours, from twice the threshold (top) to 0, as RGB (H, W, 3)."""
    return _colours(np.linspace(1, 0, height))[:, None].repeat(width, 1)
