"""Likelihoods p(x|z): modules from the decoder's output (B, *out) to a distribution over x.

`support` is where x may lie; `out(shape)` is what the decoder must put out for x of that shape.
`log_prob(x)` is of every value, (B, *shape). `per_value` turns the mean of -log p(x|z) into the
error that the tutorials print, under its own name, where the two differ by constants only.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli as BernoulliDistribution
from torch.distributions import Distribution
from torch.distributions import Laplace as LaplaceDistribution
from torch.distributions import Normal as NormalDistribution

from .spec import Positive, likelihoods

EVERYWHERE = (float("-inf"), float("inf"))


@likelihoods.add("bernoulli")
class Bernoulli(nn.Module):
    """Binary cross-entropy, from logits; on grey values it is a loss, not a likelihood."""

    support = (0.0, 1.0)

    def forward(self, params: Tensor) -> Distribution:
        return BernoulliDistribution(logits=params, validate_args=False)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {"bce": nats / values}


@likelihoods.add("normal")
class Normal(nn.Module):
    """Squared error, up to constants; the scale is fixed, or std='learned', one for all values
    (Rybkin et al., 2021, arXiv 2006.13202)."""

    support = EVERYWHERE

    def __init__(self, std: Positive | Literal["learned"] = 1.0):
        super().__init__()
        self.learned = std == "learned"
        log_std = torch.tensor(0.0 if std == "learned" else math.log(std))
        self.log_std = nn.Parameter(log_std, requires_grad=self.learned)

    def forward(self, params: Tensor) -> Distribution:
        return NormalDistribution(params, self.log_std.exp(), validate_args=False)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        std = float(self.log_std.exp())
        constant = math.log(std) + math.log(2 * math.pi) / 2
        return {} if self.learned else {"mse": 2 * std**2 * (nats / values - constant)}


@likelihoods.add("laplace")
class Laplace(nn.Module):
    """Absolute error, up to constants."""

    support = EVERYWHERE

    def __init__(self, scale: Positive = 1.0):
        super().__init__()
        self.scale = scale

    def forward(self, params: Tensor) -> Distribution:
        return LaplaceDistribution(params, self.scale, validate_args=False)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {"mae": self.scale * (nats / values - math.log(2 * self.scale))}
