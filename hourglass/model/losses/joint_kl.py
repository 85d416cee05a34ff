"""KL of Gaussian and categorical latents, each with its own capacity."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, kl_divergence

from ...core.contracts import Clock, Output
from ...core.hints import NotNegative, Share
from ...core.registry import terms
from .kl import apart, posterior, risen


@terms.add("joint_kl")
class JointKL(nn.Module):
    """|E KL - C| of the Gaussian latents plus that of the categories, in nats, with means over the
    batch (Dupont, 2018, arXiv 1804.00104). The capacities C rise from 0 over the share `rise` of
    the run. That of the categories ends at their largest possible KL, if it is smaller."""

    risen: Tensor

    def __init__(self, model: nn.Module, continuous: NotNegative = 5.0,
                 discrete: NotNegative = 5.0, rise: Share = 0.25):
        super().__init__()
        self.most, self.rise = (continuous, discrete), rise
        self.register_buffer("risen", torch.tensor(1.0), persistent=False)

    def at(self, clock: Clock | None) -> None:
        """Set the capacities for the current progress, or to their final values."""
        self.risen.fill_(risen(clock, self.rise))

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        q: Any = posterior(out, Distribution)
        if not getattr(q, "continuous", 0):
            raise ValueError("joint_kl needs a bottleneck with numbers and categories, such as "
                             "joint(10, classes=(10,)); for others, use kl(capacity=...)")
        assert out.latent.p is not None, "a bottleneck with a posterior has a prior"
        kl = kl_divergence(q, out.latent.p)
        holds = sum(math.log(count) for count in q.sizes[1:])
        numbers, categories = kl.split((q.continuous, len(q.sizes) - 1), 1)
        return (apart(numbers.sum(1), self.most[0] * self.risen)
                + apart(categories.sum(1), min(self.most[1], holds) * self.risen))
