"""The variational bottleneck with codes in the Poincare ball, which suits hierarchies."""

import math

import torch
from torch import Tensor, nn

from ...core.contracts import Latent
from ...core.distributions.diagonal_normal import normal
from ...core.distributions.poincare_ball import inside, length, outwards
from ...core.distributions.wrapped_normal import WrappedNormal
from ...core.hints import Count, Positive
from ...core.registry import bottlenecks
from .gyroplanes import Gyroplanes
from .projection import project

FARTHEST = 10.0   # largest distance of a mode from the centre, in radii of curvature


@bottlenecks.add("poincare")
class Poincare(nn.Module):
    """z in hyperbolic space of curvature -`curvature`. q(z|x) and p(z) are wrapped normals, with
    one scale per dimension or, if isotropic, one for all (Mathieu et al., 2019, arXiv 1901.06033).

    The decoder starts with distances to hyperbolic planes.
    """

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], dim: Count = 10,
                 curvature: Positive = 0.7, isotropic: bool = False):
        super().__init__()
        self.dim, self.c = dim, curvature
        self.scales = 1 if isotropic else dim
        self.reduce = project(code, dim + self.scales)
        self.expand = nn.Sequential(Gyroplanes(dim, math.prod(back), curvature),
                                    nn.Unflatten(1, back))

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        mean, log_var = self.reduce(h).split((self.dim, self.scales), dim=1)
        params = torch.cat([mean, log_var.expand_as(mean)], 1)
        q, p = self._wrapped(params), self._wrapped(torch.zeros_like(params))
        return Latent(q.rsample() if draw else q.mode, q, p)

    def _wrapped(self, params: Tensor) -> WrappedNormal:
        """From vectors to the modes and log variances, (B, 2 D)."""
        flat = normal(params)
        far = math.sqrt(self.c) * length(flat.mean) / FARTHEST
        # a soft limit, as for the variance, so that modes never reach the border and get stuck
        vector = flat.mean * torch.tanh(far) / far
        return WrappedNormal(outwards(vector, self.c), flat.stddev, self.c)

    def settle(self, z: Tensor) -> Tensor:
        """The nearest points inside the ball."""
        return inside(z, self.c)

    def sample_prior(self, n: int) -> Tensor:
        return self._wrapped(torch.zeros(n, 2 * self.dim)).rsample()
