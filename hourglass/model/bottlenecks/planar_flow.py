"""Planar and radial steps of a flow, with weights that depend on h."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Transform, constraints

from .projection import project

HALVINGS = 40           # bisection steps for the inverse of a planar step
SHIFT = 0.5413248546    # log(e - 1): softplus is 1 there


class Planar(nn.Module):
    """h (B, *code) -> z + u tanh(w . z + b), with its own u, w and b per sample (Rezende & Mohamed,
    2015, arXiv 1505.05770)."""

    def __init__(self, code: tuple[int, ...], dim: int):
        super().__init__()
        self.dim = dim
        self.reduce = project(code, 2 * dim + 1)

    def forward(self, h: Tensor) -> Transform:
        return PlanarStep(*self.reduce(h).split((self.dim, self.dim, 1), dim=1))


class PlanarStep(Transform):
    """z (..., D) -> z + u tanh(w . z + b). u is shifted along w until the step can be inverted; no
    shift is needed where w . u is 0."""

    bijective = True
    domain = codomain = constraints.real_vector

    def __init__(self, u: Tensor, w: Tensor, b: Tensor):
        super().__init__(cache_size=1)
        inner = (w * u).sum(-1, keepdim=True)
        self.inner = F.softplus(inner + SHIFT) - 1   # w . u after the shift, above -1
        self.u = u + (self.inner - inner) * w / w.square().sum(-1, keepdim=True).clamp(min=1e-12)
        self.w, self.b = w, b

    def _call(self, x: Tensor) -> Tensor:
        return x + self.u * torch.tanh((self.w * x).sum(-1, keepdim=True) + self.b)

    def _inverse(self, y: Tensor) -> Tensor:
        """Solve for w . x by bisection, then one Newton step for its gradient."""
        goal = (self.w * y).sum(-1, keepdim=True)
        with torch.no_grad():
            low, high = goal - self.inner.abs(), goal + self.inner.abs()
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                below = middle + self.inner * torch.tanh(middle + self.b) < goal
                low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        bent = torch.tanh(low + self.b)
        root = low - (low + self.inner * bent - goal) / (1 + self.inner * (1 - bent.square()))
        return y - self.u * torch.tanh(root + self.b)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        bent = torch.tanh((self.w * x).sum(-1) + self.b.squeeze(-1))
        return torch.log1p(self.inner.squeeze(-1) * (1 - bent.square()))


class Radial(nn.Module):
    """h (B, *code) -> z + beta (z - centre) / (alpha + |z - centre|), with its own centre, alpha
    and beta per sample (Rezende & Mohamed, 2015, arXiv 1505.05770)."""

    def __init__(self, code: tuple[int, ...], dim: int):
        super().__init__()
        self.dim = dim
        self.reduce = project(code, dim + 2)

    def forward(self, h: Tensor) -> Transform:
        centre, alpha, beta = self.reduce(h).split((self.dim, 1, 1), dim=1)
        return RadialStep(centre, F.softplus(alpha), F.softplus(beta) - F.softplus(alpha))


class RadialStep(Transform):
    """z (..., D) -> z + beta (z - centre) / (alpha + |z - centre|), for alpha > 0 and
    beta > -alpha."""

    bijective = True
    domain = codomain = constraints.real_vector

    def __init__(self, centre: Tensor, alpha: Tensor, beta: Tensor):
        super().__init__(cache_size=1)
        self.centre, self.alpha, self.beta = centre, alpha, beta
        self.away = partial(torch.linalg.vector_norm, dim=-1, keepdim=True)

    def _call(self, x: Tensor) -> Tensor:
        off = x - self.centre
        return x + self.beta * off / (self.alpha + self.away(off))

    def _inverse(self, y: Tensor) -> Tensor:
        """The old distance solves a quadratic equation."""
        off = y - self.centre
        far = self.away(off)
        half = (far - self.alpha - self.beta) / 2
        old = half + torch.sqrt(half.square() + self.alpha * far)
        return self.centre + off / (1 + self.beta / (self.alpha + old))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        wide = self.alpha + self.away(x - self.centre)
        logs = (x.shape[-1] - 1) * torch.log1p(self.beta / wide) + torch.log1p(
            self.alpha * self.beta / wide.square())
        return logs.squeeze(-1)
