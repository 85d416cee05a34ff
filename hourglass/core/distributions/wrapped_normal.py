"""The wrapped normal distribution on the Poincare ball."""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal

from .poincare_ball import add, inside, inwards, length, outwards
from .unit_sphere import Shape


class WrappedNormal(Distribution):
    """A Gaussian with scales (B, D) around zero, mapped along geodesics from points `mode` (B, D)
    of the ball (Nagano et al., 2019, arXiv 1902.02992; Mathieu et al., 2019, arXiv 1901.06033).
    The density is per hyperbolic volume."""

    arg_constraints: ClassVar = {}
    has_rsample = True

    def __init__(self, mode: Tensor, scale: Tensor, c: float):
        super().__init__(mode.shape[:-1], mode.shape[-1:], validate_args=False)
        self._mode, self.c = mode, c
        self.vectors = Normal(torch.zeros_like(scale), scale, validate_args=False)

    @property
    def mode(self) -> Tensor:
        return self._mode

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        v = self.vectors.rsample(torch.Size(sample_shape))
        z = add(self.mode.double(), outwards(v.double(), self.c), self.c)
        return inside(z, self.c).to(self.mode)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density (B,) of points (B, D)."""
        v = inwards(inside(add(-self.mode.double(), value.double(), self.c), self.c), self.c)
        far = math.sqrt(self.c) * length(v)
        # log sinh, written so that it does not overflow
        sinh = far + torch.log1p(-torch.exp(-2 * far)) - math.log(2)
        bent = (v.shape[-1] - 1) * (far.log() - sinh).squeeze(-1)
        return (self.vectors.log_prob(v).sum(-1) + bent).to(value)
