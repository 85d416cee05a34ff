"""Corruptions of the encoder's input in training. The target stays the clean x.

`(**options) -> (x -> x)`, on a batch, on its device. A text joins several, which are applied in
order: "noise(0.3) + drop(0.2)". Missing pixels are 0, which is black. A pair as strength, such as
noise((0.1, 0.5)), is sampled anew for each image, between the two. A corruption that hides values
is a `Hiding`, which also returns a mask: it distinguishes hidden pixels from black ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import MinLen
from torch import Tensor

from ..core.contracts import Corrupted
from ..core.expressions import read_sum
from ..core.hints import Count, NotNegative, Share
from ..core.random_numbers import seeded
from ..core.registry import corruptions

Corruption = Callable[[Tensor], Tensor]
Strength = NotNegative | tuple[NotNegative, NotNegative]
Shares = Share | tuple[Share, Share]
LUMINANCE = (0.299, 0.587, 0.114)   # of red, green and blue (ITU-R BT.601), as Pillow's mode L
GLYPHS = 64                         # height of an overlay's text in pixels, before resizing
FAINTEST = 1 / 255                  # least ink that an overlay's mask counts
TILT = math.radians(30)             # largest rotation of an overlay


@dataclass(frozen=True)
class Hiding:
    """A corruption that hides values, and returns a mask of them."""

    hide: Callable[[Tensor], Corrupted]

    def __call__(self, x: Tensor) -> Tensor:
        """Corrupt a batch x (B, *shape)."""
        return self.hide(x).x


@dataclass(frozen=True)
class Corrupter:
    """Several corruptions, applied one after another."""

    parts: tuple[Corruption, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Corrupt a batch x (B, *shape)."""
        return self.apply(x).x

    def apply(self, x: Tensor) -> Corrupted:
        """Corrupt a batch, and return a mask of all hidden values; None if no corruption hides."""
        hidden: Tensor | None = None
        for corrupt in self.parts:
            if isinstance(corrupt, Hiding):
                x, new = corrupt.hide(x)
                hidden = new if hidden is None or new is None else hidden | new
            else:
                x = corrupt(x)
        return Corrupted(x, hidden)


def corrupter(text: str) -> Corrupter:
    """Make one function for a batch (B, *shape) from a text of corruptions. Raises ValueError."""
    summands = read_sum(text)
    if any(s.weight != 1 or s.ramp is not None for s in summands):
        raise ValueError(f"corruptions are joined by + without weights, as in noise(0.3) + "
                         f"drop(0.2), not {text!r}")
    return Corrupter(tuple(corruptions.build(s.call) for s in summands))


def corrupted(corrupt: Corrupter, x: Tensor, seed: int = 0) -> Corrupted:
    """Corrupt x (B, *shape) with noise that depends only on the seed."""
    with seeded(seed, x.device):
        return corrupt.apply(x)


def _hide(x: Tensor, hidden: Tensor) -> Corrupted:
    """Set x to 0 where it is hidden. The mask is (B, 1, ...) or like x."""
    return Corrupted(x * ~hidden, hidden.expand_as(x))


def _image(x: Tensor, name: str) -> Tensor:
    if x.ndim != 4:
        raise ValueError(f"the corruption {name} is for images only; use noise, salt_pepper or "
                         f"drop for other samples")
    return x


def _drawn(strength: Strength, x: Tensor) -> float | Tensor:
    """The strength; for a pair, a random one in between for each sample, (B, 1, ...)."""
    if not isinstance(strength, tuple):
        return strength
    low, high = strength
    return low + (high - low) * _each(x)


def _each(x: Tensor) -> Tensor:
    """Random numbers in [0, 1], one per sample, (B, 1, ...)."""
    return torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device)


def _pixels(x: Tensor) -> Tensor:
    """Random numbers in [0, 1]: (B, D) for vectors, otherwise (B, 1, ...), shared by channels."""
    return torch.rand_like(x if x.ndim == 2 else x[:, :1])


@corruptions.add("none")
def none() -> Corruption:
    """No corruption."""
    return lambda x: x


