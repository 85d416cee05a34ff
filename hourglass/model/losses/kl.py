"""Divergence of the posterior from the prior."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, kl_divergence

from ...core.contracts import Clock, Output
from ...core.hints import NotNegative, Share
from ...core.registry import terms

Q = TypeVar("Q", bound=Distribution)


def posterior(out: Output, kind: type[Q]) -> Q:
    """q(z|x), or an error that says which kind of bottleneck the loss wants."""
    q = out.latent.q
    if not isinstance(q, kind):
        wanted = "a posterior" if kind is Distribution else f"a {kind.__name__} posterior"
        raise ValueError(f"the loss needs a bottleneck with {wanted}, such as gaussian(16); this "
                         f"one gives {'none' if q is None else f'a {type(q).__name__}'}")
    return q


def divergence(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """KL(q || p), (B, ...): in closed form where there is one, else log q(z) - log p(z) of the
    sample z that was drawn from q, whose mean it is."""
    try:
        return kl_divergence(q, p)
    except NotImplementedError:
        return q.log_prob(z) - p.log_prob(z)


def risen(clock: Clock | None, rise: float) -> float:
    """How much of a capacity that rises over the share `rise` of the run there is by then."""
    return 1.0 if clock is None or not rise else min(1.0, clock.share / rise)


def apart(total: Tensor, capacity: Tensor) -> Tensor:
    """(B,), whose mean is |mean - C|, and its gradient with it."""
    return (total - capacity) * torch.sign(total.detach().mean() - capacity)


@terms.add("kl")
class KL(nn.Module):
    """KL(q(z|x) || p(z)), in nats (Kingma & Welling, 2014, arXiv 1312.6114).

    With `capacity` C it is |E KL - C|, the mean taken over the batch (Burgess et al., 2018, arXiv
    1804.03599); C rises from 0 over the share `rise` of the run. With `free_bits`, in nats a
    factor, a factor whose mean KL over the batch is below that many counts as that many and has no
    gradient; above, it is untouched (Kingma et al., 2016, arXiv 1606.04934).
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
        """Set the capacity as at that moment of the run, or to its end."""
        if self.most and self.rise:
            self.capacity.fill_(self.most * risen(clock, self.rise))

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        q = posterior(out, Distribution)
        assert out.latent.p is not None, "a bottleneck with a posterior has a prior"
        each = divergence(q, out.latent.p, out.latent.z)
        each = each.flatten(1) if each.ndim > 1 else each[:, None]   # (B, factors)
        if self.free_bits:
            each = torch.where(each.mean(0) > self.free_bits, each, self.free_bits)
        total = each.sum(1)
        return apart(total, self.capacity) if self.most else total
