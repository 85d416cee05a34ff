"""KL divergence of the posterior from the prior."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, kl_divergence

from ...core.contracts import Clock, Output
from ...core.hints import NotNegative, Share
from ...core.registry import terms

Q = TypeVar("Q", bound=Distribution)


def posterior(out: Output, kind: type[Q]) -> Q:
    """q(z|x). Raises ValueError if the bottleneck has another kind of posterior."""
    q = out.latent.q
    if not isinstance(q, kind):
        required = "a posterior" if kind is Distribution else f"a {kind.__name__} posterior"
        raise ValueError(f"the loss needs a bottleneck with {required}, such as gaussian(16); this "
                         f"one has {'none' if q is None else f'a {type(q).__name__}'}")
    return q


def divergence(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """KL(q || p), (B, ...), in closed form if there is one. Otherwise log q(z) - log p(z) for the
    sample z from q, whose mean is the KL."""
    try:
        return kl_divergence(q, p)
    except NotImplementedError:
        return q.log_prob(z) - p.log_prob(z)


def risen(clock: Clock | None, rise: float) -> float:
    """The part of a capacity that is reached, if it rises over the share `rise` of the run."""
    return 1.0 if clock is None or not rise else min(1.0, clock.share / rise)


def apart(total: Tensor, capacity: Tensor) -> Tensor:
    """(B,), with mean |mean - C| and its gradient."""
    return (total - capacity) * torch.sign(total.detach().mean() - capacity)


@terms.add("kl")
class KL(nn.Module):
    """KL(q(z|x) || p(z)), in nats (Kingma & Welling, 2014, arXiv 1312.6114).

    `capacity` C changes it to |E KL - C|, with the mean over the batch (Burgess et al., 2018, arXiv
    1804.03599); C rises from 0 over the share `rise` of the run. `free_bits`, in nats per latent
    dimension, is the least KL: a dimension whose mean KL is smaller counts as `free_bits` and has
    no gradient (Kingma et al., 2016, arXiv 1606.04934).
    """

    capacity: Tensor

    def __init__(self, model: nn.Module, capacity: NotNegative = 0.0, free_bits: NotNegative = 0.0,
                 rise: Share = 0.0):
        super().__init__()
        if capacity and free_bits:
            raise ValueError("kl takes a capacity or free_bits, not both")
        self.most, self.rise, self.free_bits = capacity, rise, free_bits
        self.register_buffer("capacity", torch.tensor(capacity), persistent=False)

    def at(self, clock: Clock | None) -> None:
        """Set the capacity for the current progress, or to its final value."""
        if self.most and self.rise:
            self.capacity.fill_(self.most * risen(clock, self.rise))

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        q = posterior(out, Distribution)
        assert out.latent.p is not None, "a bottleneck with a posterior has a prior"
        per_dim = divergence(q, out.latent.p, out.latent.z)
        per_dim = per_dim.flatten(1) if per_dim.ndim > 1 else per_dim[:, None]   # (B, dimensions)
        if self.free_bits:
            per_dim = torch.where(per_dim.mean(0) > self.free_bits, per_dim, self.free_bits)
        total = per_dim.sum(1)
        return apart(total, self.capacity) if self.most else total
