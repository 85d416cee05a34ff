"""What several likelihoods are made of: supports, soft limits, a distribution of single values."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

EVERYWHERE = (float("-inf"), float("inf"))
UNIT = (0.0, 1.0)
RAREST = 0.001   # no mean of values in [0, 1] begins nearer to an end


class Elementwise(Distribution):
    """A distribution over x (B, *shape) whose values are independent: by the log probability of
    each, (B, *shape), and by what gives their means, (B, *shape), where they are asked for."""

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, shape: torch.Size, log_prob: Callable[[Tensor], Tensor],
                 mean: Callable[[], Tensor]):
        self.each, self.middle = log_prob, mean
        super().__init__(shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Of every value, (B, *shape), in nats."""
        return self.each(value)

    @property
    def mean(self) -> Tensor:
        """(B, *shape)."""
        return self.middle()


def mean_of(x: Tensor, known: Tensor | None = None) -> Tensor:
    """The mean (*shape) of samples x (N, *shape), over those in which the value is known."""
    if known is None:
        return x.mean(0)
    return (x * known).sum(0) / known.sum(0).clamp(min=1)


def logit_of(mean: Tensor) -> Tensor:
    """The logit of a mean in [0, 1], kept to what a network can leave again."""
    return mean.clamp(RAREST, 1 - RAREST).logit()


def wider(shape: tuple[int, ...], times: int) -> tuple[int, ...]:
    """What a decoder puts out for x of that shape, so many numbers a value."""
    return (times * shape[0], *shape[1:])


def limited(t: Tensor, most: float) -> Tensor:
    """t, but softly within +-most: unlike a clamp it leaves a gradient everywhere."""
    return most * torch.tanh(t / most)


def unlimited(t: Tensor, most: float) -> Tensor:
    """What `limited` makes t of."""
    return most * torch.atanh(t / most)


def above(t: Tensor, least: float) -> Tensor:
    """t, but softly kept above `least`, with a gradient everywhere."""
    return least + torch.nn.functional.softplus(t - least)
