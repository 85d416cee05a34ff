"""Variational bottlenecks whose posterior is a normalising flow."""

from typing import Literal

from torch import Tensor, nn, randn
from torch.distributions import TransformedDistribution

from ...core.contracts import Latent
from ...core.distributions.diagonal_normal import normal, standard, whole
from ...core.hints import Count
from ...core.registry import bottlenecks
from .autoregressive_flow import Autoregressive
from .planar_flow import Planar, Radial
from .projection import project, unproject

KINDS = {"planar": Planar, "radial": Radial, "iaf": Autoregressive}


@bottlenecks.add("flow")
class FlowPosterior(nn.Module):
    """q(z|x) a Gaussian followed by `layers` invertible steps: planar or radial (Rezende & Mohamed,
    2015, arXiv 1505.05770), or iaf, inverse autoregressive (Kingma et al., 2016, arXiv 1606.04934);
    p(z) = N(0, 1).

    Without noise, z is the image of the Gaussian's mean.
    """

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], dim: Count = 16,
                 kind: Literal["planar", "radial", "iaf"] = "planar", layers: Count = 4):
        super().__init__()
        self.dim = dim
        self.reduce = project(code, 2 * dim)
        self.steps = nn.ModuleList([KINDS[kind](code, dim) for _ in range(layers)])
        self.expand = unproject(dim, back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        before = normal(self.reduce(h))
        steps = [step(h) for step in self.steps]
        q = TransformedDistribution(whole(before), steps, validate_args=False)
        z = q.rsample() if draw else before.mean
        if not draw:
            for step in steps:
                z = step(z)
        return Latent(z, q, whole(standard(before.mean)))

    def sample_prior(self, n: int) -> Tensor:
        return randn(n, self.dim)
