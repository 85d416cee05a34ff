"""The von Mises-Fisher distribution on the unit sphere."""

import math
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.distributions import Distribution, register_kl

from .bessel import log_bessel
from .unit_sphere import Shape, SphereUniform, around, log_area

PROPOSALS = 40   # at once; each is accepted with probability 0.64 or more: all fail once in 1e17
NODES = 64       # of the quadrature in the samples' gradient


class VonMisesFisher(Distribution):
    """Density C(k) exp(k mean . z) of unit vectors z, for unit vectors `mean` (B, D) and
    concentrations k (B, 1). Samples have the exact gradient in both.

    Sampled by the method of Wood (1994) and Ulrich (1984).
    """

    arg_constraints: ClassVar = {}
    has_rsample = True

    def __init__(self, mode: Tensor, concentration: Tensor):
        super().__init__(mode.shape[:-1], mode.shape[-1:], validate_args=False)
        self._mode, self.concentration = mode, concentration
        self.order = mode.shape[-1] / 2 - 1
        # both (B, 1); the second is the mean resultant length
        self.log_bessel, self.length = log_bessel(self.order, concentration.double())

    @property
    def mode(self) -> Tensor:
        return self._mode

    @property
    def mean(self) -> Tensor:
        """The mode times the mean resultant length, a point inside the sphere."""
        return self.length.to(self.mode) * self.mode

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        k = self.concentration.double().expand(*shape[:-1], 1)
        angle = _Angle.apply(_angles(k.detach(), shape[-1]), k, self.length, shape[-1])
        return around(self.mode, angle.cos(), angle.sin()).to(self.mode)

    def log_prob(self, value: Tensor) -> Tensor:
        k = self.concentration.double()
        inner = (self.mode * value).sum(-1, keepdim=True).double() - 1
        return (k * inner + self._log_peak()).squeeze(-1).to(value)

    def entropy(self) -> Tensor:
        k = self.concentration.double()
        return (k * (1 - self.length) - self._log_peak()).squeeze(-1).to(self.mode)

    def _log_peak(self) -> Tensor:
        """The log density at the mode, (B, 1)."""
        k = self.concentration.double()
        return (self.order * k.log() - (self.order + 1) * math.log(2 * math.pi)
                - self.log_bessel)


@register_kl(VonMisesFisher, SphereUniform)
def _kl(q: VonMisesFisher, p: SphereUniform) -> Tensor:
    return log_area(q.event_shape[0]) - q.entropy()


@torch.no_grad()
def _angles(k: Tensor, dim: int) -> Tensor:
    """Angles between sample and mean, (..., 1): the first accepted proposal."""
    b = (dim - 1) / (2 * k + torch.sqrt(4 * k.square() + (dim - 1) ** 2))
    x = (1 - b) / (1 + b)
    u, v = torch.rand(2, *k.shape[:-1], PROPOSALS, dtype=k.dtype, device=k.device)
    radius = torch.sqrt(1 - u ** (2 / (dim - 2) if dim > 2 else math.inf))
    beta = (1 + radius * torch.cos(2 * math.pi * v)) / 2   # Beta((D - 1) / 2, (D - 1) / 2)
    w = (1 - (1 + b) * beta) / (1 - (1 - b) * beta)
    odds = k * (w - x) + (dim - 1) * (torch.log1p(-x * w) - torch.log1p(-x.square()))
    # argmax finds the first accepted proposal; without any, which hardly ever happens, the nearest
    excess = (odds - torch.rand_like(odds).log()).clamp(max=0)
    return torch.acos(w.gather(-1, excess.argmax(-1, keepdim=True)).clamp(-1, 1))


class _Angle(torch.autograd.Function):
    """Sampled angles with their exact derivative in k, by implicit reparametrisation (Figurnov,
    Mohamed & Mnih, 2018, arXiv 1805.08498)."""

    @staticmethod
    def forward(ctx: Any, angle: Tensor, k: Tensor, length: Tensor, dim: int) -> Tensor:
        ctx.save_for_backward(angle, k, length)
        ctx.dim = dim
        return angle.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None, None]:
        angle, k, length = ctx.saved_tensors
        angle = angle.clamp(min=1e-12)
        nodes, weights = (torch.as_tensor(t).to(angle) for t in _quadrature())
        at = angle * nodes   # (..., nodes), from 0 to the angle
        log_density = (k * (at.cos() - angle.cos())
                       + (ctx.dim - 2) * (at.sin().log() - angle.sin().log()))
        below = ((at.cos() - length) * log_density.exp() * weights).sum(-1, keepdim=True)
        return None, -gradient * angle * below, None, None


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, weights / 2
