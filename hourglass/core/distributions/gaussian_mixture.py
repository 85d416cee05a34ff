"""The density of a mixture of diagonal Gaussians, by products of matrices."""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, constraints
from torch.distributions.constraints import Constraint


class GaussianMixture(Distribution):
    """Gaussians (K, D), each as likely as its logit (K,) says: one density of vectors (D,).

    Their squared distances are multiplied out: torch's own mixtures hold a number for every sample,
    component and factor, which took most of a step.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    has_rsample = False
    support = constraints.real_vector

    def __init__(self, components: Normal, logits: Tensor):
        self.components, self.logits = components, logits
        super().__init__(event_shape=components.loc.shape[1:], validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """(..., D) -> (...), in nats."""
        # in double precision, for narrow components cancel; and no autocast touches it
        place, width = self.components.loc.double(), self.components.scale.double()
        centre = place.detach().mean(0)   # else far-off means would cancel badly
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
