"""Image losses other than a likelihood, scaled like a sum over the image's values."""

import math
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.contracts import Output
from ...core.features import features as features_of
from ...core.hints import Count, Depth, Positive, Seed
from ...core.random_numbers import seeded
from ...core.registry import terms
from ...core.ssim import multi_scale
from .reconstruction import Term, per_sample

RANDOM = (32, 64, 128)   # channels per scale of a network with random weights
FAINT = 1e-8             # squared length below which features have no direction


def again(out: Output) -> Tensor:
    """The reconstruction (B, *shape), replaced by x where x is missing, so that no loss counts."""
    return out.px.mean if out.known is None else torch.where(out.known > 0, out.px.mean, out.x)


def want_images(name: str, shape: Any) -> None:
    """Raise ValueError if samples of that shape are not images (C, H, W)."""
    if len(shape) != 3:
        raise ValueError(f"the loss {name} needs images, not samples of shape {shape}")


@terms.add("msssim")
def msssim(model: nn.Module) -> Term:
    """1 - multi-scale SSIM of images in [0, 1], times the number of values, so that it weighs about
    as much as a reconstruction loss (Snell et al., 2017, arXiv 1511.06409).

    Windows and the number of scales fit the image; at 28x28 there are three scales.
    """
    want_images("msssim", model.shape)

    def unlike(out: Output, model: nn.Module) -> Tensor:
        return (1 - multi_scale(out.x, again(out))) * math.prod(out.x.shape[1:])
    return unlike


@terms.add("logcosh")
def logcosh(model: nn.Module, a: Positive = 10.0) -> Term:
    """log cosh(a t) / a of every error t: about a t^2 / 2 for small errors, |t| for large ones
    (Chen et al., 2019, Log hyperbolic cosine loss improves variational auto-encoder)."""
    def lost(out: Output, model: nn.Module) -> Tensor:
        size = a * (again(out) - out.x).float().abs()
        large = size + F.softplus(-2 * size) - math.log(2)   # loses all digits for small errors
        small = torch.log1p(2 * torch.sinh(size.clamp(max=1) / 2).square())
        return per_sample(torch.where(size < 1, small, large)) / a
    return lost


@terms.add("perceptual")
def perceptual(
    model: nn.Module, channels: tuple[Count, ...] = RANDOM, seed: Seed = 0, features: str = "",
    layers: tuple[Depth, ...] = (), size: Depth = 0,
) -> nn.Module:
    """Difference of images in the features of a network, times half the number of values, as a sum
    of squared errors has it (Hou et al., 2017, arXiv 1610.00291).

    `features` names a feature extractor, such as efficientnet_lite0, for images in [0, 1] with one
    or three channels and of any size. At each place of a map, features are scaled to length 1; the
    loss is their squared distance, averaged over places and over maps (LPIPS with equal weights,
    Zhang et al., 2018, arXiv 1801.03924). `layers` are the numbers of the maps, 0 the shallowest;
    by default all count. `size` is the longer side in pixels that images are brought to first; 0
    keeps them. It leaves exact colours open, so add a weight of `recon`.

    By default the features come from a convolutional ReLU network with that many `channels` per
    scale, each half of the previous one. Its weights are random, by `seed`, and not trained: they
    suffice to tell images apart (He et al., 2016, arXiv 1606.04801), but differ from those learned
    on photographs. The loss is their mean squared difference, averaged over scales.
    """
    want_images("perceptual", model.shape)
    if features:
        if channels != RANDOM or seed:
            raise ValueError("channels and seed of perceptual belong to its random network; leave "
                             "them out together with features")
        return LearntFeatures(model.shape, features, layers, size)
    if layers or size:
        raise ValueError("layers and size of perceptual belong to a feature extractor; name it, as "
                         "in perceptual(features='efficientnet_lite0', layers=(1, 2))")
    if not channels:
        raise ValueError("perceptual needs at least one number of channels, as in "
                         "perceptual((32, 64))")
    return RandomFeatures(int(model.shape[0]), channels, seed)  # type: ignore[index]


class RandomFeatures(nn.Module):
    """The loss `perceptual` in the features of a network with random weights."""

    def __init__(self, first: int, channels: tuple[int, ...], seed: int):
        super().__init__()
        self.names = [f"kernel{i}" for i in range(len(channels))]
        with seeded(seed):
            for name, (n, m) in zip(self.names, pairwise([first, *channels]), strict=True):
                kernel = nn.init.kaiming_normal_(torch.empty(m, n, 3, 3))
                self.register_buffer(name, kernel, persistent=False)

    def features(self, x: Tensor) -> list[Tensor]:
        """Features of images (B, C, H, W) at every scale: (B, K, H', W')."""
        maps: list[Tensor] = []
        for name in self.names:
            x = F.avg_pool2d(x, 2, ceil_mode=True) if maps else x
            x = F.relu(F.conv2d(x, self.get_buffer(name), padding=1))
            maps.append(x)
        return maps

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        pairs = zip(self.features(out.x), self.features(again(out)), strict=True)
        errors = [(a - b).float().square().flatten(1).mean(1) for a, b in pairs]
        return torch.stack(errors).mean(0) * math.prod(out.x.shape[1:]) / 2


class LearntFeatures(nn.Module):
    """The loss `perceptual` in the maps of a feature extractor. It is kept out of the module's
    weights and of training mode: it follows the device and the precision alone."""

    def __init__(self, shape: Any, text: str, layers: tuple[int, ...], size: int):
        super().__init__()
        extractor = features_of(text)
        if shape[0] not in (1, 3):
            raise ValueError(f"perceptual(features=...) needs images with one or three channels, "
                             f"not {shape[0]}")
        if not extractor.differentiable:
            raise ValueError(f"no gradient passes through {extractor.text}, so it cannot be a "
                             "loss; use another extractor, such as efficientnet_lite0")
        extractor.check_maps()
        count = len(extractor.strides)
        wrong = [layer for layer in layers if layer >= count]
        if wrong:
            raise ValueError(f"{extractor.text} has {count} maps, so layers are 0 to {count - 1}, "
                             f"not {wrong[0]}")
        # others use the network on a device of their own
        own = replace(extractor, network=deepcopy(extractor.network).to(torch.empty(0).device))
        self.layers, self.size, self.held = layers or tuple(range(count)), size, (own,)

    @property
    def used(self) -> str:
        """The extractor with its digest, for a note."""
        numbers = ", ".join(map(str, self.layers))
        return f"perceptual sees the maps {numbers} of {self.held[0]}: {self.held[0].about}"

    def _apply(self, fn: Any, recurse: bool = True) -> "LearntFeatures":
        self.held[0].network._apply(fn)
        super()._apply(fn, recurse)
        return self

    def directions(self, x: Tensor) -> list[Tensor]:
        """Maps (B, K, H', W') of images (B, C, H, W), of length 1 at each place."""
        maps = self.held[0].maps(x, self.size or None)
        chosen = (maps[layer].float() if maps[layer].dtype.itemsize < 4 else maps[layer]
                  for layer in self.layers)
        return [features * (features.square().sum(1, keepdim=True) + FAINT).rsqrt()
                for features in chosen]

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        with torch.no_grad():
            targets = self.directions(out.x)
        pairs = zip(targets, self.directions(again(out)), strict=True)
        errors = [(a - b).square().sum(1).flatten(1).mean(1) for a, b in pairs]
        return torch.stack(errors).mean(0) * math.prod(out.x.shape[1:]) / 2
