"""Codes on the unit sphere: there a uniform prior pulls no code towards a centre."""

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
LEAST = 1.0   # concentration, in training and evaluation alike
BEGUN = 3.0   # where it begins, for a spread code would teach the decoder to do without it


@bottlenecks.add("sphere")
class Sphere(nn.Module):
    """Unit vectors of `dim` coordinates, one more than the sphere has dimensions; q(z|x) von Mises-
    Fisher (Davidson et al., 2018, arXiv 1804.00891) or power spherical (De Cao & Aziz, 2020, arXiv
    2006.04437), p(z) uniform."""

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...],
                 dim: Annotated[int, Ge(2)] = 16,
                 kind: Literal["von_mises_fisher", "power"] = "von_mises_fisher"):
        super().__init__()
        self.dim, self.kind = dim, kind
        self.reduce = project(code, dim + 1)
        self.expand = unproject(dim, back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        found = self.reduce(h)
        mode = F.normalize(found[:, :-1], dim=1)
        # by the dimension, as it takes that much more for draws to lie as near to the mode
        concentration = self.dim * F.softplus(found[:, -1:] + BEGUN) + LEAST
        q = KINDS[self.kind](mode, concentration)
        return Latent(q.rsample() if draw else mode, q, SphereUniform(mode))

    def settle(self, z: Tensor) -> Tensor:
        """The nearest points of the sphere."""
        return F.normalize(z, dim=1)

    def sample_prior(self, n: int) -> Tensor:
        return F.normalize(torch.randn(n, self.dim), dim=1)
