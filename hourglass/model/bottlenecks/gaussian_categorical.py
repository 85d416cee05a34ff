"""Distributions over Gaussian and categorical latents together."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import (
    Distribution,
    Normal,
    OneHotCategorical,
    kl_divergence,
    register_kl,
)

HARDEST = 1e-6   # relaxed one-hots keep this distance from 0 when their density is computed


class RelaxedLatents(Distribution):
    """Independent Gaussian and categorical latents. z (B, D + K1 + K2 + ...) holds the numbers,
    then each category as a relaxed one-hot, which has a gradient (Jang et al., 2017, arXiv
    1611.01144; Maddison et al., 2017, arXiv 1611.00712)."""

    has_rsample = True
    arg_constraints: dict[str, Any] = {}   # noqa: RUF012

    def __init__(self, mean: Tensor, std: Tensor, logits: tuple[Tensor, ...], heat: Tensor):
        self.normal = Normal(mean, std, validate_args=False)
        self.heat = heat   # sampling temperature, ()
        self.logs = tuple(F.log_softmax(some, -1) for some in logits)
        self.continuous = mean.shape[-1]   # number of Gaussian latents
        self.sizes = (self.continuous, *(some.shape[-1] for some in logits))
        super().__init__(mean.shape[:-1], torch.Size([sum(self.sizes)]), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The Gaussians' means, and the most probable classes as one-hots."""
        hot = [F.one_hot(some.argmax(-1), some.shape[-1]).to(some) for some in self.logs]
        return torch.cat([self.normal.mean, *hot], -1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """z (*sample_shape, B, D + K1 + ...)."""
        parts = [self.normal.rsample(sample_shape)]
        for some in self.logs:
            gumbel = -torch.empty(*sample_shape, *some.shape, device=some.device).to(
                some.dtype).exponential_().log()
            parts.append(torch.softmax((some + gumbel) / self.heat, -1))
        return torch.cat(parts, -1)

    def unrelaxed(self) -> "OneHotLatents":
        """The same distribution without relaxation."""
        return OneHotLatents(self.normal, self.logs)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (..., B) of z with relaxed categories (Maddison et al., eq. 10)."""
        numbers, *hot = value.split(self.sizes, -1)
        total = self.normal.log_prob(numbers).sum(-1)
        for some, at in zip(self.logs, hot, strict=True):
            count, log_z = some.shape[-1], at.clamp(min=HARDEST).log()
            constant = math.lgamma(count) + (count - 1) * self.heat.log()
            log_numerator = (some - (self.heat + 1) * log_z).sum(-1)
            log_denominator = torch.logsumexp(some - self.heat * log_z, -1)
            total = total + constant + log_numerator - count * log_denominator
        return total


class OneHotLatents(Distribution):
    """Independent Gaussian and categorical latents without relaxation, for use after training."""

    has_rsample = False
    arg_constraints: dict[str, Any] = {}   # noqa: RUF012

    def __init__(self, normal: Normal, logs: tuple[Tensor, ...]):
        self.normal, self.logs = normal, logs
        self.kinds = [OneHotCategorical(logits=some, validate_args=False) for some in logs]
        self.sizes = [some.shape[-1] for some in (normal.mean, *logs)]
        super().__init__(normal.batch_shape[:-1], torch.Size([sum(self.sizes)]),
                         validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """z (*sample_shape, B, D + K1 + ...)."""
        return torch.cat([part.sample(sample_shape) for part in (self.normal, *self.kinds)], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """(..., B): the Gaussians' log density plus the categories' log probability."""
        numbers, *hot = value.split(self.sizes, -1)
        log_probs = [(some * logs).sum(-1) for some, logs in zip(hot, self.logs, strict=True)]
        return sum(log_probs, self.normal.log_prob(numbers).sum(-1))


@register_kl(RelaxedLatents, RelaxedLatents)
def _kl(q: RelaxedLatents, p: RelaxedLatents) -> Tensor:
    """KL(q || p) per latent, (B, D + categories), in nats. For categories it is the KL of the
    categories themselves, not of their relaxed samples."""
    categorical = [(a.exp() * (a - b)).sum(-1, keepdim=True)
                   for a, b in zip(q.logs, p.logs, strict=True)]
    return torch.cat([kl_divergence(q.normal, p.normal), *categorical], -1)
