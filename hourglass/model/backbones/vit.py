"""A vision transformer as encoder and decoder: patches that look at each other."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.contracts import Backbone
from ...core.hints import Count, Rate
from ...core.registry import backbones
from .layers import Skips

EXPANSION = 4       # width of a block's hidden layer, as a multiple
SLOWEST = 10_000.0  # wavelength of the slowest wave of a position


@backbones.add("vit")
def vit(
    shape: tuple[int, ...], out: tuple[int, ...], patch: Count = 4, width: Count = 96,
    depth: Count = 4, heads: Count = 4, dropout: Rate = 0.0,
) -> Backbone:
    """Vision transformer (Dosovitskiy et al., 2021, arXiv 2010.11929): each patch of `patch` by
    `patch` pixels becomes `width` numbers, and `depth` blocks of self-attention and a small network
    relate them; the decoder has as many blocks, and turns each place into a patch.

    Places are known by sines and cosines of row and column, so a model takes images of any size.
    If the sides of an image are not multiples of `patch`, zeros are added at the right and bottom,
    and cut off from the result.
    """
    if len(shape) != 3:
        raise ValueError(f"the backbone vit needs images (C, H, W), not samples of shape {shape}")
    if width % heads or width % 4:
        raise ValueError(f"the backbone vit needs a width that is a multiple of 4 and of {heads} "
                         f"heads, not {width}")
    rows, columns = (-(-side // patch) for side in shape[1:])
    blocks = (width, depth, heads, dropout)
    return Backbone(PatchEncoder(shape, patch, blocks), PatchDecoder(out, patch, blocks),
                    (width, rows, columns))


class PatchEncoder(nn.Module):
    """x (B, C, H, W) -> h (B, width, H / patch, W / patch), no skips."""

    def __init__(self, shape: tuple[int, ...], patch: int, blocks: tuple[int, int, int, float]):
        super().__init__()
        self.patch = patch
        self.enter = nn.Conv2d(shape[0], blocks[0], patch, patch)
        self.blocks = _blocks(*blocks)

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        height, width = x.shape[2:]
        h = self.enter(F.pad(x, (0, -width % self.patch, 0, -height % self.patch)))
        return _related(self.blocks, h), ()


class PatchDecoder(nn.Module):
    """h (B, width, H / patch, W / patch) -> the likelihood's parameters (B, *out). A larger map
    becomes a larger image."""

    def __init__(self, out: tuple[int, ...], patch: int, blocks: tuple[int, int, int, float]):
        super().__init__()
        self.over = tuple(-side % patch for side in out[1:])   # pixels of the padding
        self.blocks = _blocks(*blocks)
        self.leave = nn.ConvTranspose2d(blocks[0], out[0], patch, patch)

    def forward(self, h: Tensor, skips: Skips = ()) -> Tensor:
        y = self.leave(_related(self.blocks, h))
        params: Tensor = y[..., :y.shape[2] - self.over[0], :y.shape[3] - self.over[1]]
        return params


def _blocks(width: int, depth: int, heads: int, dropout: float) -> nn.Module:
    layer = nn.TransformerEncoderLayer(width, heads, EXPANSION * width, dropout, "gelu",
                                       batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, depth, nn.LayerNorm(width), enable_nested_tensor=False)


def _related(blocks: nn.Module, h: Tensor) -> Tensor:
    """A map (B, D, H, W) after the blocks, each place knowing where it is."""
    size = h.shape[2:]
    tokens = (h + positions(h.shape[1], *size).to(h)).flatten(2).transpose(1, 2)
    out: Tensor = blocks(tokens).transpose(1, 2).unflatten(2, size)
    return out


def positions(width: int, rows: int, columns: int) -> Tensor:
    """(width, rows, columns): half of the numbers are waves over the rows, half over the columns
    (Vaswani et al., 2017, arXiv 1706.03762)."""
    speed = torch.exp(-math.log(SLOWEST) * torch.arange(width // 4) / (width // 4))[:, None]
    waves = [torch.cat([f(speed * torch.arange(n)) for f in (torch.sin, torch.cos)])
             for n in (rows, columns)]
    down, across = waves[0][:, :, None], waves[1][:, None, :]
    return torch.cat([down.expand(-1, -1, columns), across.expand(-1, rows, -1)])
