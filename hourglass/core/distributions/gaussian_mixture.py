"""The density of a mixture of diagonal Gaussians, computed with matrix products."""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, constraints
from torch.distributions.constraints import Constraint


class GaussianMixture(Distribution):
    """A mixture of K diagonal Gaussians with means (K, D) and logits (K,), over vectors (D,).

    Squared distances are expanded into matrix products. torch's own mixtures store a number for
    every sample, component and dimension, which took most of a training step.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    has_rsample = False
    support = constraints.real_vector

    def __init__(self, components: Normal, logits: Tensor):
        self.components, self.logits = components, logits
        super().__init__(event_shape=components.loc.shape[1:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """(..., D) -> (...), in nats."""
        # in double precision, because narrow components cancel; autocast must not touch it
        place, width = self.components.loc.double(), self.components.scale.double()
        centre = place.detach().mean(0)   # otherwise means far from 0 would cancel badly
        z, mean = value - centre, place - centre
        weight = width.square().reciprocal()   # (K, D)
        squared = (z.square() @ weight.T - 2 * z @ (mean * weight).T
                   + (mean.square() * weight).sum(1))
        volume = width.log().sum(1) + len(centre) * math.log(2 * math.pi) / 2
        log_shares = self.logits.double().log_softmax(0)
        return torch.logsumexp(log_shares - volume - squared / 2, -1).to(value)

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """(*sample_shape, D)."""
        with torch.no_grad():
            chosen = torch.distributions.Categorical(
                logits=self.logits, validate_args=False).sample(sample_shape)
            mean = self.components.loc[chosen]
            return mean + self.components.scale[chosen] * torch.randn_like(mean)
