"""The variational bottleneck whose code is a feature map."""

import torch
from torch import Tensor, nn

from ...core.contracts import Latent
from ...core.distributions.diagonal_normal import normal, standard
from ...core.hints import Count
from ...core.registry import bottlenecks


@bottlenecks.add("gaussian_map")
class GaussianMap(nn.Module):
    """q(z|x) a Gaussian for each number of a map with `channels` channels, p(z) = N(0, 1), as in
    the first stage of latent diffusion (Rombach et al., 2022, arXiv 2112.10752). 1x1 convolutions
    lead to the map and from it, so places keep their meaning and images may have any size."""

    confined = True

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], channels: Count = 4):
        super().__init__()
        if len(code) != 3 or code[1:] != back[1:]:
            raise ValueError(f"the bottleneck gaussian_map needs an encoder and a decoder "
                             f"whose maps fit, such as --backbone conv or resnet: {code} and "
                             f"{back} do not; for a vector use gaussian(16)")
        self.code = (channels, *code[1:])
        self.reduce = nn.Conv2d(code[0], 2 * channels, 1)
        self.expand = nn.Conv2d(channels, back[0], 1)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        """h (B, *code) -> z (B, channels, H, W)."""
        q = normal(self.reduce(h))
        return Latent(q.rsample() if draw else q.mean, q, standard(q.mean))

    def sample_prior(self, n: int) -> Tensor:
        return torch.randn(n, *self.code)
