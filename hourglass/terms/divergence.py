"""Divergence of the posterior from the prior."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, kl_divergence

from ..contracts import Output
from ..spec import NotNegative, terms
from .basic import Term

Q = TypeVar("Q", bound=Distribution)


def posterior(out: Output, kind: type[Q]) -> Q:
    """q(z|x), or an error that says which kind of bottleneck the loss wants."""
    q = out.latent.q
    if not isinstance(q, kind):
        wanted = "a posterior" if kind is Distribution else f"a {kind.__name__} posterior"
        raise ValueError(f"the loss needs a bottleneck with {wanted}, such as gaussian(16); this "
                         f"one gives {'none' if q is None else f'a {type(q).__name__}'}")
    return q


@terms.add("kl")
def kl(model: nn.Module, capacity: NotNegative = 0.0, free_bits: NotNegative = 0.0) -> Term:
    """KL(q(z|x) || p(z)), in nats (Kingma & Welling, 2014, arXiv 1312.6114).

    With `capacity` C it is |E KL - C|, the mean taken over the batch (Burgess et al., 2018, arXiv
    1804.03599). With `free_bits`, in nats a factor, a factor whose mean KL over the batch is below
    that many counts as that many and has no gradient; above, it is untouched (Kingma et al., 2016,
    arXiv 1606.04934).
    """
    if capacity and free_bits:
        raise ValueError("kl takes a capacity or free_bits, not both")

    def term(out: Output, model: nn.Module) -> Tensor:
        q = posterior(out, Distribution)
        assert out.latent.p is not None, "a bottleneck with a posterior has a prior"
        each = kl_divergence(q, out.latent.p)
        each = each.flatten(1) if each.ndim > 1 else each[:, None]   # (B, factors)
        if free_bits:
            each = torch.where(each.mean(0) > free_bits, each, free_bits)
        total = each.sum(1)
        # the mean of these is |mean - C|, and its gradient with it
        return (total - capacity) * torch.sign(total.detach().mean() - capacity) if capacity else (
            total)
    return term
