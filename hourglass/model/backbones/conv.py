"""Convolutional encoder and decoder for images of any size."""

import math
import warnings
from collections.abc import Sequence
from typing import Literal

from torch import nn

from ...core.contracts import Backbone
from ...core.hints import Count, Rate
from ...core.registry import backbones
from .layers import (
    ACTIVATIONS,
    Activation,
    Decoder,
    Encoder,
    Norm,
    Pair,
    Repeat,
    Resize,
    Style,
    ToOneMap,
    UpConv,
    pair,
    plainly,
)

Both = tuple[Count, Count]
Pool = Literal["none", "max", "avg"]
Padding = Literal["same", "valid"]
Up = Literal["transpose", "nearest", "bilinear"]
WIDEST = 256
# PyTorch copies the input then, which costs little; nobody can do anything about it
warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")


@backbones.add("conv")
def conv(
    shape: tuple[int, ...], out: tuple[int, ...], filters: Count | tuple[Count, ...] | None = None,
    kernel: Count | tuple[Count | Both, ...] = 3, stride: Count | tuple[Count | Both, ...] = 2,
    layers: Count = 1, pool: Pool = "none", up: Up = "transpose", norm: Norm = "none",
    activation: Activation = "relu", dropout: Rate = 0.0,
    final: Literal["same", "valid", "direct"] = "same", code: Count | None = None,
    padding: Padding = "same", dense_activation: bool = True,
) -> Backbone:
    """Convolutions: one block per number in `filters`, each smaller by `stride`; then the reverse.

    A block has `layers` convolutions; the first one has the stride, or a pooling layer follows. The
    decoder uses the filters in reverse and ends in a convolution to the output's channels.

    final="same": each decoder block restores the encoder's size. final="valid": each block only
    multiplies the size by `stride`, and an unpadded convolution and a bilinear resize follow.
    final="direct": the decoder mirrors the encoder, and its last block is the output.

    up="nearest" or "bilinear" resizes and convolves, which avoids the checkerboards of transposed
    convolutions. Without `filters`, the image's size chooses them, from 32 doubling to 256. `code`
    adds a linear 1x1 convolution to that many maps, from which the decoder starts.

    kernel=(3, 5) is a height and a width. One kernel per block is ((3, 3), (5, 5)) or, for three
    blocks or more, (3, 5, 5); `stride` works alike. padding="valid" removes the border in a
    block's first convolution. An activation follows the decoder's dense layer, unless
    dense_activation=False. The likelihood adds the output's activation: normal none, bernoulli a
    sigmoid.
    """
    sizes, filters, kernels, strides = plan(shape, filters, kernel, stride, pool, padding)
    style = Style(norm, activation, dropout)
    channels = (shape[0], *filters)
    downs: list[nn.Module] = []
    for i, (k, s) in enumerate(zip(kernels, strides, strict=True)):
        downs += _down((channels[i], channels[i + 1]), k, s, layers, pool, style, padding)
    downs += [nn.Conv2d(filters[-1], code, 1)] if code else []
    ups: list[nn.Module] = [] if code or not dense_activation else [ACTIVATIONS[activation]()]
    size, before = sizes[-1], code or filters[-1]
    direct = final == "direct"
    for i in reversed(range(len(filters))):
        goal = sizes[i] if final != "valid" else (size[0] * strides[i][0], size[1] * strides[i][1])
        ends = direct and i == 0
        features = out[0] if ends else filters[i - 1] if direct else filters[i]
        ups += _up((before, features), kernels[i], (size, goal), up, strides[i],
                   1 if ends else layers, Style(activation="none") if ends else style)
        size, before = goal, features
    if not direct:
        ups += last(filters[0], out, kernels[0], size, final)
    return Backbone(Encoder(downs), Decoder(ups), (code or filters[-1], *sizes[-1]))


def plan(
    shape: tuple[int, ...], filters: int | tuple[int, ...] | None,
    kernel: int | tuple[int | Pair, ...], stride: int | tuple[int | Pair, ...],
    pool: Pool = "none", padding: Padding = "same",
) -> tuple[list[Pair], tuple[int, ...], list[Pair], list[Pair]]:
    """Sizes of the maps before, between and after the blocks; and filters, kernels and strides per
    block."""
    if len(shape) != 3:
        raise ValueError(f"convolutions need images (C, H, W), not samples of shape {shape}; "
                         f"use --backbone {'conv1d' if len(shape) == 2 else 'mlp'}")
    chosen = _filters(shape) if filters is None else filters
    filters = (chosen,) if isinstance(chosen, int) else chosen
    kernels, strides = (_each_block(name, value, len(filters))
                        for name, value in (("kernel", kernel), ("stride", stride)))
    sizes: list[Pair] = [(shape[1], shape[2])]
    for k, s in zip(kernels, strides, strict=True):
        sizes.append(_smaller(sizes[-1], k, s, pool, padding, shape))
    return sizes, filters, kernels, strides


