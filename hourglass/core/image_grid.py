"""Convert images with any number of channels to RGB, and join many to one picture."""

from collections.abc import Sequence

import numpy as np
from einops import rearrange

from .channels import laid_out


def shown(images: np.ndarray, flat: bool = False) -> np.ndarray:
    """Convert images (N, H, W, C) with any number of channels to RGB in [0, 1]; see `laid_out`."""
    laid = laid_out(images, flat)
    return np.clip(laid if laid.shape[-1] == 3 else laid.repeat(3, axis=-1), 0, 1)


def tile(rows: Sequence[np.ndarray], gap: int = 1) -> np.ndarray:
    """Join rows of RGB images (N, H, W, 3) to one picture with white gaps."""
    framed = np.pad(np.stack(rows), ((0, 0), (0, 0), (gap, gap), (gap, gap), (0, 0)),
                    constant_values=1)
    return rearrange(framed, "r n h w c -> (r h) (n w) c")
