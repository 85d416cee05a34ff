"""The density of a mixture of Gaussians at many codes: by products of matrices, not of all pairs'
differences, which would fill the memory."""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MixtureSameFamily, Normal


def log_density(density: Distribution, z: Tensor) -> Tensor:
    """log of the density at z (K, B, ...), as its log_prob gives it."""
    parts = _components(density)
    if parts is None:
        return density.log_prob(z)
    shares, mean, std = (part.double() for part in parts)
    z = z.double()   # squares are subtracted from one another
    exact = std.square().reciprocal()                                 # (M, D)
    squares = (z.square() @ exact.T - 2 * z @ (mean * exact).T
               + (mean.square() * exact).sum(1))                      # (K, B, M)
    volume = 2 * std.log().sum(1) + z.shape[-1] * math.log(2 * math.pi)
    return torch.logsumexp(shares - (squares + volume) / 2, -1)


def _components(density: Distribution) -> tuple[Tensor, Tensor, Tensor] | None:
    """Log shares (M,), means and widths (M, D) of one mixture of diagonal Gaussians, if it is."""
    if not isinstance(density, MixtureSameFamily):
        return None
    held = density.component_distribution
    inner = held.base_dist if isinstance(held, Independent) else None
    if not isinstance(inner, Normal) or inner.loc.ndim != 2:
        return None
    return torch.log_softmax(density.mixture_distribution.logits, -1), inner.loc, inner.scale