def _each_block(name: str, value: int | tuple[int | Pair, ...], blocks: int) -> list[Pair]:
    """The values per block. One number, or one height and width, is used for all."""
    if isinstance(value, int):
        return [pair(value)] * blocks
    if len(value) == 2 and all(isinstance(part, int) for part in value):
        return [(value[0], value[1])] * blocks  # type: ignore[list-item]
    if not blocks or len(value) != blocks:
        raise ValueError(f"{blocks} filters and {len(value)} {name}s: pass one {name} per block, "
                         f"or one for all, such as {name}=3 or {name}=(3, 5), which is height and "
                         f"width")
    return [pair(part) for part in value]


def _filters(shape: tuple[int, ...]) -> tuple[int, ...]:
    blocks = max(1, int(math.log2(min(shape[1:]) / 4))) if min(shape[1:]) > 4 else 1
    return tuple(min(32 * 2**i, WIDEST) for i in range(blocks))


def _smaller(
    size: Pair, kernel: Pair, stride: Pair, pool: Pool, padding: Padding, shape: Sequence[int]
) -> Pair:
    taken = [2 * p - k for p, k in zip(_padding(kernel, padding), kernel, strict=True)]
    steps = stride if pool == "none" else (1, 1)
    height, width = ((n + t) // s + 1 for n, t, s in zip(size, taken, steps, strict=True))
    if pool != "none":
        height, width = -(-height // stride[0]), -(-width // stride[1])
    if min(height, width) < 1:
        raise ValueError(f"images of {shape[1]}x{shape[2]} pixels are too small for this many "
                         f"blocks of kernel {plainly(kernel)} and stride {plainly(stride)}; use "
                         f"fewer filters")
    return height, width


def _padding(kernel: Pair, padding: Padding) -> Pair:
    return (0, 0) if padding == "valid" else ((kernel[0] - 1) // 2, (kernel[1] - 1) // 2)


def same(n: int, m: int, kernel: int | Pair, style: Style) -> list[nn.Module]:
    """A convolution that keeps the size, for any kernel."""
    layer = nn.Conv2d(n, m, kernel, padding="same", bias=style.bias)
    return [layer, *style.after(m, maps=True)]


def _down(
    channels: tuple[int, int], kernel: Pair, stride: Pair, layers: int, pool: Pool, style: Style,
    padding: Padding,
) -> list[nn.Module]:
    n, m = channels
    first = nn.Conv2d(n, m, kernel, stride if pool == "none" else 1, _padding(kernel, padding),
                      bias=style.bias)
    block = [first, *style.after(m, maps=True)]
    for _ in range(layers - 1):
        block += same(m, m, kernel, style)
    if pool != "none":
        kind = nn.MaxPool2d if pool == "max" else nn.AvgPool2d
        block.append(kind(stride, ceil_mode=True))
    return block


def _up(
    channels: tuple[int, int], kernel: Pair, sizes: tuple[Pair, Pair], up: Up, stride: Pair,
    layers: int, style: Style,
) -> list[nn.Module]:
    (n, m), (size, target) = channels, sizes
    block: list[nn.Module]
    if up == "transpose":
        layer = UpConv((n, m), kernel, stride, size, target, style.bias)
        block = [layer, *style.after(m, maps=True)]
    else:
        larger = (Repeat if up == "nearest" else Resize)(size, target, stride)
        block = [larger, *same(n, m, kernel, style)]
    for _ in range(layers - 1):
        block += same(m, m, kernel, style)
    return block


def last(
    n: int, out: tuple[int, ...], kernel: int | Pair, size: Pair, final: str = "same"
) -> list[nn.Module]:
    """The convolution to the output's channels."""
    high, wide = pair(kernel)
    left = size if final == "same" else (size[0] - high + 1, size[1] - wide + 1)
    if min(left) < 1:
        raise ValueError(f"an unpadded convolution of kernel {plainly((high, wide))} is too large "
                         f"for maps of {size[0]}x{size[1]}; use final='same'")
    layer: nn.Module
    if final == "same" and (high % 2 == 0 or wide % 2 == 0):
        layer = nn.Conv2d(n, out[0], (high, wide), padding="same")
    elif out[0] == 1:
        layer = ToOneMap(n, (high, wide), (high // 2, wide // 2) if final == "same" else 0)
    else:   # a transposed convolution computes the same, and faster for few channels
        layer = UpConv((n, out[0]), (high, wide), 1, size, left)
    return [layer] if final == "same" else [layer, Resize(left, (out[1], out[2]))]
