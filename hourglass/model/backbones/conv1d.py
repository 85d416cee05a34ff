"""Convolutional encoder and decoder for series of any length."""

import math
from dataclasses import replace
from typing import Literal

from torch import nn

from ...core.contracts import Backbone
from ...core.hints import Count, Rate
from ...core.registry import backbones
from .layers import ACTIVATIONS, Activation, Decoder, Encoder, Style, padding_for

SHORTEST, DEEPEST = 8, 4   # least steps after the blocks, and most blocks, by default


@backbones.add("conv1d")
def conv1d(
    shape: tuple[int, ...], out: tuple[int, ...], filters: Count | tuple[Count, ...] | None = None,
    kernel: Count = 7, stride: Count = 2, up: Literal["transpose", "nearest", "linear"] =
    "transpose", norm: Literal["none", "batch", "group", "layer"] = "none",
    activation: Activation = "relu", dropout: Rate = 0.0,
) -> Backbone:
    """Convolutions over the steps of a series (C, T): one block per number in `filters`, each
    shorter by `stride`; then the reverse.

    The decoder restores each length and ends in a convolution to the C channels. Dropout is between
    blocks. Without `filters`, the length chooses at most four, from 32 doubling. Keras' example of
    anomaly detection in time series is conv1d((32, 16), dropout=0.2).
    """
    if len(shape) != 2:
        raise ValueError(f"conv1d is for series (C, T), not samples of shape {shape}; use "
                         f"--backbone {'conv' if len(shape) == 3 else 'mlp'}")
    filters = _filters(shape[1]) if filters is None else filters
    filters = (filters,) if isinstance(filters, int) else filters
    lengths, style = _lengths(shape[1], len(filters), kernel, stride), Style(norm, activation)
    between = replace(style, dropout=dropout)
    last = len(filters) - 1
    downs: list[nn.Module] = []
    ups: list[nn.Module] = [ACTIVATIONS[activation]()]
    for i, (n, m) in enumerate(zip((shape[0], *filters), filters, strict=False)):
        layer = nn.Conv1d(n, m, kernel, stride, (kernel - 1) // 2, bias=style.bias)
        downs += [layer, *(between if i < last else style).after(m, maps=False)]
    for i in reversed(range(len(filters))):
        n, m = filters[min(i + 1, last)], filters[i]
        ups += _longer(n, m, kernel, stride, (lengths[i + 1], lengths[i]), up, style.bias)
        ups += (between if i else style).after(m, maps=False)
    ups.append(nn.Conv1d(filters[0], out[0], kernel, padding="same"))
    return Backbone(Encoder(downs), Decoder(ups), (filters[-1], lengths[-1]))


def _filters(length: int) -> tuple[int, ...]:
    blocks = min(max(1, int(math.log2(max(length, SHORTEST) / SHORTEST))), DEEPEST)
    return tuple(32 * 2**i for i in range(blocks))


def _lengths(length: int, blocks: int, kernel: int, stride: int) -> list[int]:
    """Numbers of steps before, between and after the blocks."""
    if not blocks:
        raise ValueError("conv1d needs at least one filter, as in conv1d((32, 16))")
    lengths = [length]
    for _ in range(blocks):
        lengths.append((lengths[-1] + 2 * ((kernel - 1) // 2) - kernel) // stride + 1)
    if lengths[-1] < 1:
        raise ValueError(f"series of {length} steps are too short for {blocks} blocks of kernel "
                         f"{kernel} and stride {stride}; use fewer filters or an odd kernel")
    return lengths


def _longer(
    n: int, m: int, kernel: int, stride: int, lengths: tuple[int, int], up: str, bias: bool
) -> list[nn.Module]:
    """From series of one length to those of another, (B, n, T) -> (B, m, T')."""
    length, target = lengths
    if up != "transpose":
        larger = nn.Upsample(target, mode=up)
        return [larger, nn.Conv1d(n, m, kernel, padding="same", bias=bias)]
    padding, extra = padding_for((length - 1) * stride + kernel - target)
    if extra >= stride or padding >= kernel:
        raise ValueError(f"a transposed convolution with kernel {kernel} and stride {stride} "
                         f"cannot bring {length} steps to {target}; use up='nearest'")
    return [nn.ConvTranspose1d(n, m, kernel, stride, padding, extra, bias=bias)]
