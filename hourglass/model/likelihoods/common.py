"""Shared pieces of likelihoods: supports, soft limits, a distribution of independent values."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

EVERYWHERE = (float("-inf"), float("inf"))
UNIT = (0.0, 1.0)
RAREST = 0.001   # least distance of an initial mean in [0, 1] from the ends


class Elementwise(Distribution):
    """A distribution over x (B, *shape) with independent values. It is defined by functions for the
    log probability of each value and for the means, (B, *shape) each."""

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, shape: torch.Size, log_prob: Callable[[Tensor], Tensor],
                 mean: Callable[[], Tensor]):
        self.each, self.middle = log_prob, mean
        super().__init__(shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log probability of every value, (B, *shape), in nats."""
        return self.each(value)

    @property
    def mean(self) -> Tensor:
        """(B, *shape)."""
        return self.middle()


def mean_of(x: Tensor, known: Tensor | None = None) -> Tensor:
    """The mean (*shape) of samples x (N, *shape), over their observed values."""
    if known is None:
        return x.mean(0)
    return (x * known).sum(0) / known.sum(0).clamp(min=1)


def logit_of(mean: Tensor) -> Tensor:
    """The logit of a mean in [0, 1], kept away from the ends so that a network can leave them."""
    return mean.clamp(RAREST, 1 - RAREST).logit()


def wider(shape: tuple[int, ...], times: int) -> tuple[int, ...]:
    """The decoder's output shape for x of that shape, with `times` numbers per value."""
    return (times * shape[0], *shape[1:])


def limited(t: Tensor, most: float) -> Tensor:
    """t, softly limited to +-most. Unlike a clamp, this leaves a gradient everywhere."""
    return most * torch.tanh(t / most)


def unlimited(t: Tensor, most: float) -> Tensor:
    """The inverse of `limited`."""
    return most * torch.atanh(t / most)


def above(t: Tensor, least: float) -> Tensor:
    """t, softly kept above `least`, with a gradient everywhere."""
    return least + torch.nn.functional.softplus(t - least)
