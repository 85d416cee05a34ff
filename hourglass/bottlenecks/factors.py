"""Factors of two kinds: numbers with a Gaussian each, and categories."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, Normal, kl_divergence, register_kl

HARDEST = 1e-6   # relaxed one-hots stay so far from 0 where their density is asked for


class Factors(Distribution):
    """Independent numbers and categories: z (B, D + K1 + K2 + ...) holds the numbers, and then each
    category as a one-hot, drawn as one that is relaxed, so that there is a gradient (Jang et al.,
    2017, arXiv 1611.01144; Maddison et al., 2017, arXiv 1611.00712)."""

    has_rsample = True
    arg_constraints: dict[str, Any] = {}   # noqa: RUF012

    def __init__(self, mean: Tensor, std: Tensor, logits: tuple[Tensor, ...], heat: Tensor):
        self.normal = Normal(mean, std, validate_args=False)
        self.heat = heat   # the temperature of draws, ()
        self.logs = tuple(F.log_softmax(some, -1) for some in logits)
        self.continuous = mean.shape[-1]   # factors
        self.sizes = (self.continuous, *(some.shape[-1] for some in logits))
        super().__init__(mean.shape[:-1], torch.Size([sum(self.sizes)]), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The numbers' means, and the likeliest of each category, as one-hots."""
        hot = [F.one_hot(some.argmax(-1), some.shape[-1]).to(some) for some in self.logs]
        return torch.cat([self.normal.mean, *hot], -1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """z (*sample_shape, B, D + K1 + ...)."""
        # torch's own relaxed categories look at values, and the meta device has none
        heat: Any = self.heat
        soft = [F.gumbel_softmax(some.expand(*sample_shape, *some.shape), heat)
                for some in self.logs]
        return torch.cat([self.normal.rsample(sample_shape), *soft], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """The density (..., B) at z, categories taken as relaxed."""
        numbers, *hot = value.split(self.sizes, -1)
        total = self.normal.log_prob(numbers).sum(-1)
        for some, at in zip(self.logs, hot, strict=True):
            soft = at.clamp(min=HARDEST)
            total = total + self._relaxed(some, (soft / soft.sum(-1, keepdim=True)).log())
        return total

    def _relaxed(self, logs: Tensor, at: Tensor) -> Tensor:
        """log density of a relaxed one-hot (..., K) with the logarithms `at`."""
        count, scores = logs.shape[-1], logs - self.heat * at
        return (math.lgamma(count) + (count - 1) * self.heat.log() + (scores - at).sum(-1)
                - count * torch.logsumexp(scores, -1))


@register_kl(Factors, Factors)
def _kl(q: Factors, p: Factors) -> Tensor:
    """KL(q || p) of every factor, (B, D + categories), in nats; of categories themselves, not of
    their relaxed draws."""
    each = [(a.exp() * (a - b)).sum(-1, keepdim=True) for a, b in zip(q.logs, p.logs, strict=True)]
    return torch.cat([kl_divergence(q.normal, p.normal), *each], -1)
