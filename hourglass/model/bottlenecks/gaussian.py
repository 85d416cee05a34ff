"""The variational bottleneck with a diagonal Gaussian posterior."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ...core.contracts import Latent
from ...core.distributions.diagonal_normal import normal, standard
from ...core.hints import Count, NotNegative
from ...core.registry import bottlenecks
from .projection import HiddenNorm, project, unproject


def widest(rate: float) -> float:
    """The deviation s, at most 1, of the Gaussian around 0 whose KL to N(0, 1) is `rate` nats:
    (s**2 - 1) / 2 - log(s) = rate, by bisection."""
    if not rate:
        return 1.0
    low, high = -rate - 1.0, 0.0   # of log(s)
    for _ in range(100):
        middle = (low + high) / 2
        above = math.expm1(2 * middle) / 2 - middle > rate
        low, high = (middle, high) if above else (low, middle)
    return math.exp(high)


@bottlenecks.add("gaussian")
class Gaussian(nn.Module):
    """q(z|x) a Gaussian with its own mean and variance per dimension, p(z) = N(0, 1) (Kingma &
    Welling, 2014, arXiv 1312.6114). `hidden` adds a ReLU layer of that size before it.

    `rate` is the least KL of a code, in nats: no posterior is wider than the Gaussian around 0 that
    has this KL, shared evenly by the dimensions. So the KL cannot vanish, which is posterior
    collapse; the simplest form of a committed rate (Razavi et al., 2019, arXiv 1901.03416).
    """

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], dim: Count = 16,
                 hidden: Count | None = None, norm: HiddenNorm = "none",
                 rate: NotNegative = 0.0):
        super().__init__()
        self.dim, self.widest = dim, widest(rate / dim)
        self.reduce = project(code, 2 * dim, hidden, norm)
        self.expand = unproject(dim, back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        q = normal(self.reduce(h))
        if self.widest < 1:
            q = Normal(q.mean, self.widest * q.stddev / (1 + q.stddev), validate_args=False)
        return Latent(q.rsample() if draw else q.mean, q, standard(q.mean))

    def sample_prior(self, n: int) -> Tensor:
        return torch.randn(n, self.dim)
