"""The power spherical distribution on the unit sphere."""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Gamma, register_kl

from .unit_sphere import Shape, SphereUniform, around, log_area


class PowerSpherical(Distribution):
    """Density C(k) (1 + mode . z)^k of unit vectors z, for unit vectors `mode` (B, D) and
    concentrations k (B, 1). Sampling needs no rejection (De Cao & Aziz, 2020, arXiv 2006.04437)."""

    arg_constraints: ClassVar = {}
    has_rsample = True

    def __init__(self, mode: Tensor, concentration: Tensor):
        super().__init__(mode.shape[:-1], mode.shape[-1:], validate_args=False)
        self._mode, self.concentration = mode, concentration
        self.half = (mode.shape[-1] - 1) / 2

    @property
    def mode(self) -> Tensor:
        return self._mode

    @property
    def mean(self) -> Tensor:
        """The mode times the mean resultant length, a point inside the sphere."""
        return self.concentration / (self.concentration + 2 * self.half) * self.mode

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        k = self.concentration.double().expand(*shape[:-1], 1)
        near, far = (Gamma(a, 1.0, validate_args=False).rsample()
                     for a in (k + self.half, torch.full_like(k, self.half)))
        whole = near + far   # near / whole has a beta distribution; 2 near / whole - 1 is a cosine
        return around(self.mode, (near - far) / whole,
                      2 * torch.sqrt(near * far) / whole).to(self.mode)

    def log_prob(self, value: Tensor) -> Tensor:
        inner = (self.mode * value).sum(-1, keepdim=True).double().clamp(min=-1 + 1e-7)
        k = self.concentration.double()
        return (k * torch.log1p(inner) + self._log_constant()).squeeze(-1).to(value)

    def entropy(self) -> Tensor:
        k = self.concentration.double()
        log = math.log(2) + torch.digamma(k + self.half) - torch.digamma(k + 2 * self.half)
        return -(self._log_constant() + k * log).squeeze(-1).to(self.mode)

    def _log_constant(self) -> Tensor:
        """log C(k), (B, 1)."""
        k = self.concentration.double()
        return (torch.lgamma(k + 2 * self.half) - torch.lgamma(k + self.half)
                - (k + 2 * self.half) * math.log(2) - self.half * math.log(math.pi))


@register_kl(PowerSpherical, SphereUniform)
def _kl(q: PowerSpherical, p: SphereUniform) -> Tensor:
    return log_area(q.event_shape[0]) - q.entropy()
