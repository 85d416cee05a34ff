"""The variational bottleneck with gamma posterior and prior, for positive codes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Gamma as GammaDistribution

from ...core.contracts import Latent
from ...core.hints import Count, Positive
from ...core.registry import bottlenecks
from .projection import project, unproject

LEAST = 0.05   # least shape and rate: below, samples are zero in single precision


@bottlenecks.add("gamma")
class Gamma(nn.Module):
    """q(z|x) a gamma distribution with its own shape and rate per dimension; p(z) a gamma with
    these ones. A shape below 1 favours sparse codes. Samples have implicit gradients (Figurnov,
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
        draw = draw and not h.is_meta   # where PyTorch before 2.13 has no gamma noise
        return Latent(q.rsample() if draw else q.mean, q, self._prior(torch.ones_like(rate)))

    def settle(self, z: Tensor) -> Tensor:
        """The nearest codes without negative numbers."""
        return z.clamp(min=0)

    def sample_prior(self, n: int) -> Tensor:
        return self._prior(torch.ones(n, self.dim)).sample()

    def _prior(self, ones: Tensor) -> GammaDistribution:
        return GammaDistribution(self.shape * ones, self.rate * ones, validate_args=False)
