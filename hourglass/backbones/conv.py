"""Convolutions down to a small map and back, for images of any size."""

import math
from collections.abc import Sequence
from typing import Literal

from torch import nn

from ..contracts import Backbone
from ..spec import Count, Rate, backbones
from .layers import (
    ACTIVATIONS,
    Activation,
    Decoder,
    Encoder,
    Norm,
    Resize,
    Style,
    ToOneMap,
    UpConv,
)

Size = tuple[int, int]
Pool = Literal["none", "max", "avg"]
Up = Literal["transpose", "nearest", "bilinear"]
WIDEST = 256


@backbones.add("conv")
def conv(
    shape: tuple[int, ...], out: tuple[int, ...], filters: Count | tuple[Count, ...] | None = None,
    kernel: Count | tuple[Count, ...] = 3, stride: Count = 2, layers: Count = 1,
    pool: Pool = "none", up: Up = "transpose", norm: Norm = "none", activation: Activation = "relu",
    dropout: Rate = 0.0, final: Literal["same", "valid", "direct"] = "same",
    code: Count | None = None,
) -> Backbone:
    """Convolutions: one block per number in `filters`, each smaller by `stride`; then back.

    A block has `layers` convolutions; the first strides, or a pool follows. The decoder goes
    through the filters in reverse and ends in a convolution to the output's channels. With
    final="same" each of its blocks restores the size that the encoder had; with final="valid" each
    just multiplies it by `stride`, and an unpadded convolution and a bilinear resize end it. With
    final="direct" the encoder is mirrored exactly: the last block itself gives the output.
    up="nearest" or "bilinear" resizes and convolves, where transposed convolutions leave
    checkerboards. Without `filters` the image's size chooses them, from 32 doubling to 256. With
    `code` a convolution of 1 by 1 leads to so many maps, linearly, from which the decoder starts.
    """
    sizes, filters, kernels = plan(shape, filters, kernel, stride, pool)
    style = Style(norm, activation, dropout)
    channels = (shape[0], *filters)
    downs: list[nn.Module] = []
    for i, k in enumerate(kernels):
        downs += _down(channels[i], channels[i + 1], k, stride, layers, pool, style)
    downs += [nn.Conv2d(filters[-1], code, 1)] if code else []
    ups: list[nn.Module] = [] if code else [ACTIVATIONS[activation]()]
    size, before = sizes[-1], code or filters[-1]
    direct = final == "direct"
    for i in reversed(range(len(filters))):
        goal = (size[0] * stride, size[1] * stride) if final == "valid" else sizes[i]
        ends = direct and i == 0
        features = out[0] if ends else filters[i - 1] if direct else filters[i]
        ups += _up(before, features, kernels[i], (size, goal), up, stride, 1 if ends else layers,
                   Style(activation="none") if ends else style)
        size, before = goal, features
    if not direct:
        ups += last(filters[0], out, kernels[0], size, final)
    return Backbone(Encoder(downs), Decoder(ups), (code or filters[-1], *sizes[-1]))


def plan(
    shape: tuple[int, ...], filters: int | tuple[int, ...] | None, kernel: int | tuple[int, ...],
    stride: int, pool: Pool = "none",
) -> tuple[list[Size], tuple[int, ...], tuple[int, ...]]:
    """The maps' sizes before, between and after the blocks; filters and kernels, one a block."""
    if len(shape) != 3:
        raise ValueError(f"convolutions need images (C, H, W), not samples of shape {shape}; "
                         f"use --backbone {'conv1d' if len(shape) == 2 else 'mlp'}")
    chosen = _filters(shape) if filters is None else filters
    filters = (chosen,) if isinstance(chosen, int) else chosen
    kernels = (kernel,) * len(filters) if isinstance(kernel, int) else kernel
    if not filters or len(kernels) != len(filters):
        raise ValueError(f"{len(filters)} filters and {len(kernels)} kernels: give one of each for "
                         f"every block")
    sizes: list[Size] = [(shape[1], shape[2])]
    for k in kernels:
        sizes.append(_smaller(sizes[-1], k, stride, pool, shape))
    return sizes, filters, kernels


def _filters(shape: tuple[int, ...]) -> tuple[int, ...]:
    blocks = max(1, int(math.log2(min(shape[1:]) / 4))) if min(shape[1:]) > 4 else 1
    return tuple(min(32 * 2**i, WIDEST) for i in range(blocks))


def _smaller(size: Size, kernel: int, stride: int, pool: Pool, shape: Sequence[int]) -> Size:
    padded, step = 2 * ((kernel - 1) // 2) - kernel, stride if pool == "none" else 1
    height, width = ((n + padded) // step + 1 for n in size)
    if pool != "none":
        height, width = -(-height // stride), -(-width // stride)
    if min(height, width) < 1:
        raise ValueError(f"images of {shape[1]}x{shape[2]} pixels are too small for so many blocks "
                         f"of kernel {kernel} and stride {stride}; use fewer filters")
    return height, width


def _conv(n: int, m: int, kernel: int, stride: int, style: Style) -> list[nn.Module]:
    layer = nn.Conv2d(n, m, kernel, stride, (kernel - 1) // 2, bias=style.bias)
    return [layer, *style.after(m, maps=True)]


def same(n: int, m: int, kernel: int, style: Style) -> list[nn.Module]:
    """A convolution that keeps the size, whatever the kernel."""
    layer = nn.Conv2d(n, m, kernel, padding="same", bias=style.bias)
    return [layer, *style.after(m, maps=True)]


def _down(
    n: int, m: int, kernel: int, stride: int, layers: int, pool: Pool, style: Style
) -> list[nn.Module]:
    block = _conv(n, m, kernel, stride if pool == "none" else 1, style)
    for _ in range(layers - 1):
        block += same(m, m, kernel, style)
    if pool != "none":
        kind = nn.MaxPool2d if pool == "max" else nn.AvgPool2d
        block.append(kind(stride, ceil_mode=True))
    return block


def _up(
    n: int, m: int, kernel: int, sizes: tuple[Size, Size], up: Up, stride: int, layers: int,
    style: Style,
) -> list[nn.Module]:
    size, target = sizes
    block: list[nn.Module]
    if up == "transpose":
        layer = UpConv((n, m), kernel, stride, size, target, style.bias)
        block = [layer, *style.after(m, maps=True)]
    else:
        larger = nn.Upsample(target) if up == "nearest" else Resize(size, target)
        block = [larger, *same(n, m, kernel, style)]
    for _ in range(layers - 1):
        block += same(m, m, kernel, style)
    return block


def last(
    n: int, out: tuple[int, ...], kernel: int, size: Size, final: str = "same"
) -> list[nn.Module]:
    """The convolution to the output's channels."""
    left = size if final == "same" else (size[0] - kernel + 1, size[1] - kernel + 1)
    if min(left) < 1:
        raise ValueError(f"an unpadded convolution of kernel {kernel} leaves nothing of maps of "
                         f"{size[0]}x{size[1]}; use final='same'")
    layer: nn.Module
    if final == "same" and kernel % 2 == 0:
        layer = nn.Conv2d(n, out[0], kernel, padding="same")
    elif out[0] == 1:
        layer = ToOneMap(n, kernel, kernel // 2 if final == "same" else 0)
    else:   # transposed it is the same family of maps, and faster where channels are few
        layer = UpConv((n, out[0]), kernel, 1, size, left)
    return [layer] if final == "same" else [layer, Resize(left, (out[1], out[2]))]
