"""Latent diffusion: a network turns noise into codes, step by step, given a class."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.contracts import CodeSpace
from ...core.hints import Count, NotNegative
from ...core.registry import priors
from .gradient_training import CodeScaling, learn

FORGOTTEN = 0.1    # share of training codes without class, for guidance
WAVES = 16         # Fourier features of time
BLOCKS = 3


@priors.add("diffusion")
class Diffusion(nn.Module):
    """Flow matching: a small network learns the straight path from noise to code, given the class
    (Lipman et al., 2023, arXiv 2210.02747). `guidance` above 1 pushes towards the class and away
    from the others (Ho & Salimans, 2022, arXiv 2207.12598). Sampled in `steps` of Heun's method."""

    only_drawn = ("steps", "guidance")

    def __init__(self, space: CodeSpace, hidden: Count = 256, steps: Count = 32,
                 guidance: NotNegative = 1.0):
        super().__init__()
        self.groups, self.dim, self.steps, self.guidance = (
            space.groups, space.dim, steps, guidance)
        self.velocity = Velocity(space.dim, space.groups, hidden)
        self.scaling = CodeScaling(space.dim)

    def fit(self, z: Tensor, y: Tensor) -> None:
        self.scaling.fit(z)
        learn(self.velocity, self.loss, self.scaling.forth(z), y, "fitting the diffusion")

    def loss(self, u: Tensor, y: Tensor) -> Tensor:
        """Squared error (B,) of the velocity on the path from noise (time 0) to u (time 1)."""
        noise, time = torch.randn_like(u), torch.rand(len(u), 1)
        classes = torch.where(torch.rand(len(u)) < FORGOTTEN, self.groups, y)
        way = self.velocity((1 - time) * noise + time * u, time, classes)
        return (way - (u - noise)).square().sum(1)

    def guided(self, u: Tensor, time: float, y: Tensor) -> Tensor:
        """The velocity (B, D) at a time from 0 to 1, towards classes y (B,)."""
        now = torch.full((len(u), 1), time)
        conditional = self.velocity(u, now, y)
        if self.guidance == 1 or self.groups == 1:
            return conditional
        unconditional = self.velocity(u, now, torch.full_like(y, self.groups))
        return unconditional + self.guidance * (conditional - unconditional)

    @torch.no_grad()
    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        u = temperature * torch.randn(len(y), self.dim)
        times = torch.linspace(0, 1, self.steps + 1).tolist()
        for now, then in pairwise(times):
            first = self.guided(u, now, y)
            second = self.guided(u + (then - now) * first, then, y)
            u = u + (then - now) * (first + second) / 2
        return self.scaling.back(u)

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        """Follow the path back from code to noise, with its change of volume (Chen et al., 2018,
        arXiv 1806.07366). Each step needs one pass per latent dimension."""
        u, stretched = self.scaling.forth(z), torch.zeros(len(z))
        times = torch.linspace(1, 0, self.steps + 1).tolist()
        for now, then in pairwise(times):
            first, before = self._with_divergence(u, now, y)
            second, after = self._with_divergence(u + (then - now) * first, then, y)
            u = u + (then - now) * (first + second) / 2
            stretched = stretched + (then - now) * (before + after) / 2
        return Normal(0.0, 1.0).log_prob(u).sum(1) + stretched - self.scaling.std.log().sum()

    def _with_divergence(self, u: Tensor, time: float, y: Tensor) -> tuple[Tensor, Tensor]:
        """The velocity (B, D) and the trace of its Jacobian (B,)."""
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            way = self.guided(u, time, y)
            trace = torch.stack([
                torch.autograd.grad(way[:, i].sum(), u, retain_graph=True)[0][:, i]
                for i in range(self.dim)]).sum(0)
        return way.detach(), trace.detach()


class Velocity(nn.Module):
    """u (B, D), time (B, 1), class (B,) -> velocity (B, D). The class with index `groups` stands
    for any class."""

    def __init__(self, dim: int, groups: int, hidden: int):
        super().__init__()
        self.kinds = nn.Embedding(groups + 1, hidden)
        self.time = nn.Linear(2 * WAVES, hidden)
        self.enter = nn.Linear(dim, hidden)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, 2 * hidden), nn.SiLU(),
                          nn.Linear(2 * hidden, hidden)) for _ in range(BLOCKS))
        self.leave = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, dim))

    def forward(self, u: Tensor, time: Tensor, y: Tensor) -> Tensor:
        angles = time * (math.pi * 2 ** torch.linspace(-1, 5, WAVES))
        condition = self.time(torch.cat([angles.sin(), angles.cos()], 1)) + self.kinds(y)
        h = self.enter(u)
        for block in self.blocks:
            h = h + block(h + condition)
        out: Tensor = self.leave(h)
        return out
