"""Read one 8-bit image file as an array: any mode that Pillow reads, cropped, resized and
padded."""

from collections.abc import Callable
from dataclasses import replace
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from ..core.hints import Fit
from ..core.size_limits import check_room
from .crop_and_resize import shape_deep
from .image_options import GREY_MODES, Misfit, Reading, read_size

CUT = "more than 8 bits"   # mark in the info of an image that had them


def open_image(file: str | IO[bytes], reading: Reading | None = None) -> Image.Image:
    """Open the image in a file, rotated by its EXIF data, in mode L or RGB. Raises OSError and
    others.

    Transparent pixels become white. 16-bit grey keeps its upper 8 bits; in float images, white is 1
    (`headers` reads such images completely). If `reading` makes a JPEG much smaller, it is decoded
    at a half, a quarter or an eighth of its size, but at least twice the target size.
    """
    with Image.open(file) as image:
        return plain(image, reading)


def plain(image: Image.Image, reading: Reading | None = None) -> Image.Image:
    """Convert an opened but not yet decoded image, as `open_image` does."""
    if reading and reading.size and not reading.crop:
        side = 2 * max(read_size(reading.size, "size"))
        image.draft(None, (side, side))
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I") or turned.mode == "F":
        return _deep_grey(turned)
    if turned.has_transparency_data:
        white = Image.new("RGBA", turned.size, "white")
        turned = Image.alpha_composite(white, turned.convert("RGBA"))
    return turned.convert("L" if image.mode in GREY_MODES else "RGB")


def _deep_grey(image: Image.Image) -> Image.Image:
    """Convert to 8 bits by the mode alone, so that pixel values do not change how it is read."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32))
    values *= 255 if image.mode == "F" else 1 / 257
    grey = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    grey.info[CUT] = True
    return grey


def shape_image(image: Image.Image, reading: Reading) -> np.ndarray:
    """An image in mode L or RGB as uint8 (H, W, C), shaped as `reading` says."""
    if reading.crop:
        height, width = read_size(reading.crop, "crop")
        image = _centre(image, min(height, image.height), min(width, image.width))
    if reading.grey is not None:
        image = image.convert("L" if reading.grey else "RGB")
    if reading.invert:
        image = ImageOps.invert(image)
    if reading.size:
        image = _resized(image, *read_size(reading.size, "size"), reading.fit)
    if reading.pad:
        height, width = read_size(reading.pad, "pad")
        if height < image.height or width < image.width:
            raise Misfit(f"pad {reading.pad} is smaller than an image of "
                         f"{image.height}x{image.width} pixels")
        image = _centre(image, height, width)
    return np.atleast_3d(np.asarray(image, dtype=np.uint8))


def _centre(image: Image.Image, height: int, width: int) -> Image.Image:
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _resized(image: Image.Image, height: int, width: int, fit: Fit) -> Image.Image:
    if (image.height, image.width) == (height, width):
        return image
    ways: dict[str, Callable[..., Image.Image]] = {
        "crop": ImageOps.fit, "pad": ImageOps.pad, "stretch": Image.Image.resize}
    return ways[fit](image, (width, height), Image.Resampling.LANCZOS)


def shape_images(x: np.ndarray, reading: Reading) -> np.ndarray:
    """Shape images (N, H, W, C) of any type as `reading` says, in their own type and units. Images
    that need no change are not touched, so they may stay on disk. Images of other than 8 bits are
    inverted later, when they are scaled."""
    if x.ndim != 4 and reading.changes and len(x):
        raise ValueError(f"size, crop, pad, grey and invert are for images; this data is of shape "
                         f"{x.shape[1:]}")
    if reading.size and not reading.crop and read_size(reading.size, "size") == x.shape[1:3]:
        reading = replace(reading, size="")
    if reading.grey is not None and (x.shape[-1] == 1) == reading.grey and x.shape[-1] in (1, 3):
        reading = replace(reading, grey=None)
    pixels = x.dtype == np.uint8 and x.shape[-1] in (1, 3)
    if x.dtype != np.uint8:
        reading = replace(reading, invert=reading.invert and bool(reading.pad))
    if not replace(reading, depth="", channels=0).changes or not len(x):
        return x
    shaped: np.ndarray = np.empty(0)
    for i, image in enumerate(x):
        one = _shape_pixels(image, reading) if pixels else shape_deep(image, reading)
        if not i:
            check_room(len(x) * one.nbytes, f"an array of {len(x):,} images of "
                       f"{one.shape[0]}x{one.shape[1]} pixels")
        shaped = shaped if i else np.empty((len(x), *one.shape), x.dtype)
        shaped[i] = one
    return shaped


def _shape_pixels(image: np.ndarray, reading: Reading) -> np.ndarray:
    return shape_image(Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image),
                       reading)
