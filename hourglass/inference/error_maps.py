"""Maps of reconstruction errors, smoothed."""

import numpy as np

WIDTH = 0.02        # width of the smoothing, as a share of an image's shorter side


def smoothed(errors: np.ndarray) -> np.ndarray:
    """Errors of pixels (N, H, W, C) as maps (N, H, W): averaged over channels and smoothed by a
    Gaussian with a fiftieth of the image's shorter side, at least half a pixel."""
    from scipy.ndimage import gaussian_filter
    width = max(0.5, WIDTH * min(errors.shape[1:3]))
    known = np.nan_to_num(errors)   # a missing pixel has no error
    maps: np.ndarray = gaussian_filter(known.mean(-1), (0, width, width))
    return maps
