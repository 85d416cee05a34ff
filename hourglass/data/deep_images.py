"""Image files that Pillow does not read completely: more than 8 bits, or many channels."""

import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ..core.size_limits import check_swelling
from .crop_and_resize import shape_deep
from .image_options import GREY_MODES, Misfit, Reading
from .read_image import open_image, plain, shape_image

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")   # first bytes of TIFF files
PNG = b"\x89PNG\r\n\x1a\n"
NODATA = 42113                 # the TIFF tag of the value that means missing
ORIENTATION = 274
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    3: lambda x: np.rot90(x, 2), 6: lambda x: np.rot90(x, -1), 8: lambda x: np.rot90(x, 1)}
MOST = {"uint8": 255, "uint16": 65535, "float32": 1.0}   # the value of white


class ImageHeader(NamedTuple):
    """The content of an image's header."""

    height: int
    width: int
    channels: int
    depth: str          # the type that holds it: uint8, uint16 or float32
    special: bool       # whether Pillow would not read it completely
    lost: bool = False  # whether some of its bits cannot be read


def look(file: IO[bytes], formats: tuple[str, ...] | None = None, turn: bool = True,
         page: int = 0) -> ImageHeader:
    """Read the header of an image, or of one page of its file, in these formats of Pillow. Raises
    OSError and others. `turn` applies EXIF's rotation to the size; for a PNG, Pillow decodes it."""
    start = file.read(32)
    file.seek(0)
    if start[:4] in TIFF and (header := _look_at_tiff(file, page)):
        return header
    file.seek(0)
    with Image.open(file, formats=formats) as image:
        image.seek(page)
        turned = turn and image.getexif().get(0x0112, 1) >= 5
        height, width = (image.width, image.height) if turned else (image.height, image.width)
        depth = _depth_of_mode(image.mode)
        colour = start[:8] == PNG and image.mode not in GREY_MODES and start[24] == 16
        channels = 1 if image.mode in GREY_MODES else 3
        return ImageHeader(height, width, channels, depth, depth != "uint8", colour)


def _depth_of_mode(mode: str) -> str:
    return "float32" if mode == "F" else "uint16" if mode.startswith("I") else "uint8"


def _look_at_tiff(file: IO[bytes], number: int) -> ImageHeader | None:
    """The header of a TIFF that Pillow cannot read; None for others."""
    from tifffile import TiffFile, TiffFileError
    try:
        with TiffFile(file) as tiff:
            page: Any = tiff.pages[number]
            if page.dtype is None or _is_plain(page):
                return None
            turned = page.tags.valueof(ORIENTATION, 1) >= 5
            sides = (page.imagewidth, page.imagelength)
            height, width = sides if turned else sides[::-1]
            whole = page.dtype in (np.uint8, np.uint16) and page.tags.valueof(NODATA) is None
            return ImageHeader(height, width, page.samplesperpixel - len(_alpha(page)),
                               str(page.dtype) if whole else "float32", True)
    except (TiffFileError, struct.error, IndexError):
        return None


def _is_plain(page: Any) -> bool:
    """Whether Pillow reads a TIFF's page completely: 8 bits, grey or colour, perhaps alpha."""
    colours = page.samplesperpixel - len(_alpha(page))
    if page.bitspersample > 8 or page.dtype.kind not in "ub":
        return False
    return bool(colours == 1 or (int(page.photometric) in (2, 6, 8) and colours == 3)
                or (int(page.photometric) == 5 and colours == 4))


def _alpha(page: Any) -> tuple[int, ...]:
    """Indices of a TIFF's alpha channels: extra samples of type 1 and 2."""
    first = page.samplesperpixel - len(page.extrasamples)
    return tuple(first + i for i, kind in enumerate(page.extrasamples) if int(kind) in (1, 2))


