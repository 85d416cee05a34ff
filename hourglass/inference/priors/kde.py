"""Kernel density estimate: a small Gaussian around every code."""

import math

import torch
from torch import Tensor, nn

from ...core.contracts import CodeSpace
from ...core.covariance import root_of_covariance
from ...core.hints import Count, Positive
from ...core.registry import priors

WIDTHS = (0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.7, 1.0)
HELD_OUT = 500


@priors.add("kde")
class KernelDensity(nn.Module):
    """A Gaussian around each code of a class (at most `points`), with the class's covariance times
    `bandwidth` squared (Parzen, 1962). Without `bandwidth`, it is chosen by the likelihood of
    held-out codes."""

    points: Tensor
    root: Tensor
    count: Tensor
    width: Tensor

    def __init__(self, space: CodeSpace, bandwidth: Positive | None = None, points: Count = 2000):
        super().__init__()
        self.groups, self.bandwidth = space.groups, bandwidth
        shape = (self.groups, min(points, space.count), space.dim)
        self.register_buffer("points", torch.zeros(shape))
        self.register_buffer("root", torch.eye(space.dim).repeat(self.groups, 1, 1))
        self.register_buffer("count", torch.zeros(self.groups, dtype=torch.long))
        self.register_buffer("width", torch.ones(self.groups))

    def fit(self, z: Tensor, y: Tensor) -> None:
        for group in y.unique().tolist():
            own = z[y == group]
            self.root[group] = root_of_covariance(own)
            chosen = own[torch.randperm(len(own))][:self.points.shape[1]]
            self.count[group] = len(chosen)
            self.points[group, :len(chosen)] = chosen
            self.width[group] = self.bandwidth or self._best_width(chosen, self.root[group])

    def _best_width(self, z: Tensor, root: Tensor) -> float:
        if len(z) < 4:
            return 0.5
        tested = min(HELD_OUT, len(z) // 2)
        scores = [_log_density(z[:tested], z[tested:], root, width).mean() for width in WIDTHS]
        return WIDTHS[int(torch.stack(scores).argmax())]

    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        near = (torch.rand(len(y)) * self.count[y]).long()
        noise = torch.randn(len(y), self.points.shape[2])
        spread = torch.einsum("nij,nj->ni", self.root[y], noise)
        return self.points[y, near] + temperature * self.width[y, None] * spread

    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        log_probs = torch.full((len(z),), -torch.inf)
        for group in y.unique().tolist():
            own = self.points[group, :self.count[group]]
            log_probs[y == group] = _log_density(z[y == group], own, self.root[group],
                                                 float(self.width[group]))
        return log_probs


def _log_density(z: Tensor, points: Tensor, root: Tensor, width: float) -> Tensor:
    """Log density (N,) of z (N, D): the mean of Gaussians around the points (M, D)."""
    white, around = (torch.linalg.solve_triangular(width * root, t.T, upper=False).T
                     for t in (z, points))
    height = -root.diagonal().log().sum() - len(root) * math.log(width * math.sqrt(2 * math.pi))
    squares = torch.cdist(white, around).square()
    return torch.logsumexp(-squares / 2, 1) - math.log(len(points)) + height
