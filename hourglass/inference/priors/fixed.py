"""Priors that do not look at classes: the model's own, N(0, 1), a box."""

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.contracts import CodeSpace
from ...core.hints import Positive
from ...core.registry import priors


@priors.add("own")
class Own(nn.Module):
    """The prior that the model was trained with; a plain autoencoder's, for want of one, is
    N(0, 1)."""

    groups = 1

    def __init__(self, space: CodeSpace):
        super().__init__()
        self.draw = space.own

    def fit(self, z: Tensor, y: Tensor) -> None:
        """There is nothing to learn."""

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        return temperature * self.draw(len(y)).flatten(1)


@priors.add("normal")
class CentredNormal(nn.Module):
    """N(0, std^2) in every factor; normal(4) draws four times as wide as a VAE's own prior."""

    groups = 1

    def __init__(self, space: CodeSpace, std: Positive = 1.0):
        super().__init__()
        self.dim, self.std = space.dim, std

    def fit(self, z: Tensor, y: Tensor) -> None:
        """There is nothing to learn."""

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        return temperature * self.std * torch.randn(len(y), self.dim)

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        return Normal(0.0, self.std).log_prob(z).sum(1)


@priors.add("uniform")
class Box(nn.Module):
    """A box: every factor uniform from -limit to limit; without a limit, over the range of the
    codes. Most of a box of many factors is empty: the tutorials' unconstrained probe."""

    groups = 1
    low: Tensor
    high: Tensor

    def __init__(self, space: CodeSpace, limit: Positive | None = None):
        super().__init__()
        self.limit = limit
        self.register_buffer("low", torch.full((space.dim,), -(limit or 1.0)))
        self.register_buffer("high", torch.full((space.dim,), limit or 1.0))

    def fit(self, z: Tensor, y: Tensor) -> None:
        if self.limit is None:
            self.low, self.high = z.min(0).values, z.max(0).values

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        middle, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        return middle + temperature * half * (2 * torch.rand(len(y), len(middle)) - 1)

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        inside = ((z >= self.low) & (z <= self.high)).all(1)
        width = (self.high - self.low).clamp(min=1e-12).log().sum()
        return torch.where(inside, -width, -torch.inf)
