"""Priors without classes: the model's own, N(0, 1), and a box."""

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.contracts import CodeSpace
from ...core.hints import Positive
from ...core.registry import priors


@priors.add("own")
class Own(nn.Module):
    """The prior that the model was trained with. For a plain autoencoder, it is N(0, 1) by
    convention."""

    groups = 1

    def __init__(self, space: CodeSpace):
        super().__init__()
        self.draw = space.own

    def fit(self, z: Tensor, y: Tensor) -> None:
        """Does nothing."""

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        return temperature * self.draw(len(y)).flatten(1)


@priors.add("normal")
class CentredNormal(nn.Module):
    """N(0, std^2) in every latent dimension; normal(4) is four times as wide as a VAE's own
    prior."""

    groups = 1

    def __init__(self, space: CodeSpace, std: Positive = 1.0):
        super().__init__()
        self.dim, self.std = space.dim, std

    def fit(self, z: Tensor, y: Tensor) -> None:
        """Does nothing."""

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        return temperature * self.std * torch.randn(len(y), self.dim)

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        return Normal(0.0, self.std).log_prob(z).sum(1)


@priors.add("uniform")
class Box(nn.Module):
    """A box: uniform from -limit to limit in every latent dimension; without a limit, over the
    range of the codes. In many dimensions, most of a box is empty."""

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