def settle_depth(looks: list[ImageHeader], reading: Reading) -> tuple[Reading, list[str]]:
    """Set the depth and channels for all images, by the headers of some of them. Returns the
    reading and notes. Raises ValueError if their channels differ."""
    depths, channels = Counter(a.depth for a in looks), {a.channels for a in looks}
    depth = next((kind for kind in ("float32", "uint16") if kind in depths), "uint8")
    notes = [f"{name} images are read in the depth of others, {depth}: their white stays white; "
             f"{count} of {len(looks)} checked are such"
             for name, count in sorted(depths.items()) if name != depth]
    lost = sum(a.lost for a in looks)
    if lost:
        notes.append(f"16-bit colour PNGs are read in 8 bits ({lost} of {len(looks)} checked are "
                     f"such); TIFFs keep all 16")
    grey, special = reading.grey, channels - {1, 3} or any(
        a.special and a.depth == "uint8" and a.channels == 3 for a in looks)
    required = reading.channels or (max(channels) if special else 0)
    if required and channels - {required}:
        raise ValueError(f"the images have {' and '.join(map(str, sorted(channels)))} channels"
                         + (f", not {required}" if reading.channels else "; all need the same"))
    if required and grey is not None:
        raise ValueError(f"--grey and --no-grey are for images of 1 or 3 channels, and these have "
                         f"{required}")
    return replace(reading, depth="" if depth == "uint8" else depth, channels=required,
                   grey=grey if grey is not None or required else channels == {1}), notes


def read_whole(file: IO[bytes], reading: Reading, page: int = 0) -> np.ndarray:
    """Read the image in the file, or in one page of it, (H, W, C), in its own depth, shaped as
    `reading` says. Raises OSError and others."""
    header = look(file, turn=False, page=page)
    file.seek(0)
    if header.special or reading.channels or page:
        depth = "" if header.depth == "uint8" else header.depth
        return read_deep(file, replace(reading, depth=depth), page)
    return shape_image(open_image(file, reading), reading)


def read_deep(file: IO[bytes], reading: Reading, page: int = 0) -> np.ndarray:
    """Read the image in the file, or in one page of it, (H, W, C), as the type `reading.depth` in
    its own units, with the right size and channels. White stays white for images with fewer bits.
    Raises OSError and others."""
    start = file.read(4)
    file.seek(0)
    tiff = start in TIFF and look(file, turn=False, page=page).special
    file.seek(0)
    values = _read_tiff(file, page) if tiff else _read_plain(file, page)
    depth = reading.depth or "uint8"
    if values.dtype != depth and values.dtype.kind in "ui" and depth in MOST:
        share = MOST[depth] / MOST[str(values.dtype)]
        values = values * share if depth == "float32" else np.rint(values * share)
    if reading.channels and values.shape[-1] != reading.channels:
        raise Misfit(f"{values.shape[-1]} channels, not {reading.channels}")
    return shape_deep(values.astype(depth, copy=False), reading)


def _read_plain(file: IO[bytes], page: int) -> np.ndarray:
    with Image.open(file) as image:
        image.seek(page)
        if _depth_of_mode(image.mode) == "uint8":
            return np.atleast_3d(np.asarray(plain(image)))
        values = np.atleast_3d(np.asarray(ImageOps.exif_transpose(image)))
        return values if values.dtype == np.float32 else np.clip(values, 0, 65535).astype(np.uint16)


def _read_tiff(file: IO[bytes], number: int) -> np.ndarray:
    """Read a TIFF's page, (H, W, C), as uint8, uint16 or float32, with NaN for missing values."""
    from tifffile import TiffFile
    with TiffFile(file) as tiff:
        page: Any = tiff.pages[number]
        check_swelling(int(page.nbytes), tiff.filehandle.size, "it")
        values = page.asarray()
        if values.ndim == 3 and int(page.planarconfig) == 2 and page.samplesperpixel > 1:
            values = np.moveaxis(values, 0, -1)
        values = np.delete(np.atleast_3d(values), _alpha(page), axis=2)
        if int(page.photometric) == 0 and values.dtype.kind == "u":   # white is 0
            values = np.array(2**page.bitspersample - 1, values.dtype) - values
        missing = page.tags.valueof(NODATA)
        values = TURNS.get(page.tags.valueof(ORIENTATION, 1), lambda x: x)(values)
    if missing is None and values.dtype in (np.uint8, np.uint16):
        return np.asarray(values)
    pixels: np.ndarray = values.astype(np.float32)
    pixels[~np.isfinite(pixels)] = np.nan
    if missing is not None:
        pixels[values == float(str(missing).strip("\0 "))] = np.nan
    return pixels
