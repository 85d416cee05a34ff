"""Where something is large, laid over images in colours."""

import numpy as np
from matplotlib import colormaps

from .canvas import shown

COLOURS = colormaps["inferno"]
STRONGEST = 0.85    # share of the colour where the value is largest
WIDTH = 0.02        # of an image's shorter side: how far its map of errors is smoothed
DIMMED = 0.75       # how bright the image below is


def overlaid(images: np.ndarray, heat: np.ndarray, top: float) -> np.ndarray:
    """Images (N, H, W, C) in grey, and over them heat (N, H, W), from 0, clear, to `top`; RGB."""
    grey = shown(images, flat=True).mean(-1, keepdims=True).repeat(3, -1) * DIMMED
    level = np.clip(heat / max(top, 1e-12), 0, 1)
    share = STRONGEST * np.sqrt(level)[..., None]
    found: np.ndarray = (1 - share) * grey + share * COLOURS(level)[..., :3]
    return found


def bar(height: int, width: int) -> np.ndarray:
    """The colours from `top`, above, to 0, as RGB (H, W, 3)."""
    column: np.ndarray = COLOURS(np.linspace(1, 0, height))[:, None, :3]
    return column.repeat(width, 1)


def smoothed(errors: np.ndarray) -> np.ndarray:
    """Errors of pixels (N, H, W, C) as maps (N, H, W): the mean over channels, in a Gaussian window
    whose width is a fiftieth of the image's shorter side, at least half a pixel."""
    from scipy.ndimage import gaussian_filter
    width = max(0.5, WIDTH * min(errors.shape[1:3]))
    known = np.nan_to_num(errors)   # a missing pixel has no error
    found: np.ndarray = gaussian_filter(known.mean(-1), (0, width, width))
    return found
