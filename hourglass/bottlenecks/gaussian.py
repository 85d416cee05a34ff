"""The variational bottleneck with a diagonal Gaussian posterior."""

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from ..contracts import Latent
from ..spec import Count, bottlenecks
from .project import HiddenNorm, project, unproject

STEEPEST = 20.0   # log variance stays within +-20


@bottlenecks.add("gaussian")
class Gaussian(nn.Module):
    """q(z|x) a Gaussian with its own mean and variance per factor, p(z) = N(0, 1)
    (Kingma & Welling, 2014, arXiv 1312.6114); `hidden` rectified units before it, if any."""

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], dim: Count = 16,
                 hidden: Count | None = None, norm: HiddenNorm = "none"):
        super().__init__()
        self.dim = dim
        self.reduce = project(code, 2 * dim, hidden, norm)
        self.expand = unproject(dim, back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        mean, log_var = self.reduce(h).chunk(2, dim=1)
        # a soft limit: unlike a clamp it leaves a gradient everywhere
        log_var = STEEPEST * torch.tanh(log_var / STEEPEST)
        q = Normal(mean, torch.exp(log_var / 2), validate_args=False)
        p = Normal(torch.zeros_like(mean), torch.ones_like(mean), validate_args=False)
        return Latent(q.rsample() if draw else mean, q, p)

    def sample_prior(self, n: int) -> Tensor:
        return torch.randn(n, self.dim)
