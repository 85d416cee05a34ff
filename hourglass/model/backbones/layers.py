"""Layers that several backbones share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Skips = tuple[Tensor, ...]
Pair = tuple[int, int]   # (height, width)
Activation = Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid",
                     "softplus", "none", "linear"]
Norm = Literal["none", "batch", "group", "layer", "instance"]
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "leaky_relu": lambda: nn.LeakyReLU(0.2), "elu": nn.ELU, "selu": nn.SELU,
    "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus, "none": nn.Identity, "linear": nn.Identity}


@dataclass(frozen=True)
class Style:
    """What follows every layer: norm, activation and dropout."""

    norm: Norm = "none"
    activation: Activation = "relu"
    dropout: float = 0.0

    def after(self, features: int, maps: bool) -> list[nn.Module]:
        """Norm, activation and dropout after a layer with that many features."""
        activation = ACTIVATIONS[self.activation]()
        if isinstance(activation, nn.ReLU | nn.LeakyReLU):
            activation.inplace = True   # no layer's gradient needs the overwritten values
        layers = [_norm(self.norm, features, maps), activation,
                  (nn.Dropout2d if maps else nn.Dropout)(self.dropout)]
        idle = (nn.Identity, *((nn.Dropout, nn.Dropout2d) if not self.dropout else ()))
        return [layer for layer in layers if not isinstance(layer, idle)]

    @property
    def bias(self) -> bool:
        """Whether the layer has a bias. A norm that follows brings its own."""
        return self.norm == "none"


def _norm(kind: Norm, features: int, maps: bool) -> nn.Module:
    if kind == "batch":
        return (nn.BatchNorm2d if maps else nn.BatchNorm1d)(features)
    if kind == "none" or (kind == "instance" and not maps):
        return nn.Identity()
    groups = {"group": math.gcd(8, features), "layer": 1, "instance": features}[kind]
    return nn.GroupNorm(groups, features)


class Encoder(nn.Module):
    """An encoder without skips: x -> h, ()."""

    def __init__(self, layers: list[nn.Module]):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        return self.layers(x), ()


class Decoder(nn.Module):
    """A decoder without skips: h, skips -> the likelihood's parameters."""

    def __init__(self, layers: list[nn.Module]):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, h: Tensor, skips: Skips = ()) -> Tensor:
        return self.layers(h)


class UpConv(nn.Module):
    """Transposed convolution from maps of `size` to maps of `target` (height, width). Maps larger
    than `size` by n pixels become larger than `target` by n strides."""

    def __init__(self, channels: tuple[int, int], kernel: int | Pair, stride: int | Pair,
                 size: Pair, target: Pair, bias: bool = True):
        super().__init__()
        kernel, stride = pair(kernel), pair(stride)
        paddings, more = zip(*(padding_for((a - 1) * s + k - b) for a, b, k, s in zip(
            size, target, kernel, stride, strict=True)), strict=True)
        if any(m >= s or p >= k for m, s, p, k in zip(more, stride, paddings, kernel, strict=True)):
            raise ValueError(f"a transposed convolution with kernel {plainly(kernel)} and stride "
                             f"{plainly(stride)} cannot bring {size} to {target}; use an odd "
                             f"kernel")
        self.conv = nn.ConvTranspose2d(*channels, kernel, stride, paddings, more, bias=False)
        self.geometry = (stride, paddings, more)
        self.bias = nn.Parameter(torch.zeros(channels[1])) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is None:
            return self.conv(x)
        if x.device.type != "cpu" or torch.compiler.is_compiling():
            return F.conv_transpose2d(x, self.conv.weight, self.bias, *self.geometry)
        y = F.conv_transpose2d(x, self.conv.weight, self.bias.detach(), *self.geometry)
        return _BiasGradient.apply(y, self.bias)


def pair(value: int | Pair) -> Pair:
    """One number for both directions, or one for each."""
    return (value, value) if isinstance(value, int) else value


def plainly(value: Pair) -> str:
    """A pair as text: "3", or "3x5" (height x width)."""
    return str(value[0]) if value[0] == value[1] else f"{value[0]}x{value[1]}"


def padding_for(over: int) -> tuple[int, int]:
    """Padding on both sides and extra output padding that remove `over` pixels from a transposed
    convolution."""
    padding = max(0, -(-over // 2))
    return padding, 2 * padding - over


class _BiasGradient(torch.autograd.Function):
    """y (B, C, H, W) with its bias added. It computes the bias' gradient, which transposed
    convolutions compute slowly on CPUs."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, bias: Tensor) -> Tensor:
        ctx.mark_dirty(y)   # the same tensor is returned, now with this function's gradient
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return gradient, gradient.sum((0, 2, 3), dtype=torch.float32)


class ToOneMap(nn.Module):
    """Convolution to a single map, as one convolution per channel and their sum: the same result in
    half the time on CPUs, whose kernels pad one output channel to sixteen."""

    def __init__(self, channels: int, kernel: int | Pair, padding: int | Pair):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel, padding=padding, groups=channels,
                              bias=False)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).sum(1, keepdim=True) + self.bias


class Resize(nn.Module):
    """Bilinear resize of maps from `size` to `target`, as two small matrix products. Maps larger
    than `size` by n pixels become larger than `target` by n strides."""

    def __init__(self, size: Pair, target: Pair, stride: Pair = (1, 1)):
        super().__init__()
        self.size, self.target, self.stride = size, target, stride
        for name, n, m in zip(("rows", "columns"), size, target, strict=True):
            self.register_buffer(name, _bilinear(n, m), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        rows, columns = self.get_buffer("rows").to(x), self.get_buffer("columns").to(x)
        if (height, width) != self.size:
            rows, columns = (_bilinear(n, m).to(x) for n, m in zip(
                (height, width), grown((height, width), self.size, self.target, self.stride),
                strict=True))
        return rows @ x @ columns.T


class Repeat(nn.Module):
    """Nearest-neighbour resize of maps from `size` to `target`. Other sizes: see `Resize`."""

    def __init__(self, size: Pair, target: Pair, stride: Pair):
        super().__init__()
        self.size, self.target, self.stride = size, target, stride

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        return F.interpolate(x, grown((height, width), self.size, self.target, self.stride))


def grown(seen: Pair, size: Pair, target: Pair, stride: Pair) -> Pair:
    """The output size for maps of `seen` pixels, if maps of `size` become `target`."""
    height, width = (t + s * (n - m) for n, m, t, s in zip(seen, size, target, stride, strict=True))
    return height, width


def _bilinear(n: int, m: int) -> Tensor:
    """(m, n) weights: row i holds the share of each old pixel in the i-th new one."""
    eye = torch.eye(n, device="cpu")[None, None]
    return nn.functional.interpolate(eye, size=(m, n), mode="bilinear", align_corners=False)[0, 0]
