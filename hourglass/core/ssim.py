"""Structural similarity of images (Wang et al., 2004), with gradients."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import at_least_single, full_precision

WINDOW = 11        # pixels of the Gaussian window, with standard deviation SPREAD
SPREAD = 1.5
STEADY = (0.01**2, 0.03**2)   # the usual constants that prevent division by zero
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)   # weights, from the finest scale
SMALLEST = 4       # pixels of an image's shorter side at the coarsest scale
FLOOR = 0.01       # values below are bent to stay positive before a power is taken


def similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of SSIM and of its contrast-structure part for images x and y (B, C, H, W) in [0, 1].

    Windows that cross the border are left out; small images get smaller windows.
    """
    mx, my, xx, yy, xy = _blurred(torch.stack([x, y, x * x, y * y, x * y]))
    vx, vy, cov = xx - mx * mx, yy - my * my, xy - mx * my
    structure = (2 * cov + STEADY[1]) / (vx + vy + STEADY[1])
    return structure * (2 * mx * my + STEADY[0]) / (mx * mx + my * my + STEADY[0]), structure


def _blurred(maps: Tensor) -> Tensor:
    """Maps (..., H, W), averaged in Gaussian windows that fit inside."""
    side = min(maps.shape[-2:])
    reach = (min(WINDOW, side if side % 2 else side - 1)) // 2
    places = torch.arange(-reach, reach + 1, device=maps.device, dtype=maps.dtype)
    window = torch.exp(-(places / SPREAD).square() / 2)
    window = window / window.sum()
    flat = maps.flatten(0, -3)[:, None]
    flat = F.conv2d(F.conv2d(flat, window[None, None, :, None]), window[None, None, None])
    return flat[:, 0].unflatten(0, maps.shape[:-2])


def multi_scale(x: Tensor, y: Tensor) -> Tensor:
    """Multi-scale SSIM (B,) of images (B, C, H, W) in [0, 1] at up to five scales, each half of the
    previous one (Wang, Simoncelli & Bovik, 2003). Small images use fewer scales, with weights
    scaled to sum to one."""
    x, y = at_least_single(x), at_least_single(y)
    halvings = (min(x.shape[-2:]) // SMALLEST).bit_length() - 1
    weights = SCALES[:max(1, halvings + 1)]
    product = x.new_ones(x.shape[:2])
    with full_precision(x):
        for i, weight in enumerate(weights):
            x, y = (F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)) if i else (x, y)
            whole, structure = similarity(x, y)
            part = (whole if i == len(weights) - 1 else structure).mean((-2, -1))
            product = product * _positive(part) ** (weight / sum(weights))
    return product.mean(1)


def _positive(t: Tensor) -> Tensor:
    """t, continued below FLOOR by a hyperbola that stays positive."""
    return torch.where(t > FLOOR, t, FLOOR**2 / (2 * FLOOR - t.clamp(max=FLOOR)))
