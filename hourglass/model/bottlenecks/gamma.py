"""Codes that are positive: gamma posteriors and prior."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Gamma as GammaDistribution

from ...core.contracts import Latent
from ...core.hints import Count, Positive
from ...core.registry import bottlenecks
from .projection import project, unproject

LEAST = 0.05   # shape and rate: below, draws are zero in single precision


@bottlenecks.add("gamma")
class Gamma(nn.Module):
    """q(z|x) a gamma distribution with its own shape and rate per factor, p(z) one of this shape
    and rate: below 1, a shape asks for sparse codes. Draws have implicit gradients (Figurnov,
    Mohamed & Mnih, 2018, arXiv 1805.08498)."""

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], dim: Count = 16,
                 shape: Positive = 1.0, rate: Positive = 1.0):
        super().__init__()
        self.dim, self.shape, self.rate = dim, shape, rate
        self.reduce = project(code, 2 * dim)
        self.expand = unproject(dim, back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        shape, rate = (F.softplus(self.reduce(h)) + LEAST).chunk(2, dim=1)
        q = GammaDistribution(shape, rate, validate_args=False)
        return Latent(q.rsample() if draw else q.mean, q, self._prior(torch.ones_like(rate)))

    def settle(self, z: Tensor) -> Tensor:
        """The nearest codes that are not negative."""
        return z.clamp(min=0)

    def sample_prior(self, n: int) -> Tensor:
        return self._prior(torch.ones(n, self.dim)).sample()

    def _prior(self, ones: Tensor) -> GammaDistribution:
        return GammaDistribution(self.shape * ones, self.rate * ones, validate_args=False)
