"""Augmentations: random changes of training samples, applied to input and target alike.

`(**options) -> Augmentation`, on a batch, on its device. A text joins several: "flip + rotate(10)".
Consecutive moves of pixels are composed into one, so that images are interpolated only once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..core.expressions import read_sum
from ..core.hints import NotNegative, Positive, Rate, Share
from ..core.registry import augmentations


@dataclass(frozen=True)
class Augmentation:
    """Either new values for x (B, ...), or a move of its pixels: an affine map (B, 3, 3) from
    output to input, in coordinates from -1 to 1."""

    values: Callable[[Tensor], Tensor] | None = None
    moves: Callable[[Tensor], Tensor] | None = None


def augmenter(text: str, low: float, high: float) -> Callable[[Tensor], Tensor]:
    """Make one function for a batch from a text of augmentations. Results are clipped to the range
    of the data."""
    summands = read_sum(text) if text.strip() else []
    if any(s.weight != 1 or s.ramp is not None for s in summands):
        raise ValueError(f"augmentations are joined by + without weights, as in flip + shift(2), "
                         f"not {text!r}")
    chosen = [augmentations.build(s.call) for s in summands]

    def augment(x: Tensor) -> Tensor:
        moved: Tensor | None = None
        for part in chosen:
            if part.moves:
                matrix = part.moves(_image(x, text))
                moved = matrix if moved is None else moved @ matrix
                continue
            x, moved = part.values(_move(x, moved)), None
        return _move(x, moved).clamp(low, high)
    return augment if chosen else (lambda x: x)


def _image(x: Tensor, text: str) -> Tensor:
    if x.ndim != 4:
        raise ValueError(f"{text!r} is for images; for vectors use only noise")
    return x


def _move(x: Tensor, matrix: Tensor | None) -> Tensor:
    """Move each image by its map. Borders are extended outwards."""
    if matrix is None:
        return x
    grid = F.affine_grid(matrix[:, :2], list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    return moved.contiguous(memory_format=torch.channels_last)


def _uniform(x: Tensor, most: float) -> Tensor:
    """Random numbers (B,) between -most and most, on the device of x."""
    return (2 * torch.rand(len(x), device=x.device) - 1) * most


def _per_image(values: Tensor, x: Tensor) -> Tensor:
    return values.view(-1, *[1] * (x.ndim - 1))


def _matrices(x: Tensor, entries: dict[tuple[int, int], Tensor]) -> Tensor:
    matrix = torch.eye(3, device=x.device).repeat(len(x), 1, 1)
    for (row, column), values in entries.items():
        matrix[:, row, column] = values
    return matrix


@augmentations.add("flip")
def flip(share: Share = 0.5, vertical: bool = False) -> Augmentation:
    """Flip a share of the images left to right; vertical=True: upside down."""
    def values(x: Tensor) -> Tensor:
        chosen = torch.rand(len(x), device=x.device) < share
        mirrored = _image(x, "flip").flip(-2 if vertical else -1)
        return torch.where(_per_image(chosen, x), mirrored, x)
    return Augmentation(values)


@augmentations.add("shift")
def shift(pixels: NotNegative = 2.0) -> Augmentation:
    """Shift by whole pixels, at most `pixels` in each direction."""
    def moves(x: Tensor) -> Tensor:
        across, down = ((_uniform(x, pixels + 0.5)).round().clamp(-pixels, pixels)
                        for _ in range(2))
        return _matrices(x, {(0, 2): 2 * across / x.shape[-1], (1, 2): 2 * down / x.shape[-2]})
    return Augmentation(moves=moves)


@augmentations.add("rotate")
def rotate(degrees: NotNegative = 10.0) -> Augmentation:
    """Rotate around the centre, by at most `degrees` in each direction."""
    def moves(x: Tensor) -> Tensor:
        angle, aspect = _uniform(x, math.radians(degrees)), x.shape[-2] / x.shape[-1]
        return _matrices(x, {(0, 0): angle.cos(), (0, 1): -angle.sin() * aspect,
                             (1, 0): angle.sin() / aspect, (1, 1): angle.cos()})
    return Augmentation(moves=moves)


@augmentations.add("zoom")
def zoom(share: Rate = 0.1) -> Augmentation:
    """Zoom in or out by at most `share`."""
    def moves(x: Tensor) -> Tensor:
        size = 1 + _uniform(x, share)
        return _matrices(x, {(0, 0): size, (1, 1): size})
    return Augmentation(moves=moves)


@augmentations.add("shear")
def shear(degrees: NotNegative = 10.0) -> Augmentation:
    """Shear: rows move sideways in proportion to their distance from the centre, so that upright
    lines lean by at most `degrees` in each direction."""
    if degrees >= 90:
        raise ValueError(f"shear must be below 90 degrees, not {degrees:g}")

    def moves(x: Tensor) -> Tensor:
        lean, aspect = _uniform(x, math.radians(degrees)).tan(), x.shape[-2] / x.shape[-1]
        return _matrices(x, {(0, 1): lean * aspect})
    return Augmentation(moves=moves)


@augmentations.add("elastic")
def elastic(pixels: NotNegative = 1.5, smooth: Positive = 4.0) -> Augmentation:
    """Elastic deformation (Simard et al., 2003): pixels move at random by `pixels` (root mean
    square), smoothed by a Gaussian with a standard deviation of `smooth` pixels."""
    def values(x: Tensor) -> Tensor:
        size = _image(x, "elastic").shape[-2:]
        shifts = _smooth_noise((len(x), 2, *size), smooth, x.device)
        per_pixel = torch.tensor([2 / size[1], 2 / size[0]], device=x.device)
        still = F.affine_grid(_matrices(x, {})[:, :2], list(x.shape), align_corners=False)
        grid = still + pixels * per_pixel * rearrange(shifts, "b two h w -> b h w two")
        moved = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
        return moved.contiguous(memory_format=torch.channels_last)
    return Augmentation(values)


def _smooth_noise(shape: tuple[int, ...], width: float, device: torch.device) -> Tensor:
    """Gaussian noise (B, C, H, W) of variance 1, smoothed by a Gaussian window with this standard
    deviation in pixels."""
    reach = math.ceil(3 * width)
    steps = torch.arange(-reach, reach + 1, device=device)
    window = (-(steps / width).square() / 2).exp()
    kernel = (window / window.norm()).repeat(shape[1], 1, 1, 1)
    noise = torch.randn(*shape[:2], shape[2] + 2 * reach, shape[3] + 2 * reach, device=device)
    across = F.conv2d(noise, kernel, groups=shape[1])
    return F.conv2d(across, kernel.transpose(-1, -2), groups=shape[1])


@augmentations.add("noise")
def noise(std: NotNegative = 0.02) -> Augmentation:
    """Add Gaussian noise. Unlike the corruption of this name, it also changes the target."""
    return Augmentation(lambda x: x + std * torch.randn_like(x))


@augmentations.add("brightness")
def brightness(share: Rate = 0.2) -> Augmentation:
    """Change the brightness by at most this share of the whole range."""
    return Augmentation(lambda x: x + _per_image(_uniform(x, share), x))


@augmentations.add("contrast")
def contrast(share: Rate = 0.2) -> Augmentation:
    """Change the contrast: scale differences from the image's mean by at most `share`."""
    def values(x: Tensor) -> Tensor:
        mean = _per_image(x.flatten(1).mean(1), x)
        return mean + (x - mean) * _per_image(1 + _uniform(x, share), x)
    return Augmentation(values)


@augmentations.add("colour")
def colour(share: Rate = 0.2) -> Augmentation:
    """Change the saturation by at most `share`, and the hue by at most a tenth of it. Needs kornia:
    pip install 'hourglass[augment]'."""
    try:
        from kornia.augmentation import ColorJiggle
    except ImportError:
        raise ValueError("colour needs an extra: pip install 'hourglass[augment]'") from None
    jiggle = ColorJiggle(saturation=share, hue=share / 10, p=1.0)

    def values(x: Tensor) -> Tensor:
        if _image(x, "colour").shape[1] != 3:
            raise ValueError("colour is for images with three channels")
        return jiggle(x.clamp(0, 1))
    return Augmentation(values)
