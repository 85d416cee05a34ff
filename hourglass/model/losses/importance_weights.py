"""Importance weights of codes that a loss samples itself."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ...core.contracts import Output
from ...core.precision import full_precision
from .kl import posterior
from .reconstruction import log_likelihood


def drawable(out: Output) -> Distribution:
    """q(z|x). Raises ValueError if no further codes can be sampled from it."""
    q = posterior(out, Distribution)
    if not getattr(q, "has_rsample", False):
        raise ValueError(f"the loss needs a bottleneck whose posterior can be sampled again with a "
                         f"gradient, such as gaussian(16); {type(q).__name__} cannot")
    return q


def nats(density: Distribution, z: Tensor) -> Tensor:
    """Log density of codes z (K, B, ...), (K, B), in full precision."""
    with full_precision(z):
        log_density = density.log_prob(z)
    return log_density.flatten(2).sum(2) if log_density.ndim > 2 else log_density


def log_joint(out: Output, model: nn.Module, z: Tensor) -> Tensor:
    """log p(x, z), (K, B), of codes z (K, B, ...)."""
    assert out.latent.p is not None, "a bottleneck with a posterior has a prior"
    return log_likelihood(out, model, z) + nats(out.latent.p, z)


def log_weights(out: Output, model: nn.Module, k: int) -> Tensor:
    """log p(x, z) - log q(z|x), (K, B), for k codes sampled from q with a gradient."""
    q = drawable(out)
    z = q.rsample(torch.Size((k,)))
    return log_joint(out, model, z) - nats(q, z)
