"""A denoiser of dense layers, for latents that are vectors."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from ...core.hints import Count, Rate
from ...core.registry import denoisers


@denoisers.add("mlp")
class DenseDenoiser(nn.Module):
    """Residual blocks of dense layers that the condition scales and shifts, for latents of any
    shape, which it flattens."""

    def __init__(self, shape: tuple[int, ...], width: Count = 256, depth: Count = 4,
                 dropout: Rate = 0.0):
        super().__init__()
        self.width, size = width, math.prod(shape)
        self.enter = nn.Linear(size, width)
        self.blocks = nn.ModuleList(_DenseBlock(width, dropout) for _ in range(depth))
        self.norm, self.leave = nn.LayerNorm(width), nn.Linear(width, size)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, u: Tensor, condition: Tensor) -> Tensor:
        """u (B, *shape), condition (B, width) -> like u."""
        h = self.enter(u.flatten(1))
        for block in self.blocks:
            h = block(h, condition)
        out: Tensor = self.leave(self.norm(h)).view_as(u)
        return out


class _DenseBlock(nn.Module):
    """h (B, width) and condition (B, width) -> h."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.tell = nn.Linear(width, 3 * width)
        self.layers = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Dropout(dropout),
                                    nn.Linear(2 * width, width))
        nn.init.zeros_(self.tell.weight)
        nn.init.zeros_(self.tell.bias)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        scale, shift, gate = self.tell(F.silu(condition)).chunk(3, 1)
        out: Tensor = h + gate * self.layers(self.norm(h) * (1 + scale) + shift)
        return out
