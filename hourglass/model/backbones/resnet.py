"""A residual encoder and decoder for images, as the first stage of latent diffusion has them."""

import math

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ...core.contracts import Backbone
from ...core.hints import Count, Rate
from ...core.registry import backbones
from .conv import plan
from .layers import Decoder, Encoder, Pair, Repeat

GROUPS = 32        # of a group norm, at most
SMALLEST = 8       # least side of the map that the default widths lead to
NARROWEST, WIDEST = 32, 128


@backbones.add("resnet")
def resnet(
    shape: tuple[int, ...], out: tuple[int, ...], widths: Count | tuple[Count, ...] | None = None,
    blocks: Count = 2, attention: bool = False, dropout: Rate = 0.0,
) -> Backbone:
    """Residual blocks of two convolutions, with group norm and SiLU (Rombach et al., 2022, arXiv
    2112.10752; Esser et al., 2021, arXiv 2012.09841).

    The first of `widths` is for maps of the image's size, each further one for maps of half the
    size before. The encoder has `blocks` residual blocks at each size, the decoder one more; it
    repeats pixels to enlarge. Two blocks stand in the middle, with self-attention between them if
    `attention` is set. Without `widths`, the image's size chooses them, from 32 doubling to 128.
    """
    widths = _widths(shape) if widths is None else (widths,) if isinstance(widths, int) else widths
    sizes = plan(shape, widths[1:], 3, 2)[0]
    middle = _middle(widths[-1], attention, dropout)
    down: list[nn.Module] = [nn.Conv2d(shape[0], widths[0], 3, padding=1)]
    for i, width in enumerate(widths):
        if i:
            down.append(nn.Conv2d(widths[i - 1], widths[i - 1], 3, 2, 1))
        before = widths[max(i - 1, 0)]
        down += _several(before, width, blocks, dropout)
    up = [*_middle(widths[-1], attention, dropout)]
    for i in reversed(range(len(widths))):
        before = widths[min(i + 1, len(widths) - 1)]
        up += _several(before, widths[i], blocks + 1, dropout)
        up += [_larger(widths[i], sizes[i], sizes[i - 1])] if i else []
    up += [_norm(widths[0]), nn.SiLU(), nn.Conv2d(widths[0], out[0], 3, padding=1)]
    return Backbone(Encoder([*down, *middle, _norm(widths[-1]), nn.SiLU()]), Decoder(up),
                    (widths[-1], *sizes[-1]))


class Residual(nn.Module):
    """Two convolutions whose result is added to their input, h (B, C, H, W) -> (B, D, H, W)."""

    def __init__(self, before: int, width: int, dropout: float):
        super().__init__()
        self.layers = nn.Sequential(
            _norm(before), nn.SiLU(), nn.Conv2d(before, width, 3, padding=1),
            _norm(width), nn.SiLU(), nn.Dropout2d(dropout), nn.Conv2d(width, width, 3, padding=1))
        self.straight = nn.Identity() if before == width else nn.Conv2d(before, width, 1)

    def forward(self, h: Tensor) -> Tensor:
        out: Tensor = self.straight(h) + self.layers(h)
        return out


class Attention(nn.Module):
    """Self-attention of one head between all places of a map, added to it (B, C, H, W)."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.ask, self.say = (
            _norm(width), nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1))

    def forward(self, h: Tensor) -> Tensor:
        q, k, v = rearrange(self.ask(self.norm(h)), "b (n c) h w -> n b (h w) c", n=3)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        out: Tensor = h + self.say(attended.unflatten(2, h.shape[2:]))
        return out


def _widths(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Widths that bring an image to some SMALLEST pixels a side."""
    halvings = max(1, int(math.log2(max(min(shape[1:], default=1) / SMALLEST, 1))))
    return tuple(min(NARROWEST * 2**i, WIDEST) for i in range(halvings + 1))


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(GROUPS, width), width)


def _several(before: int, width: int, blocks: int, dropout: float) -> list[nn.Module]:
    return [Residual(before if i == 0 else width, width, dropout) for i in range(blocks)]


def _middle(width: int, attention: bool, dropout: float) -> list[nn.Module]:
    between = [Attention(width)] if attention else []
    return [Residual(width, width, dropout), *between, Residual(width, width, dropout)]


def _larger(width: int, size: Pair, target: Pair) -> nn.Module:
    """Pixels repeated to maps of twice the size, and a convolution."""
    return nn.Sequential(Repeat(size, target, (2, 2)), nn.Conv2d(width, width, 3, padding=1))
