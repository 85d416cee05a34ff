"""A transformer that removes noise from latent maps."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ...core.hints import Count, Rate
from ...core.registry import denoisers

HEAD = 64   # numbers of a head of attention, where the width allows it


@denoisers.add("dit")
class DiT(nn.Module):
    """Diffusion transformer: patches of a map are tokens, and the condition scales, shifts and
    gates each block (Peebles & Xie, 2023, arXiv 2212.09748).

    `patch` is the side of a patch; a map is padded where it does not divide it. A vector is a row
    of tokens of one number each times `patch`. Without `heads`, each head has 64 numbers.
    """

    def __init__(self, shape: tuple[int, ...], width: Count = 256, depth: Count = 8,
                 patch: Count = 1, heads: Count | None = None, dropout: Rate = 0.0):
        super().__init__()
        heads = heads or max(1, width // HEAD)
        if width % heads:
            raise ValueError(f"dit: a width of {width} does not divide into {heads} heads; use "
                             f"another width or number of heads")
        self.width, self.patch = width, patch
        channels, *places = shape if len(shape) == 3 else (1, 1, math.prod(shape))
        self.patches = tuple(-(-side // patch) if side > 1 else 1 for side in places)
        self.sides = tuple(min(patch, side) for side in places)
        size = channels * math.prod(self.sides)
        self.enter = nn.Linear(size, width)
        self.places = nn.Parameter(0.02 * torch.randn(math.prod(self.patches), width))
        self.blocks = nn.ModuleList(_TokenBlock(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.tell, self.leave = nn.Linear(width, 2 * width), nn.Linear(width, size)
        for layer in (self.tell, self.leave):   # so that it begins with no change
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, u: Tensor, condition: Tensor) -> Tensor:
        """u (B, *shape), condition (B, width) -> like u."""
        grid = u if u.ndim == 4 else u.flatten(1)[:, None, None]
        height, width = grid.shape[2:]
        (rows, columns), (high, wide) = self.patches, self.sides
        padded = F.pad(grid, (0, columns * wide - width, 0, rows * high - height))
        h = self.enter(rearrange(padded, "b c (i p) (j q) -> b (i j) (c p q)", p=high, q=wide))
        h = h + self.places
        for block in self.blocks:
            h = block(h, condition)
        scale, shift = self.tell(F.silu(condition))[:, None].chunk(2, 2)
        h = self.leave(self.norm(h) * (1 + scale) + shift)
        out: Tensor = rearrange(h, "b (i j) (c p q) -> b c (i p) (j q)", i=rows, p=high, q=wide)
        return out[:, :, :height, :width].reshape(u.shape)


class _TokenBlock(nn.Module):
    """Attention and dense layers: h (B, N, width), condition (B, width) -> h."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.before_attention = nn.LayerNorm(width, elementwise_affine=False)
        self.before_dense = nn.LayerNorm(width, elementwise_affine=False)
        self.ask, self.say = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"),
                                   nn.Linear(4 * width, width))
        self.tell = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.tell.weight)
        nn.init.zeros_(self.tell.bias)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        scale, shift, gate, more, move, let = self.tell(F.silu(condition))[:, None].chunk(6, 2)
        attended = self._attend(self.before_attention(h) * (1 + scale) + shift)
        h = h + gate * self.dropout(attended)
        dense = self.dense(self.before_dense(h) * (1 + more) + move)
        out: Tensor = h + let * self.dropout(dense)
        return out

    def _attend(self, h: Tensor) -> Tensor:
        q, k, v = rearrange(self.ask(h), "b n (t h d) -> t b h n d", t=3, h=self.heads)
        attended = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.say(rearrange(attended, "b h n d -> b n (h d)"))
        return out
