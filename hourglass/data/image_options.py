"""How images are read: their size, colours, depth and range."""

import re
from dataclasses import dataclass
from typing import Any

from ..core.hints import Fit

GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"}
LARGEST_SIDE = 4096
UNSEEN = ("strict", "lenient", "store", "strays", "range", "as_stored")   # change no image
LATER = ("depth", "channels")
CHOICES: dict[str, Any] = {   # options that select images, with their defaults
    "include": "", "exclude": "", "label_depth": None, "pages": False, "patches": "",
    "patches_each": None}


class Misfit(ValueError):
    """Raised if a valid image cannot be shaped as the options say."""


@dataclass(frozen=True)
class Reading:
    """Options for reading images to one size and number of channels, in the order of use."""

    crop: str = ""           # centre crop, "148" or "148x120" (height x width)
    grey: bool | None = None  # None: unchanged
    invert: bool = False
    size: str = ""           # resize, "64" or "64x48" (height x width)
    fit: Fit = "crop"        # resize mode for other aspect ratios
    pad: str = ""            # centre on a black canvas, "32" or "32x32"

    strict: bool = False     # stop at the first unreadable file
    lenient: bool = False    # accept any number of unreadable files
    strays: bool = False     # keep images outside the folders of classes, with class ""
    store: str = ""          # a .npy file for the decoded images

    patches: str = ""        # patches of this size are samples, such as "64" or "64x48"
    patches_each: int | None = None   # patches per image and epoch; None: enough to cover it
    include: str = ""        # patterns of names, separated by commas, such as "*.png"; "": all
    exclude: str = ""        # patterns of names to leave out
    label_depth: int | None = None   # folder levels in a class's name; None: by rule
    pages: bool = False      # whether each page of a file is a sample, or only the first

    range: str = ""          # value range, such as "0,4095", or "none"; "": found from the data
    depth: str = ""          # the type of decoded images, "uint16" or "float32"; "": uint8
    channels: int = 0        # for images that are neither grey nor colour
    as_stored: bool = False  # whether arrays keep their type, as a trained model scales them

    @property
    def changes(self) -> bool:
        """Whether any option changes an image."""
        return {**self.manner, **CHOICES} != {**Reading().manner, **CHOICES}

    @property
    def manner(self) -> dict[str, Any]:
        """The options that determine the samples, by name. Options that 8-bit images do not need
        are included only if they are set, because older files lack them."""
        return {k: v for k, v in vars(self).items() if k not in UNSEEN and (k not in LATER or v)
                and (k not in CHOICES or v != CHOICES[k])}


def read_size(text: str, name: str) -> tuple[int, int]:
    """Convert "64" or "64x48" to (height, width) in pixels."""
    match = re.fullmatch(r"(\d{1,5})(?:[x,](\d{1,5}))?", text.strip())
    height, width = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
        raise ValueError(f"{name} must be pixels such as 64, or height x width such as 64x48, "
                         f"up to {LARGEST_SIDE}; not {text!r}")
    return height, width
