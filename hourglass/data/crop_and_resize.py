"""Crop, convert, resize and pad images of any depth and number of channels."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .image_options import Misfit, Reading, read_size

LUMA = (0.299, 0.587, 0.114)   # of red, green and blue in grey


def shape_deep(values: np.ndarray, reading: Reading) -> np.ndarray:
    """Crop, convert to grey or colour, resize and pad an image (H, W, C), in its own type and
    units.

    Images of other than 8 bits are inverted later, when they are scaled. A pixel is missing (NaN)
    if more than half of its source pixels are."""
    height, width = values.shape[:2]
    if reading.crop:
        top, left = read_size(reading.crop, "crop")
        values = _cut(values, min(top, height), min(left, width))
    if reading.grey is not None:
        values = _toned(values, reading.grey)
    if reading.invert and values.dtype == np.uint8:
        values = 255 - values
    if reading.size and read_size(reading.size, "size") != values.shape[:2]:
        values = _resized(values, *read_size(reading.size, "size"), reading)
    if reading.pad:
        values = _padded(values, reading)
    return np.ascontiguousarray(values)


def _cut(values: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (values.shape[0] - height) // 2, (values.shape[1] - width) // 2
    return values[top:top + height, left:left + width]


def _toned(values: np.ndarray, grey: bool) -> np.ndarray:
    channels = values.shape[-1]
    if channels == (1 if grey else 3):
        return values
    if channels not in (1, 3):
        raise Misfit(f"grey is for images of 1 or 3 channels, and these have {channels}")
    if not grey:
        return values.repeat(3, axis=-1)
    luma = (values @ np.array(LUMA))[..., None]
    return _as_type(luma, values)


def _as_type(pixels: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Convert values to the type of `like`, and clip what resampling adds beyond its range."""
    if np.isfinite(like).any():
        pixels = np.clip(pixels, np.nanmin(like), np.nanmax(like))
    return (pixels if like.dtype.kind == "f" else np.rint(pixels)).astype(like.dtype)


def _resized(values: np.ndarray, height: int, width: int, reading: Reading) -> np.ndarray:
    if reading.fit == "pad":
        share = min(height / values.shape[0], width / values.shape[1])
        inner = (max(1, round(share * values.shape[0])), max(1, round(share * values.shape[1])))
        small = _resized(values, *inner, replace(reading, fit="stretch"))
        return _padded(small, replace(reading, pad=f"{height}x{width}"))
    if reading.fit == "crop":
        share = min(values.shape[0] / height, values.shape[1] / width)
        values = _cut(values, max(1, round(share * height)), max(1, round(share * width)))
    known = np.isfinite(values)
    resized = _stretched(np.where(known, values, 0), height, width)
    if not known.all():
        weight = _stretched(known, height, width)
        resized = np.where(weight > 0.5, resized / np.maximum(weight, 0.5), np.nan)
    return _as_type(resized, values)


def _stretched(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, C) as float32, each channel resampled by Pillow."""
    bands = [Image.fromarray(np.ascontiguousarray(values[..., c], np.float32)).resize(
        (width, height), Image.Resampling.LANCZOS) for c in range(values.shape[-1])]
    return np.stack([np.asarray(band) for band in bands], axis=-1)


def _padded(values: np.ndarray, reading: Reading) -> np.ndarray:
    """Centre on a canvas of zeros, which must be black."""
    height, width = read_size(reading.pad, "pad")
    down, across = height - values.shape[0], width - values.shape[1]
    if down < 0 or across < 0:
        raise Misfit(f"pad {reading.pad} is smaller than an image of "
                     f"{values.shape[0]}x{values.shape[1]} pixels")
    if (reading.invert and values.dtype != np.uint8) or (values < 0).any():
        raise Misfit("a border of zeros is not black where images are inverted or have negative "
                     "values; for these, use --fit stretch or crop, without --pad")
    return np.pad(values, ((down // 2, down - down // 2), (across // 2, across - across // 2),
                           (0, 0)))
