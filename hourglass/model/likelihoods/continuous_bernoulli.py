"""The continuous Bernoulli: binary cross-entropy with the constant that makes it a density."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ...core.registry import likelihoods
from .common import UNIT, Elementwise, mean_of

FARTHEST = 50.0   # largest initial parameter; its mean is 0.98
HALVINGS = 40
NEAR = 0.5   # below this half logit, a series replaces the difference, which would lose digits


@likelihoods.add("continuous_bernoulli")
class ContinuousBernoulli(nn.Module):
    """A density of grey values in [0, 1], from logits (Loaiza-Ganem & Cunningham, 2019, arXiv
    1907.06845). For grey values, use it instead of bernoulli."""

    support = UNIT
    discrete = False
    logits = True

    def forward(self, params: Tensor) -> Distribution:
        def log_prob(x: Tensor) -> Tensor:
            return params * (x - 0.5) - log_sinh_ratio(params / 2)
        return Elementwise(params.shape, log_prob, lambda: (1 + langevin(params / 2)) / 2)

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        return params_of(mean_of(x, known))

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {}


def params_of(mean: Tensor) -> Tensor:
    """The parameters with these means, within +-FARTHEST, by bisection."""
    low, high = torch.full_like(mean, -FARTHEST), torch.full_like(mean, FARTHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = (1 + langevin(middle / 2)) / 2 < mean
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def log_sinh_ratio(a: Tensor) -> Tensor:
    """log(sinh(a) / a), which normalises p(x) = exp(2a (x - 1/2)). Uses a series near 0, where
    torch's ContinuousBernoulli, which computes with probabilities, loses digits."""
    square = a.square().clamp(max=NEAR**2)
    series = square * (1 / 6 - square * (1 / 180 - square * (1 / 2835 - square / 37800)))
    far = a.abs().clamp(min=NEAR)
    exact = far + torch.log1p(-torch.exp(-2 * far)) - far.log() - math.log(2)
    return torch.where(a.abs() < NEAR, series, exact)


def langevin(a: Tensor) -> Tensor:
    """coth(a) - 1/a, the derivative of `log_sinh_ratio`."""
    square = a.square().clamp(max=NEAR**2)
    series = a * (1 / 3 - square * (1 / 45 - square * (2 / 945 - square / 4725)))
    far = torch.where(a < 0, a.clamp(max=-NEAR), a.clamp(min=NEAR))
    return torch.where(a.abs() < NEAR, series, 1 / torch.tanh(far) - 1 / far)
