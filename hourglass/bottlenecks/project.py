"""The two linear maps between a backbone's code and a vector of factors."""

import math

from torch import nn


def project(code: tuple[int, ...], dim: int) -> nn.Module:
    """h (B, *code) -> (B, dim)."""
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(code), dim))


def unproject(dim: int, back: tuple[int, ...]) -> nn.Module:
    """(B, dim) -> h (B, *back)."""
    return nn.Sequential(nn.Linear(dim, math.prod(back)), nn.Unflatten(1, back))
