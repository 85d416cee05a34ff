"""One image file to one uint8 array: every mode Pillow reads, cropped, sized and padded."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np
from PIL import Image, ImageOps

from ..spec import Fit

GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"}
LARGEST_SIDE = 4096


@dataclass(frozen=True)
class Reading:
    """How images are read, and brought to one size and number of channels, in the order given."""

    crop: str = ""           # centre crop, "148" or "148x120" (height x width)
    grey: bool | None = None  # None: as the source is
    invert: bool = False
    size: str = ""           # resize, "64" or "64x48" (height x width)
    fit: Fit = "crop"        # how another aspect comes to `size`
    pad: str = ""            # centre on a black canvas, "32" or "32x32"

    strict: bool = False     # stop at the first unreadable file
    lenient: bool = False    # go on however many files are unreadable
    store: str = ""          # a .npy file in which decoded images are kept

    @property
    def changes(self) -> bool:
        """Whether an image differs from what the source holds."""
        return self.manner != Reading().manner

    @property
    def manner(self) -> dict[str, Any]:
        """What makes an image what it is, by name."""
        return {k: v for k, v in vars(self).items() if k not in ("strict", "lenient", "store")}


def read_size(text: str, name: str) -> tuple[int, int]:
    """"64" or "64x48" as (height, width) in pixels."""
    found = re.fullmatch(r"(\d{1,5})(?:[x,](\d{1,5}))?", text.strip())
    height, width = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
        raise ValueError(f"{name} must be pixels such as 64, or height x width such as 64x48, "
                         f"up to {LARGEST_SIDE}; not {text!r}")
    return height, width


def open_image(file: str | IO[bytes], reading: Reading | None = None) -> Image.Image:
    """The image in the file, turned as its EXIF says, in mode L or RGB; raises OSError and others.

    Transparent pixels are laid on white; 16-bit grey keeps its upper 8 bits. A JPEG that `reading`
    makes much smaller is decoded at a half, a quarter or an eighth, at least twice that size.
    """
    with Image.open(file) as image:
        return plain(image, reading)


def plain(image: Image.Image, reading: Reading | None = None) -> Image.Image:
    """An image that was opened but not yet decoded, as `open_image` gives it."""
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
    values = np.asarray(image)
    if image.mode == "F" and values.max(initial=0) <= 1:
        values = values * 255
    elif values.max(initial=0) > 255:   # 16 bits, whatever Pillow's mode calls itself
        values = values / 257
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def shape_image(image: Image.Image, reading: Reading) -> np.ndarray:
    """The image in mode L or RGB as uint8 (H, W, C), as `reading` wants it."""
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
            raise ValueError(f"pad {reading.pad} is smaller than an image of "
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
    """Images (N, H, W, C) as `reading` wants them; only 8-bit images can be changed. What is so
    already is not touched, so that it may stay on disk."""
    kept = x.ndim == 4 and not reading.crop
    if reading.size and kept and read_size(reading.size, "size") == x.shape[1:3]:
        reading = replace(reading, size="")
    if reading.grey is not None and x.ndim == 4 and (x.shape[-1] == 1) == reading.grey:
        reading = replace(reading, grey=None)
    if not reading.changes or not len(x):
        return x
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[-1] not in (1, 3):
        raise ValueError(f"size, crop, pad, grey and invert are for 8-bit grey or colour images; "
                         f"this data is {x.dtype} of shape {x.shape[1:]}")
    shaped: np.ndarray = np.empty(0)
    for i, image in enumerate(x):
        plain = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
        one = shape_image(plain, reading)
        shaped = shaped if i else np.empty((len(x), *one.shape), np.uint8)
        shaped[i] = one
    return shaped
