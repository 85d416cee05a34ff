"""Linear maps between a backbone's code and a latent vector."""

import math
from typing import Literal

from torch import nn

HiddenNorm = Literal["none", "batch"]


def project(
    code: tuple[int, ...], dim: int, hidden: int | None = None, norm: HiddenNorm = "none"
) -> nn.Module:
    """h (B, *code) -> (B, dim), linear. `hidden` adds a ReLU layer of that size first."""
    layers: list[nn.Module] = [nn.Flatten()]
    if hidden is not None:
        layers.append(nn.Linear(math.prod(code), hidden, bias=norm == "none"))
        layers += [nn.BatchNorm1d(hidden)] if norm == "batch" else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(hidden or math.prod(code), dim))


def unproject(dim: int, back: tuple[int, ...]) -> nn.Module:
    """(B, dim) -> h (B, *back)."""
    return nn.Sequential(nn.Linear(dim, math.prod(back)), nn.Unflatten(1, back))
