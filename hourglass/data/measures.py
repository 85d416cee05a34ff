"""What can be measured in an image: brightness, contrast, width, slant and warmth.

Images x are (N, C, H, W), measurements (N,).
"""

from collections.abc import Callable

import torch
from torch import Tensor


def brightness(x: Tensor) -> Tensor:
    """Mean over all values, (N,). For white strokes on black, this is their thickness."""
    return x.flatten(1).mean(1)


def contrast(x: Tensor) -> Tensor:
    """Standard deviation of the values, (N,)."""
    return x.flatten(1).std(1)


def width(x: Tensor) -> Tensor:
    """Horizontal spread of the brightness, (N,)."""
    columns = x.mean(1).sum(1)   # (N, W)
    mass = columns.sum(1).clamp(min=1e-9)
    place = (columns * _steps(columns)).sum(1) / mass
    squares = (_steps(columns)[None] - place[:, None]).square()
    return (columns * squares).sum(1) / mass


def slant(x: Tensor) -> Tensor:
    """How far the brightness leans to the right towards the top, (N,)."""
    maps = x.mean(1)
    across, down = _steps(maps.sum(1)), _steps(maps.sum(2))
    mass = maps.sum((1, 2)).clamp(min=1e-9)
    middle = [(maps.sum(axis) * steps).sum(1) / mass for axis, steps in ((1, across), (2, down))]
    aside, below = (steps - place[:, None] for steps, place in zip((across, down), middle,
                                                                   strict=True))
    return -torch.einsum("nhw,nw,nh->n", maps, aside, below) / mass


def warmth(x: Tensor) -> Tensor:
    """How much more red than blue there is, (N,)."""
    if x.shape[1] < 3:
        raise ValueError("warmth is for colour images")
    return (x[:, 0] - x[:, 2]).flatten(1).mean(1)


def _steps(t: Tensor) -> Tensor:
    """0, 1, 2, ... along the second dimension."""
    return torch.arange(t.shape[1], dtype=t.dtype)


MEASURED: dict[str, Callable[[Tensor], Tensor]] = {
    f.__name__: f for f in (brightness, contrast, width, slant, warmth)}
