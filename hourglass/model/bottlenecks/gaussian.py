"""The variational bottleneck with a diagonal Gaussian posterior."""

import torch
from torch import Tensor, nn

from ...core.contracts import Latent
from ...core.distributions.diagonal_normal import normal, standard
from ...core.hints import Count
from ...core.registry import bottlenecks
from .projection import HiddenNorm, project, unproject


@bottlenecks.add("gaussian")
class Gaussian(nn.Module):
    """q(z|x) a Gaussian with its own mean and variance per dimension, p(z) = N(0, 1) (Kingma &
    Welling, 2014, arXiv 1312.6114). `hidden` adds a ReLU layer of that size before it."""

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], dim: Count = 16,
                 hidden: Count | None = None, norm: HiddenNorm = "none"):
        super().__init__()
        self.dim = dim
        self.reduce = project(code, 2 * dim, hidden, norm)
        self.expand = unproject(dim, back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        q = normal(self.reduce(h))
        return Latent(q.rsample() if draw else q.mean, q, standard(q.mean))

    def sample_prior(self, n: int) -> Tensor:
        return torch.randn(n, self.dim)
