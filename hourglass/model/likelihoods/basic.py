"""Likelihoods with one parameter, the mean or its logit: bernoulli and laplace."""

import math

from torch import Tensor, nn
from torch.distributions import Bernoulli as BernoulliDistribution
from torch.distributions import Distribution
from torch.distributions import Laplace as LaplaceDistribution

from ...core.hints import Positive
from ...core.registry import likelihoods
from .common import EVERYWHERE, UNIT, logit_of, mean_of


@likelihoods.add("bernoulli")
class Bernoulli(nn.Module):
    """Binary cross-entropy, from logits. For grey values it is only a loss, not a likelihood; use
    continuous_bernoulli there."""

    support = UNIT
    discrete = True   # for data that is 0 or 1
    logits = True

    def forward(self, params: Tensor) -> Distribution:
        return BernoulliDistribution(logits=params, validate_args=False)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        return logit_of(mean_of(x, known))

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {"bce": nats / values}


@likelihoods.add("laplace")
class Laplace(nn.Module):
    """Absolute error, up to constants (Laplace distribution)."""

    support = EVERYWHERE
    discrete = False

    def __init__(self, scale: Positive = 1.0):
        super().__init__()
        self.scale = scale

    def forward(self, params: Tensor) -> Distribution:
        return LaplaceDistribution(params, self.scale, validate_args=False)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        return mean_of(x, known)

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {"mae": self.scale * (nats / values - math.log(2 * self.scale))}
