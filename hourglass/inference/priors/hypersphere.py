"""A prior with uniform directions, and radii as those of the codes."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.contracts import CodeSpace
from ...core.hints import Positive
from ...core.registry import priors

MOST = 2000        # most codes whose radii are stored
NARROWEST = 1e-3   # least kernel width, in the log radius
TINY = 1e-12       # smaller radii count as zero


@priors.add("hypersphere")
class Hypersphere(nn.Module):
    """Uniform directions from the origin (Davidson et al., 2018, arXiv 1804.00891). Radii follow a
    kernel density of the codes' log radii (Silverman's width), or one fixed `radius`, such as 1,
    where it has no density in latent space."""

    groups = 1
    logs: Tensor
    width: Tensor

    def __init__(self, space: CodeSpace, radius: Positive | None = None):
        super().__init__()
        self.dim, self.radius = space.dim, radius
        self.register_buffer("logs", torch.zeros(min(space.count, MOST)))
        self.register_buffer("width", torch.ones(()))

    def fit(self, z: Tensor, y: Tensor) -> None:
        chosen = z[torch.randperm(len(z))[:MOST]]
        self.logs = chosen.norm(dim=1).clamp(min=TINY).log()
        spread = self.logs.std(correction=0)
        self.width = (1.06 * spread * len(chosen)**-0.2).clamp(min=NARROWEST)

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        way = nn.functional.normalize(torch.randn(len(y), self.dim), dim=1)
        if self.radius is not None:   # temperature has no effect on a fixed radius
            return self.radius * way
        near = self.logs[torch.randint(len(self.logs), (len(y),))]
        radius = torch.exp(near + self.width * torch.randn(len(y)))
        return temperature * radius[:, None] * way

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        if self.radius is not None:
            raise ValueError(f"the prior hypersphere({self.radius:g}) generates codes but has no "
                             f"density, because it lies on a surface")
        log_radius = z.norm(dim=1).clamp(min=TINY).log()
        kernels = Normal(self.logs, self.width).log_prob(log_radius[:, None])
        of_log = torch.logsumexp(kernels, 1) - math.log(len(self.logs))
        half = self.dim / 2   # the unit sphere's surface is 2 pi^half / Gamma(half)
        surface = math.log(2) + half * math.log(math.pi) - math.lgamma(half)
        return of_log - self.dim * log_radius - surface
