"""A hierarchical bottleneck: each level of latents sets the prior of the level below."""

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
    """Ladder variational autoencoder (Sonderby et al., 2016, arXiv 1602.02282), with `dims` latents
    per level, from the lowest up. The encoder's result for a level and the prediction from the
    level above are merged, weighted by their precisions.

    z holds all levels, the lowest first, and the decoder gets them all. q and p are conditional on
    the sampled levels above, so no further samples can be drawn from q.
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
        # from each level (except the lowest) to the level below
        self.foretold = nn.ModuleList([project((above,), 2 * below, hidden)
                                       for below, above in pairwise(self.dims)])
        self.expand = unproject(sum(self.dims), back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        evidence = []
        for rung, head in zip(self.rungs, self.found, strict=True):
            h = rung(h)
            evidence.append(normal(head(h)))
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
        """The prior of a level, given the sampled level above."""
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
    """The normalised product of two Gaussians (B, D). Their precisions add."""
    weights = one.variance.reciprocal(), other.variance.reciprocal()
    precision = weights[0] + weights[1]
    mean = (one.mean * weights[0] + other.mean * weights[1]) / precision
    return Normal(mean, precision.rsqrt(), validate_args=False)


def _together(levels: list[Normal]) -> Normal:
    """Join the levels' distributions, the lowest first."""
    return Normal(torch.cat([level.mean for level in reversed(levels)], 1),
                  torch.cat([level.stddev for level in reversed(levels)], 1), validate_args=False)
