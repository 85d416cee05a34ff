"""Directions in latent space along which an attribute grows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.hints import did_you_mean
from ..data.source import Source
from .latents import TrainingCodes

MOST = 5000       # most samples used
QUARTER = 0.25    # share of them with the largest, and with the smallest, measurement


@dataclass(frozen=True)
class Attribute:
    """A direction: the mean code of samples with an attribute, minus that of samples without it
    (Larsen et al., 2016, arXiv 1512.09300)."""

    name: str
    direction: np.ndarray     # (...), like one code


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


def find_attribute(
    name: str, codes: TrainingCodes, classes: tuple[str, ...], source: Callable[[], Source]
) -> Attribute:
    """The direction of a class against all others, or of a measurement in images.

    Raises ValueError for an unknown name.
    """
    z = codes.z.numpy()
    if name in classes and codes.y is not None:
        has = codes.y.numpy() == classes.index(name)
        if has.all() or not has.any():
            raise ValueError(f"all training samples or none are {name!r}, so there is no direction")
        return Attribute(name, between(z[~has], z[has]))
    if name not in MEASURED:
        raise ValueError(f"no class and no measurement is named {name!r}; "
                         f"{did_you_mean(name, [*classes, *MEASURED])}")
    few = np.linspace(0, len(z) - 1, min(MOST, len(z))).astype(int)
    x = source().splits["train"].batch(codes.rows[few]).x.cpu()
    if x.ndim != 4:
        raise ValueError(f"{name} can be measured only in images")
    order = MEASURED[name](x).argsort().numpy()
    count = max(1, int(QUARTER * len(order)))
    return Attribute(name, between(z[few[order[:count]]], z[few[order[-count:]]]))


def between(lacking: np.ndarray, having: np.ndarray) -> np.ndarray:
    """The mean of the codes with the attribute minus the mean of those without."""
    direction: np.ndarray = having.mean(0) - lacking.mean(0)
    return direction
