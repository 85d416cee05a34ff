"""The variational bottleneck with a VampPrior: a mixture of posteriors at learned inputs."""

import torch
from torch import Tensor, nn

from ...core.contracts import Latent
from ...core.distributions.diagonal_normal import normal, on_cpu, whole
from ...core.distributions.gaussian_mixture import GaussianMixture
from ...core.hints import Count
from ...core.registry import bottlenecks
from .projection import project, unproject


@bottlenecks.add("vamp")
class Vamp(nn.Module):
    """p(z) the mean of the posteriors at `count` learned pseudo-inputs (Tomczak & Welling, 2018,
    arXiv 1705.07120).

    The Autoencoder stores the pseudo-inputs in `inputs` and passes the encoder's h for them, the
    anchors (K, *code). Without anchors, p(z) is N(0, 1).
    """

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], dim: Count = 16,
                 count: Count = 500):
        super().__init__()
        self.dim, self.count = dim, count
        self.register_parameter("inputs", None)
        self.reduce = project(code, 2 * dim)
        self.expand = unproject(dim, back)

    def forward(self, h: Tensor, draw: bool = False, anchors: Tensor | None = None) -> Latent:
        q = normal(self.reduce(h))
        return Latent(q.rsample() if draw else q.mean, whole(q), self._prior(self._found(anchors)))

    def sample_prior(self, n: int, anchors: Tensor | None = None) -> Tensor:
        return self._prior(on_cpu(self._found(anchors))).sample((n,))

    def _found(self, anchors: Tensor | None) -> Tensor:
        """Means and log variances (K, 2 D) of the components."""
        if anchors is None:
            return next(self.parameters()).new_zeros(1, 2 * self.dim)
        params: Tensor = self.reduce(anchors)
        return params

    def _prior(self, params: Tensor) -> GaussianMixture:
        return GaussianMixture(normal(params), torch.zeros_like(params[:, 0]))
