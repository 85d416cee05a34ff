"""The likelihood of an ensemble: a mixture of its members' likelihoods."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution

from ...core.hints import NotNegative
from ...core.registry import likelihoods
from .common import Elementwise

RAREST = 1e-6   # least distance of a mean from 0 and 1


@likelihoods.add("mixture_of", example="mixture_of(('normal', 'laplace'))")
class MixtureOf(nn.Module):
    """A mixture of several likelihoods for every value. Its mean is their weighted mean. Each
    likelihood gets its own channels of the decoder's output. A mixture of Bernoulli distributions
    equals one Bernoulli with their mean, so grey values have its cross-entropy. Without `weights`,
    all weights are equal."""

    def __init__(self, of: tuple[str, ...], weights: tuple[NotNegative, ...] = ()):
        super().__init__()
        if not of or (weights and len(weights) != len(of)) or (weights and not sum(weights)):
            raise ValueError("mixture_of needs likelihoods and a weight for each, as in "
                             "mixture_of(('normal', 'laplace'), (0.3, 0.7))")
        raw_weights = weights or (1.0,) * len(of)
        self.weights = tuple(weight / sum(raw_weights) for weight in raw_weights)
        parts: list[Any] = [likelihoods.make(text) for text in of]
        self.parts = nn.ModuleList(parts)
        lows, highs = zip(*(part.support for part in parts), strict=True)
        self.support = (max(lows), min(highs))
        self.discrete = all(part.discrete for part in parts)
        self.binary = all(text == "bernoulli" for text in of)
        self.widths: list[int] = []   # channels of each, once the shape of x is known

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        parts: Iterable[Any] = self.parts
        self.widths = [part.out(shape)[0] for part in parts]
        return (sum(self.widths), *shape[1:])

    def forward(self, params: Tensor) -> Distribution:
        if self.binary:
            return Bernoulli(self._mean(params).clamp(RAREST, 1 - RAREST), validate_args=False)
        members = self._each(params)

        def log_prob(x: Tensor) -> Tensor:
            return torch.stack([math.log(weight) + px.log_prob(x) for weight, px in zip(
                self.weights, members, strict=True) if weight]).logsumexp(0)
        return Elementwise(members[0].mean.shape, log_prob, lambda: self._mean(params))

    def means(self, params: Tensor) -> Tensor:
        """Each one's mean, (K, B, *shape)."""
        return torch.stack([px.mean for px in self._each(params)])

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {"bce": nats / values} if self.binary else {}

    def _mean(self, params: Tensor) -> Tensor:
        return torch.stack([weight * px.mean for weight, px in zip(
            self.weights, self._each(params), strict=True)]).sum(0)

    def _each(self, params: Tensor) -> list[Distribution]:
        count = len(self.parts)
        widths = self.widths or [params.shape[1] // count] * count
        return [part(own) for part, own in zip(self.parts, params.split(widths, 1), strict=True)]
