"""How images are read: their size, colours, depth and range."""

import re
from dataclasses import dataclass
from typing import Any

from ..core.hints import Fit

GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"}
LARGEST_SIDE = 4096
UNSEEN = ("strict", "lenient", "store", "strays", "range", "as_stored")   # what changes no image
LATER = ("depth", "channels")
CHOICES: dict[str, Any] = {   # of a reading: which images it is of, if nothing is said
    "include": "", "exclude": "", "label_depth": None, "pages": False, "patches": "",
    "patches_each": None}


class Misfit(ValueError):
    """What is asked for cannot be made of an image, although it is whole."""


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
    strays: bool = False     # keep images beside the folders of classes, as of class ""
    store: str = ""          # a .npy file in which decoded images are kept

    patches: str = ""        # patches of this size are samples, such as "64" or "64x48"
    patches_each: int | None = None   # so many of each image in an epoch; None is what covers it
    include: str = ""        # patterns of names, with commas, such as "*.png"; "" is all
    exclude: str = ""        # patterns of names that are left out
    label_depth: int | None = None   # how many folders name the class; None is by rule
    pages: bool = False      # whether each page of a file is a sample, or the first alone

    range: str = ""          # the least and greatest value, "0,4095", or "none"; else from the data
    depth: str = ""          # the type of decoded images, "uint16" or "float32"; "" is uint8
    channels: int = 0        # of an image that is neither grey nor colour
    as_stored: bool = False  # whether arrays keep their type, for a model knows what it means

    @property
    def changes(self) -> bool:
        """Whether an image differs from what the source holds."""
        return {**self.manner, **CHOICES} != {**Reading().manner, **CHOICES}

    @property
    def manner(self) -> dict[str, Any]:
        """What makes an image what it is, by name; what is not for 8-bit images, where it says
        something, for others may have been written before there was such a thing; and which are
        chosen, if not all."""
        return {k: v for k, v in vars(self).items() if k not in UNSEEN and (k not in LATER or v)
                and (k not in CHOICES or v != CHOICES[k])}


def read_size(text: str, name: str) -> tuple[int, int]:
    """"64" or "64x48" as (height, width) in pixels."""
    found = re.fullmatch(r"(\d{1,5})(?:[x,](\d{1,5}))?", text.strip())
    height, width = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
        raise ValueError(f"{name} must be pixels such as 64, or height x width such as 64x48, "
                         f"up to {LARGEST_SIDE}; not {text!r}")
    return height, width
