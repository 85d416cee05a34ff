"""Several levels of factors, each with a prior that the level above it sets."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.contracts import Latent
from ...core.distributions.diagonal_normal import normal
from ...core.hints import Count
from ...core.registry import bottlenecks
from .projection import project, unproject


@bottlenecks.add("ladder")
class Ladder(nn.Module):
    """Ladder variational autoencoder (Sonderby et al., 2016, arXiv 1602.02282): `dims` factors a
    level, from the lowest up. What a level of the encoder finds and what the level above predicts
    are merged as their precisions weigh.

    z holds all levels, the lowest first, and the decoder sees them all. q and p are of each factor
    given the levels above it as they were drawn, so q cannot be drawn from again.
    """

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...],
                 dims: Count | tuple[Count, ...] = (16, 8), hidden: Count = 128):
        super().__init__()
        self.dims = (dims,) if isinstance(dims, int) else dims
        if not self.dims:
            raise ValueError("ladder needs at least one level, as in ladder((16, 8))")
        inwards = [code, *[(hidden,)] * (len(self.dims) - 1)]
        self.rungs = nn.ModuleList([nn.Sequential(project(c, hidden), nn.LeakyReLU(0.2))
                                    for c in inwards])
        self.found = nn.ModuleList([nn.Linear(hidden, 2 * dim) for dim in self.dims])
        # from each level but the lowest, of the one below it
        self.foretold = nn.ModuleList([project((above,), 2 * below, hidden)
                                       for below, above in pairwise(self.dims)])
        self.expand = unproject(sum(self.dims), back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        evidence = []
        for rung, found in zip(self.rungs, self.found, strict=True):
            h = rung(h)
            evidence.append(normal(found(h)))
        q: list[Normal] = []
        p: list[Normal] = []
        z: list[Tensor] = []
        for level in reversed(range(len(self.dims))):
            p.append(self._given_above(level, z[-1] if z else None, evidence[level].mean))
            q.append(merged(evidence[level], p[-1]) if z else evidence[level])
            z.append(q[-1].rsample() if draw else q[-1].mean)
        posterior = _together(q)
        posterior.has_rsample = False
        return Latent(torch.cat(z[::-1], 1), posterior, _together(p))

    def _given_above(self, level: int, above: Tensor | None, like: Tensor) -> Normal:
        """The prior of a level, given what the level above has drawn."""
        return normal(torch.cat([torch.zeros_like(like)] * 2, 1) if above is None else
                      self.foretold[level](above))

    def sample_prior(self, n: int) -> Tensor:
        z: list[Tensor] = []
        for level in reversed(range(len(self.dims))):
            noise = torch.randn(n, self.dims[level]).to(next(self.parameters()))
            p = self._given_above(level, z[-1] if z else None, noise)
            z.append(p.mean + p.stddev * noise)
        return torch.cat(z[::-1], 1)


def merged(one: Normal, other: Normal) -> Normal:
    """The normalised product of two Gaussians (B, D): their precisions add."""
    weights = one.variance.reciprocal(), other.variance.reciprocal()
    precision = weights[0] + weights[1]
    mean = (one.mean * weights[0] + other.mean * weights[1]) / precision
    return Normal(mean, precision.rsqrt(), validate_args=False)


def _together(levels: list[Normal]) -> Normal:
    """Of all factors, the lowest level's first."""
    return Normal(torch.cat([level.mean for level in reversed(levels)], 1),
                  torch.cat([level.stddev for level in reversed(levels)], 1), validate_args=False)