@corruptions.add("noise")
def noise(std: Strength = 0.3, clip: bool = False) -> Corruption:
    """Add Gaussian noise (denoising autoencoder: Vincent et al., 2008). clip=True clips the result
    to [0, 1], as an image file would."""
    def corrupt(x: Tensor) -> Tensor:
        noisy = x + _drawn(std, x) * torch.randn_like(x)
        return noisy.clamp(0, 1) if clip else noisy
    return corrupt


@corruptions.add("salt_pepper")
def salt_pepper(share: Shares = 0.1) -> Corruption:
    """Set a share of the pixels to black (0) or white (1), half of each."""
    def corrupt(x: Tensor) -> Corrupted:
        hit, white = _pixels(x) < _drawn(share, x), _pixels(x) < 0.5
        return Corrupted(torch.where(hit, white.to(x), x), hit.expand_as(x))
    return Hiding(corrupt)


@corruptions.add("drop")
def drop(share: Shares = 0.5) -> Corruption:
    """Hide a share of the pixels, in all channels; for vectors, of the values (masking noise:
    Vincent et al., 2010)."""
    return Hiding(lambda x: _hide(x, _pixels(x) < _drawn(share, x)))


@corruptions.add("holes")
def holes(share: Shares = (0.0, 0.5), widths: tuple[Count, ...] = ()) -> Corruption:
    """Hide a share of a table's cells. All numbers of a category are hidden together. The table
    sets `widths`, the numbers per cell; without it, this equals `drop`."""
    def corrupt(x: Tensor) -> Corrupted:
        if x.ndim != 2 or sum(widths) != x.shape[1]:
            raise ValueError(f"these holes are for table rows of {sum(widths)} numbers; use drop "
                             f"for other samples")
        cells = torch.tensor(widths, device=x.device)
        gone = torch.rand(len(x), len(cells), device=x.device) < _drawn(share, x)
        return _hide(x, gone.repeat_interleave(cells, 1, output_size=x.shape[1]))
    return Hiding(corrupt) if widths else drop(share)


