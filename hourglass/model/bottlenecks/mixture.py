"""The variational bottleneck whose prior is a learned mixture of Gaussians."""

import torch
from torch import Tensor, nn

from ...core.contracts import Latent
from ...core.distributions.diagonal_normal import normal, on_cpu, whole
from ...core.distributions.gaussian_mixture import GaussianMixture
from ...core.hints import Count
from ...core.registry import bottlenecks
from .projection import project, unproject


@bottlenecks.add("mixture")
class MixtureBottleneck(nn.Module):
    """p(z) a mixture of `components` Gaussians, with learned weights, means and variances (as
    compared by Tomczak & Welling, 2018, arXiv 1705.07120)."""

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], dim: Count = 16,
                 components: Count = 10):
        super().__init__()
        self.reduce = project(code, 2 * dim)
        self.expand = unproject(dim, back)
        self.shares = nn.Parameter(torch.zeros(components))   # logits of the weights
        # distinct means, or all would learn the same; as wide as N(0, 1)
        self.places = nn.Parameter(torch.cat(
            [torch.randn(components, dim), torch.zeros(components, dim)], 1))

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        q = normal(self.reduce(h))
        p = GaussianMixture(normal(self.places), self.shares)
        return Latent(q.rsample() if draw else q.mean, whole(q), p)

    def sample_prior(self, n: int) -> Tensor:
        return GaussianMixture(normal(on_cpu(self.places)), on_cpu(self.shares)).sample((n,))
