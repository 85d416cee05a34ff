"""A second variational autoencoder, on the codes."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import one_hot

from ...core.contracts import CodeSpace
from ...core.hints import Count
from ...core.registry import priors
from .gradient_training import CodeScaling, learn

STEEPEST = 10.0     # a posterior's log variance stays within +-10
BEGUN = -3.0        # initial log variance, narrow, with a mean near v: wide ones may collapse
NARROWEST = 1e-2    # least std of the decoder, relative to that of the codes
DRAWS = 200         # samples of the second code for a density


@priors.add("two_stage")
class TwoStage(nn.Module):
    """A variational autoencoder of the codes, with as many latents, the class, and the optimal
    decoder variance (Dai & Wipf, 2019, arXiv 1903.05789). It learns the distribution of the first
    one's codes where that differs from the prior. Samples pass from N(0, 1) through its decoder and
    noise. The density is the mean of importance weights, always with the same noise; its log is
    slightly too low."""

    std: Tensor

    def __init__(self, space: CodeSpace, hidden: Count = 256):
        super().__init__()
        self.groups, self.dim = space.groups, space.dim
        self.encoder = _layers(space.dim + space.groups, hidden, 2 * space.dim)
        self.decoder = _layers(space.dim + space.groups, hidden, space.dim)
        self.register_buffer("std", torch.ones(()))
        self.scaling = CodeScaling(space.dim)

    def fit(self, z: Tensor, y: Tensor) -> None:
        self.scaling.fit(z)
        v = self.scaling.forth(z)
        learn(self, self.loss, v, y, "fitting the second stage")
        with torch.no_grad():
            self.std = self._spread(v, self._mean(self.posterior(v, y).sample(), y))

    def loss(self, v: Tensor, y: Tensor) -> Tensor:
        """(B,) negative ELBO of scaled codes v (B, D) of classes y (B,), under the optimal
        variance: learning it by gradients would take most of the steps."""
        q = self.posterior(v, y)
        mean = self._mean(q.rsample(), y)
        kl = (q.mean.square() + q.variance - 1 - q.variance.log()).sum(1) / 2
        return kl - Normal(mean, self._spread(v, mean).detach()).log_prob(v).sum(1)

    def _spread(self, v: Tensor, mean: Tensor) -> Tensor:
        return (v - mean).square().mean().sqrt().clamp(min=NARROWEST)

    def posterior(self, v: Tensor, y: Tensor) -> Normal:
        """q(u|v), over (B, D)."""
        more, log_var = self.encoder(self._told(v, y)).chunk(2, 1)
        log_var = STEEPEST * torch.tanh((log_var + BEGUN) / STEEPEST)
        return Normal(v + more, torch.exp(log_var / 2))

    def given(self, u: Tensor, y: Tensor) -> Normal:
        """p(v|u), over (B, D)."""
        return Normal(self._mean(u, y), self.std)

    def _mean(self, u: Tensor, y: Tensor) -> Tensor:
        mean: Tensor = u + self.decoder(self._told(u, y))
        return mean

    def _told(self, t: Tensor, y: Tensor) -> Tensor:
        return torch.cat([t, one_hot(y, self.groups).to(t)], 1)

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        px = self.given(temperature * torch.randn(len(y), self.dim), y)
        return self.scaling.back(px.mean + temperature * px.stddev * torch.randn_like(px.mean))

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        v = self.scaling.forth(z)
        q = self.posterior(v, y)
        noise = torch.randn(DRAWS, self.dim, generator=torch.Generator().manual_seed(0))
        weights = []
        for one in noise:
            u = q.mean + q.stddev * one
            weights.append((self.given(u, y).log_prob(v) + Normal(0.0, 1.0).log_prob(u)
                            - q.log_prob(u)).sum(1))
        mean = torch.logsumexp(torch.stack(weights), 0) - math.log(DRAWS)
        return mean - self.scaling.std.log().sum()


def _layers(width: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(),
                         nn.Linear(hidden, out))
