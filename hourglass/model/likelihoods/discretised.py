"""Likelihoods of values stored as levels, such as the 256 of 8-bit images: k / (levels - 1).

They are probabilities, which sum to one over the levels. A value between two levels is rounded.
"""

import math
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import logsigmoid, softplus

from ...core.hints import Count
from ...core.registry import likelihoods
from .common import RAREST, UNIT, Elementwise, limited, mean_of, unlimited, wider

Levels = Annotated[int, Ge(2)]
STEEPEST = 7.0   # log scale of a logistic stays within +-7, for x from -1 to 1


@likelihoods.add("categorical", example="categorical(16)")
class Categorical(nn.Module):
    """Each value is one of `levels` classes, without an order (van den Oord et al., 2016, arXiv
    1601.06759). The decoder has `levels` output channels per channel."""

    support = UNIT
    discrete = True

    def __init__(self, levels: Levels = 256):
        super().__init__()
        self.levels = levels

    def forward(self, params: Tensor) -> Distribution:
        logs = params.unflatten(1, (self.levels, -1)).log_softmax(1)   # (B, levels, C, ...)

        def log_prob(x: Tensor) -> Tensor:
            return logs.gather(1, level_of(x, self.levels).long()[:, None]).squeeze(1)

        def mean() -> Tensor:
            values = torch.linspace(0, 1, self.levels, device=logs.device, dtype=logs.dtype)
            return torch.einsum("bl...,l->b...", logs.exp(), values)
        return Elementwise(logs[:, 0].shape, log_prob, mean)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return wider(shape, self.levels)

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """Log frequency of each level, (levels * C, ...)."""
        level = level_of(x, self.levels)
        share = torch.stack([mean_of((level == k).to(x), known) for k in range(self.levels)])
        return share.clamp(min=RAREST).log().flatten(0, 1)

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {}


class Logistics(nn.Module):
    """A mixture of logistic distributions, rounded to levels. The outermost levels include the
    tails. `mean` is the mean before rounding: it is smooth in the parameters, and at most half a
    level from the mean of the levels."""

    support = UNIT
    discrete = True
    places: Tensor

    def __init__(self, components: int, levels: int):
        super().__init__()
        self.components, self.levels = components, levels
        # initial spread of the components: in one place, they would stay together
        places = torch.linspace(-1, 1, components) if components > 1 else torch.zeros(1)
        self.register_buffer("places", places, persistent=False)

    def forward(self, params: Tensor) -> Distribution:
        # (B, components, C, ...) each; a single component needs no weight
        loc, log_scale, *weights = params.unflatten(1, (-1, self.components, self._channels(
            params.shape[1]))).unbind(1)
        loc = loc + self.places.view(-1, *[1] * (loc.ndim - 2))
        log_scale = limited(log_scale, STEEPEST)
        shares = weights[0].log_softmax(1) if weights else torch.zeros_like(loc)

        def log_prob(x: Tensor) -> Tensor:
            level = level_of(x, self.levels)[:, None]
            return torch.logsumexp(shares + log_mass(level, loc, log_scale, self.levels), 1)
        return Elementwise(loc[:, 0].shape, log_prob,
                           lambda: (shares.exp() * clipped_mean(loc, log_scale)).sum(1))

    def _channels(self, out: int) -> int:
        return out // (self._numbers() * self.components)

    def _numbers(self) -> int:
        return 3 if self.components > 1 else 2

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return wider(shape, self._numbers() * self.components)

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """Mean and standard deviation of the values. Components start around it, equally likely."""
        mean = mean_of(x, known)
        std = mean_of((x - mean).square(), known).clamp(min=RAREST).sqrt()
        scale = (2 * std * math.sqrt(3) / math.pi).log()   # for values from -1 to 1
        one = [2 * mean - 1, unlimited(scale, STEEPEST), torch.zeros_like(mean)]
        return torch.cat([t for t in one[:self._numbers()] for _ in range(self.components)])

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {}


@likelihoods.add("discretised_logistic")
def discretised_logistic(levels: Levels = 256) -> Logistics:
    """A logistic distribution, rounded to levels. The decoder gives each value's location and scale
    (Kingma et al., 2016, arXiv 1606.04934)."""
    return Logistics(1, levels)


@likelihoods.add("logistic_mixture")
def logistic_mixture(components: Count = 5, levels: Levels = 256) -> Logistics:
    """A mixture of logistic distributions, rounded to levels (Salimans et al., 2017, arXiv
    1701.05517). Channels are independent; in the paper, each depends on the earlier ones."""
    return Logistics(components, levels)


def level_of(x: Tensor, levels: int) -> Tensor:
    """The level nearest to x in [0, 1], from 0, as a float."""
    return (x * (levels - 1)).round().clamp(0, levels - 1)


def log_mass(level: Tensor, loc: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    """Log probability that a logistic, over values from -1 to 1, rounds to the level.

    For a below b, s(b) - s(a) = s(b) s(-a) (1 - exp(a - b)), with s the sigmoid. Nothing cancels in
    this form, at any distance, and no threshold is needed.
    """
    half = 1 / (levels - 1)
    steep = torch.exp(-log_scale)
    centre = 2 * half * level - 1 - loc
    first, last = level == 0, level == levels - 1
    below = logsigmoid((centre + half) * steep).masked_fill(last, 0.0)
    beyond = logsigmoid((half - centre) * steep).masked_fill(first, 0.0)
    within = torch.log(-torch.expm1(-2 * half * steep)).masked_fill(first | last, 0.0)
    return below + beyond + within


def clipped_mean(loc: Tensor, log_scale: Tensor) -> Tensor:
    """Mean in [0, 1] of a logistic over values from -1 to 1 that is clipped there: the integral of
    the tail probability."""
    scale = log_scale.exp() / 2
    middle = (1 + loc) / 2
    mean = scale * (softplus(middle / scale) - softplus((middle - 1) / scale))
    return mean.clamp(0, 1)   # against rounding errors
