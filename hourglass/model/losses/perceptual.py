"""Image losses other than a likelihood, scaled like a sum over the image's values."""

import math
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.contracts import Output
from ...core.hints import Count, Positive
from ...core.noise import seeded
from ...core.registry import terms
from ...core.ssim import multi_scale
from .reconstruction import Term, per_sample


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
class Perceptual(nn.Module):
    """Half the mean squared difference of images' features, times the number of values, so that it
    weighs about as much as a squared error (Hou et al., 2017, arXiv 1610.00291).

    The features come from a convolutional ReLU network with that many `channels` per scale, each
    half of the previous one; the loss is the mean over scales. Its weights are random, by `seed`,
    and not trained. Random features suffice to tell images apart (He et al., 2016, arXiv
    1606.04801), but differ from those learned on photographs.
    """

    def __init__(self, model: nn.Module, channels: tuple[Count, ...] = (32, 64, 128),
                 seed: int = 0):
        super().__init__()
        want_images("perceptual", model.shape)
        if not channels:
            raise ValueError("perceptual needs at least one number of channels, as in "
                             "perceptual((32, 64))")
        self.names = [f"kernel{i}" for i in range(len(channels))]
        widths = [int(model.shape[0]), *channels]  # type: ignore[index]
        with seeded(seed):
            for name, (n, m) in zip(self.names, pairwise(widths), strict=True):
                kernel = nn.init.kaiming_normal_(torch.empty(m, n, 3, 3))
                self.register_buffer(name, kernel, persistent=False)

    def features(self, x: Tensor) -> list[Tensor]:
        """Features of images (B, C, H, W) at every scale: (B, K, H', W')."""
        found: list[Tensor] = []
        for name in self.names:
            x = F.avg_pool2d(x, 2, ceil_mode=True) if found else x
            x = F.relu(F.conv2d(x, self.get_buffer(name), padding=1))
            found.append(x)
        return found

    def forward(self, out: Output, model: nn.Module) -> Tensor:
        """(B,)."""
        pairs = zip(self.features(out.x), self.features(again(out)), strict=True)
        each = [(a - b).float().square().flatten(1).mean(1) for a, b in pairs]
        return torch.stack(each).mean(0) * math.prod(out.x.shape[1:]) / 2
