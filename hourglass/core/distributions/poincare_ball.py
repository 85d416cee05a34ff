"""The Poincare ball, hyperbolic space of curvature -c inside a sphere of radius 1 / sqrt(c)."""

import math

import torch
from torch import Tensor

EDGE = 1e-5   # share of the radius that is left free, so that single precision can tell points


def length(v: Tensor) -> Tensor:
    """Of vectors (..., D), (..., 1), never zero."""
    return torch.linalg.vector_norm(v, dim=-1, keepdim=True).clamp(min=1e-15)


def add(x: Tensor, y: Tensor, c: float) -> Tensor:
    """Moebius addition (..., D): y, seen from the centre, carried to x (Ungar, 2008)."""
    inner = (x * y).sum(-1, keepdim=True)
    xx, yy = (t.square().sum(-1, keepdim=True) for t in (x, y))
    return ((1 + 2 * c * inner + c * yy) * x + (1 - c * xx) * y) / (
        1 + 2 * c * inner + c**2 * xx * yy)


def outwards(v: Tensor, c: float) -> Tensor:
    """The point that lies from the centre in the direction of v (..., D), as far as v is long."""
    far = math.sqrt(c) / 2 * length(v)
    return v / 2 * torch.tanh(far) / far


def inwards(z: Tensor, c: float) -> Tensor:
    """The vector from the centre to points z (..., D) of the ball: the inverse of `outwards`."""
    near = math.sqrt(c) * length(z)
    return 2 * z * torch.atanh(near) / near


def inside(z: Tensor, c: float) -> Tensor:
    """The nearest points of the ball to z (..., D)."""
    most = (1 - EDGE) / math.sqrt(c)
    return z * (most / length(z)).clamp(max=1)