@corruptions.add("mask")
def mask(share: Share = 0.5, patch: Count = 8) -> Corruption:
    """Hide a share of the image's patches, each `patch` pixels wide (He et al., 2022, arXiv
    2111.06377)."""
    def corrupt(x: Tensor) -> Corrupted:
        rows, columns = (-(-side // patch) for side in _image(x, "mask").shape[-2:])
        rank = torch.rand(len(x), rows * columns, device=x.device).argsort(1).argsort(1)
        gone = (rank < round(share * rows * columns)).unflatten(1, (1, rows, columns))
        whole = gone.repeat_interleave(patch, -2).repeat_interleave(patch, -1)
        return _hide(x, whole[..., :x.shape[-2], :x.shape[-1]])
    return Hiding(corrupt)


@corruptions.add("cutout")
def cutout(side: Shares = 0.4) -> Corruption:
    """Hide a square at a random position. Its side is a share of the image's shorter side (DeVries
    & Taylor, 2017, arXiv 1708.04552)."""
    def corrupt(x: Tensor) -> Corrupted:
        height, width = _image(x, "cutout").shape[-2:]
        size = torch.as_tensor(_drawn(side, x), device=x.device) * min(height, width)
        inside = []
        for axis, length in ((-2, height), (-1, width)):
            start = (_each(x) * (length - size)).round()
            place = torch.arange(length, device=x.device).view(-1, *[1] * (-1 - axis))
            inside.append((place >= start) & (place < start + size.round()))
        return _hide(x, inside[0] & inside[1])
    return Hiding(corrupt)


@corruptions.add("future")
def future(steps: Count = 24) -> Corruption:
    """Hide the last `steps` steps of a window of a series (C, T), so that the model learns to
    forecast: hourglass impute --ahead."""
    def corrupt(x: Tensor) -> Corrupted:
        if x.ndim != 3 or x.shape[2] <= steps:
            raise ValueError(f"future({steps}) is for windows of series with more than {steps} "
                             f"steps, not for samples of shape {tuple(x.shape[1:])}")
        return _hide(x, (torch.arange(x.shape[2], device=x.device) >= x.shape[2] - steps).expand(
            len(x), 1, -1))
    return Hiding(corrupt)


@corruptions.add("grey")
def grey() -> Corruption:
    """Replace colours by grey of the same luminance, so that the model learns to add colour."""
    def corrupt(x: Tensor) -> Tensor:
        channels = _image(x, "grey").shape[1]
        weights = LUMINANCE if channels == 3 else (1 / channels,) * channels
        light = sum(w * plane for w, plane in zip(weights, x.split(1, 1), strict=True))
        return torch.as_tensor(light).expand_as(x)
    return corrupt


@corruptions.add("blur")
def blur(std: NotNegative = 1.5) -> Corruption:
    """Blur with a Gaussian filter of this standard deviation in pixels. Borders are extended."""
    reach = math.ceil(3 * std)
    places = torch.arange(-reach, reach + 1, device="cpu")
    weights = torch.softmax(-places.square() / (2 * max(std, 1e-6) ** 2), 0).tolist()

    def along(x: Tensor, axis: int) -> Tensor:
        border = (0, 0, reach, reach) if axis == -2 else (reach, reach, 0, 0)
        wide = F.pad(x, border, mode="replicate")
        parts = (w * wide.narrow(axis, i, x.shape[axis]) for i, w in enumerate(weights))
        return torch.as_tensor(sum(parts))
    return lambda x: along(along(_image(x, "blur"), -2), -1) if reach else _image(x, "blur")


@corruptions.add("downscale")
def downscale(factor: Count = 4) -> Corruption:
    """Replace squares of `factor` pixels by their mean, like an enlarged small image
    (super-resolution)."""
    def corrupt(x: Tensor) -> Tensor:
        height, width = _image(x, "downscale").shape[-2:]
        wide = F.pad(x, (0, -width % factor, 0, -height % factor), mode="replicate")
        means = F.avg_pool2d(wide, factor)
        return means.repeat_interleave(factor, -2).repeat_interleave(factor, -1)[
            ..., :height, :width]
    return corrupt


@corruptions.add("overlay")
def overlay(
    text: Annotated[str, MinLen(1)] = "SAMPLE", opacity: Shares = (0.3, 0.7)
) -> Corruption:
    """Write white letters over x like a watermark: at a random position and angle, between half and
    all of the image's width."""
    def corrupt(x: Tensor) -> Corrupted:
        letters = _letters(text).to(x.device).expand(len(_image(x, "overlay")), -1, -1, -1)
        where = F.affine_grid(_placing(x, letters.shape[-1] / GLYPHS), [len(x), 1, *x.shape[-2:]],
                              align_corners=False)
        ink = F.grid_sample(letters, where.to(letters), align_corners=False).to(x)
        ink = ink * _drawn(opacity, x)
        return Corrupted(x + ink * (1 - x), (ink > FAINTEST).expand_as(x))
    return Hiding(corrupt)


def _placing(x: Tensor, length: float) -> Tensor:
    """Affine maps (B, 2, 3) from the image to letters that are `length` times as long as high."""
    height, width = x.shape[-2:]
    size, angle, across, down = (_each(x).flatten() for _ in range(4))
    size, angle = 0.5 + 0.5 * size, TILT * (2 * angle - 1)
    across, down = (1 - size) * (2 * across - 1), 0.8 * (2 * down - 1)   # centre of the text
    tall = height / width   # vertical unit of the image, in horizontal units
    cos, sin = angle.cos() / size, angle.sin() / size
    turned = torch.stack([torch.stack([cos, sin * tall], 1),
                          torch.stack([-sin * length, cos * tall * length], 1)], 1)
    shift = -turned @ torch.stack([across, down], 1)[..., None]
    return torch.cat([turned, shift], 2)


@lru_cache(maxsize=8)
def _letters(text: str) -> Tensor:
    """The text in Pillow's default font, (1, 1, H, W), 1 where there is ink."""
    from PIL import Image, ImageDraw, ImageFont
    font = ImageFont.load_default(GLYPHS)
    left, top, right, bottom = font.getbbox(text)
    width, height = max(1, math.ceil(right - left)), max(1, math.ceil(bottom - top))
    picture = Image.new("L", (width, height))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=font)
    picture = picture.resize((max(1, round(width * GLYPHS / height)), GLYPHS))
    ink = torch.from_numpy(np.array(picture, np.float32) / 255)
    return ink[None, None]
