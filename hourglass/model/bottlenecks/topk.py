"""The sparse bottleneck: all numbers except the largest are zero."""

import torch
from torch import Tensor, nn

from ...core.contracts import Latent
from ...core.hints import Count
from ...core.registry import bottlenecks
from .projection import project, unproject


@bottlenecks.add("topk")
class TopK(nn.Module):
    """`dim` numbers. All but the `active` largest are set to zero: the k-sparse autoencoder
    (Makhzani & Frey, 2014, arXiv 1312.5663).

    Its own prior, by convention, has the sizes of N(0, 1) at random positions.
    """

    confined = False

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], dim: Count = 256,
                 active: Count = 16):
        super().__init__()
        if active > dim:
            raise ValueError(f"topk cannot keep {active} of {dim} numbers; use a larger dim, as in "
                             f"topk({active * 16}, {active})")
        self.dim, self.active = dim, active
        self.reduce = project(code, dim)
        self.expand = unproject(dim, back)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        return Latent(self.settle(self.reduce(h)))

    def settle(self, z: Tensor) -> Tensor:
        """Set all numbers except the largest to zero."""
        largest = z.topk(self.active, dim=1)
        return torch.zeros_like(z).scatter(1, largest.indices, largest.values)

    def sample_prior(self, n: int) -> Tensor:
        places = torch.rand(n, self.dim).topk(self.active, dim=1).indices
        return torch.zeros(n, self.dim).scatter(1, places, torch.randn(n, self.active).abs())
