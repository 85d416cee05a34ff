"""The variational bottleneck with codes on the unit sphere, and a uniform prior."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor, nn

from ...core.contracts import Latent
from ...core.distributions.power_spherical import PowerSpherical
from ...core.distributions.unit_sphere import SphereUniform
from ...core.distributions.von_mises_fisher import VonMisesFisher
from ...core.registry import bottlenecks
from .projection import project, unproject

KINDS = {"von_mises_fisher": VonMisesFisher, "power": PowerSpherical}
LEAST = 1.0   # least concentration, in training and evaluation
BEGUN = 3.0   # initial one: with spread codes, the decoder would learn to ignore them


@bottlenecks.add("sphere")
class Sphere(nn.Module):
    """Unit vectors with `dim` coordinates. q(z|x) is von Mises-Fisher (Davidson et al., 2018, arXiv
    1804.00891) or power spherical (De Cao & Aziz, 2020, arXiv 2006.04437); p(z) is uniform."""

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...],
                 dim: Annotated[int, Ge(2)] = 16,
                 kind: Literal["von_mises_fisher", "power"] = "von_mises_fisher"):
        super().__init__()
        self.dim, self.kind = dim, kind
        self.reduce = project(code, dim + 1)
        self.expand = unproject(dim, back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        params = self.reduce(h)
        mode = F.normalize(params[:, :-1], dim=1)
        # times the dimension: samples need that much more concentration to lie as near
        concentration = self.dim * F.softplus(params[:, -1:] + BEGUN) + LEAST
        q = KINDS[self.kind](mode, concentration)
        return Latent(q.rsample() if draw else mode, q, SphereUniform(mode))

    def settle(self, z: Tensor) -> Tensor:
        """The nearest points on the sphere."""
        return F.normalize(z, dim=1)

    def sample_prior(self, n: int) -> Tensor:
        return F.normalize(torch.randn(n, self.dim), dim=1)
