"""A Gaussian per class."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.contracts import CodeSpace
from ...core.hints import Positive
from ...core.registry import priors

NARROWEST = 1e-6


@priors.add("per_class")
class PerClass(nn.Module):
    """A Gaussian per class around the median (or mean) of its codes, with the standard deviation of
    each dimension times `scale`: the tutorials' constrained sampling; scale 0.5 is the
    over-constrained one. Without labels, one Gaussian for all."""

    only_drawn = ("scale",)

    centre: Tensor
    std: Tensor

    def __init__(self, space: CodeSpace, centre: Literal["median", "mean"] = "median",
                 scale: Positive = 1.0):
        super().__init__()
        self.groups, self.kind, self.scale = space.groups, centre, scale
        self.register_buffer("centre", torch.zeros(self.groups, space.dim))
        self.register_buffer("std", torch.ones(self.groups, space.dim))

    def fit(self, z: Tensor, y: Tensor) -> None:
        for group in y.unique().tolist():
            own = z[y == group]
            self.centre[group] = own.median(0).values if self.kind == "median" else own.mean(0)
            self.std[group] = own.std(0, correction=0).clamp(min=NARROWEST)

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        spread = self.scale * temperature * self.std[y]
        return self.centre[y] + spread * torch.randn(len(y), self.centre.shape[1])

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        return Normal(self.centre[y], self.scale * self.std[y]).log_prob(z).sum(1)
