"""The Poincare ball, hyperbolic space of curvature -c inside a sphere of radius 1 / sqrt(c)."""

import math

import torch
from torch import Tensor

EDGE = 1e-5   # margin at the border, as a share of the radius, for single precision


def length(v: Tensor) -> Tensor:
    """Length (..., 1) of vectors (..., D), never zero."""
    return torch.linalg.vector_norm(v, dim=-1, keepdim=True).clamp(min=1e-15)


def add(x: Tensor, y: Tensor, c: float) -> Tensor:
    """Moebius addition x + y (..., D) in the ball of curvature -c (Ungar, 2008)."""
    inner = (x * y).sum(-1, keepdim=True)
    xx, yy = (t.square().sum(-1, keepdim=True) for t in (x, y))
    return ((1 + 2 * c * inner + c * yy) * x + (1 - c * xx) * y) / (
        1 + 2 * c * inner + c**2 * xx * yy)


def outwards(v: Tensor, c: float) -> Tensor:
    """Exponential map at the centre: the point in the direction of v (..., D), at distance |v|."""
    far = math.sqrt(c) / 2 * length(v)
    return v / 2 * torch.tanh(far) / far


def inwards(z: Tensor, c: float) -> Tensor:
    """Logarithmic map at the centre: the inverse of `outwards`, for points z (..., D)."""
    near = math.sqrt(c) * length(z)
    return 2 * z * torch.atanh(near) / near


def inside(z: Tensor, c: float) -> Tensor:
    """Project z (..., D) onto the ball."""
    most = (1 - EDGE) / math.sqrt(c)
    return z * (most / length(z)).clamp(max=1)
