"""Deterministic bottlenecks: the code is a vector, or the feature map itself."""

from typing import Literal

import torch
from torch import Tensor, nn

from ...core.contracts import Latent
from ...core.hints import Count
from ...core.registry import bottlenecks
from .projection import HiddenNorm, project, unproject

SQUASH = {"none": nn.Identity, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU,
          "softplus": nn.Softplus}


@bottlenecks.add("plain")
class Plain(nn.Module):
    """A vector of `dim` numbers without a posterior. Its own prior is N(0, 1) by convention."""

    confined = False

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], dim: Count = 16,
                 activation: Literal["none", "sigmoid", "tanh", "relu", "softplus"] = "none",
                 hidden: Count | None = None, norm: HiddenNorm = "none"):
        super().__init__()
        self.dim = dim
        self.reduce = project(code, dim, hidden, norm)
        self.squash = SQUASH[activation]()
        self.expand = unproject(dim, back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        return Latent(self.squash(self.reduce(h)))

    def sample_prior(self, n: int) -> Tensor:
        return torch.randn(n, self.dim)


@bottlenecks.add("identity")
class Identity(nn.Module):
    """The encoder's feature map itself: only the backbone's strides compress."""

    confined = False

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...]):
        super().__init__()
        if code != back:
            raise ValueError("the identity bottleneck needs an encoder and a decoder with the "
                             f"same code shape: {code} is not {back}")
        self.code = code
        self.expand = nn.Identity()

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        return Latent(h)

    def sample_prior(self, n: int) -> Tensor:
        return torch.randn(n, *self.code)
