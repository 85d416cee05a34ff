"""Uploaded images to arrays: known formats only, nothing decoded before its size is known."""

import asyncio
import io
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np
from fastapi import Request
from PIL import Image, UnidentifiedImageError

from ..core.contracts import Collection
from ..core.hints import did_you_mean
from ..data.deep_images import ImageHeader, look, read_whole
from ..data.image_options import Misfit
from ..data.photos import read_photo
from ..data.read_image import Reading
from ..inference.any_size import changes
from ..inference.trained import Trained
from .errors import Refusal
from .limits import Limits
from .multipart import MULTIPART, read_parts

# Pillow's names for what data/files.py reads, but TGA, which any bytes can pass for
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000")
LONGEST_NAME = 80


@dataclass(frozen=True)
class UploadedSamples:
    """What was sent to be worked on."""

    x: np.ndarray                     # (N, H, W, C) or (N, D), in the data's range
    y: list[str] | None = None        # N classes by name, for conditional models
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()       # what is odd about them
    collection: Collection | None = None   # rows and windows as they were sent


@dataclass(frozen=True)
class SizedImages:
    """Images of sizes of their own, (H, W, C), in the model's range."""

    images: list[np.ndarray]
    y: list[str] | None
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upload:
    """The form's content, not yet decoded."""

    files: list[tuple[str, bytes]]    # names, made harmless, and contents
    classes: list[str]


async def read_form(request: Request, limits: Limits, conditional: bool) -> Upload:
    """The images and classes of a multipart form; raises Refusal."""
    check_type(request, MULTIPART)
    known = ["images", "classes"] if conditional else ["images"]
    parts = await read_parts(request, limits.files * len(known))
    strange = next((part.name for part in parts if part.name not in known), None)
    if strange is not None:
        raise Refusal(422, f"there is no field {strange!r}; {did_you_mean(strange, known)}")
    files = [(safe_name(part.filename), bytes(part.content)) for part in parts
             if part.name == "images"]
    if not 1 <= len(files) <= limits.files:
        raise Refusal(422, f"send from 1 to {limits.files} images, in fields named images, as in "
                           f"curl -F images=@a.png; not {len(files)}")
    return Upload(files, [part.content.decode(errors="replace") for part in parts
                          if part.name == "classes"])


def check_type(request: Request, media_type: str) -> None:
    """Raises Refusal for a body of another content type."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != media_type:
        raise Refusal(415, f"{request.url.path} takes {media_type}, not "
                           f"{content_type or 'an unnamed type'}")


def safe_name(name: str) -> str:
    """A client's file name: no folders, nothing but plain characters."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return re.sub(r"[^\w.-]+", "_", last, flags=re.ASCII).strip("._")[-LONGEST_NAME:] or "image"


def _answered(upload: Upload) -> tuple[str, ...]:
    """The images' names in an answer, which is of PNGs."""
    return tuple(f"{PurePosixPath(name).stem}.png" for name, _ in upload.files)


@dataclass(frozen=True)
class PixelBudget:
    """How many pixels there is room for."""

    each: int                # of one image
    together: int            # of all images of a request
    side: tuple[int, ...]    # (height, width) to which smaller images are filled up

    def taken(self, height: int, width: int) -> int:
        """The pixels that an image will have, by its header."""
        return max(height, self.side[0]) * max(width, self.side[1])


@dataclass(frozen=True)
class DecodedImage:
    """An image of a request."""

    image: np.ndarray        # (H, W, C)
    header: ImageHeader      # its file's size and channels
    pixels: int              # that it takes of the room


def decode(
    files: list[tuple[str, bytes]], room: PixelBudget, reading: Reading | None
) -> list[DecodedImage]:
    """The images in their own bit depth, read as `reading` says, or without it as photographs of 8
    bits, as `hourglass detect` reads them. Raises Refusal for a file that is
    not an image, is damaged, or has more pixels than there is room for."""
    images, left = [], room.together
    for name, content in files:
        if not content:
            raise Refusal(422, f"{name} is empty")
        image = _decoded(name, content, replace(room, each=min(room.each, left)), reading)
        left -= image.pixels
        images.append(image)
    return images


def _decoded(
    name: str, content: bytes, room: PixelBudget, reading: Reading | None
) -> DecodedImage:
    most, file = room.each, io.BytesIO(content)
    try:
        header = look(file, FORMATS, turn=False)
        pixels = room.taken(header.height, header.width) * max(1, header.channels // 4)
        if pixels > most:
            raise Refusal(413, f"{name} has {pixels:,} pixels, where {most:,} are left to "
                               f"this request; make it smaller, or send fewer at once")
        image = read_photo(file) if reading is None else read_whole(file, reading)
        return DecodedImage(image, header, pixels)
    except (Refusal, MemoryError):
        raise
    except Misfit as error:
        raise Refusal(422, f"{name}: {error}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refusal(413, f"{name} has far more pixels than the {most:,} that are taken") from None
    except UnidentifiedImageError:
        raise Refusal(415, f"{name} is not an image of a known format; send "
                           f"{', '.join(FORMATS)}") from None
    except Exception:   # Pillow raises many kinds for a broken file
        raise Refusal(422, f"{name} is cut short or damaged") from None


def scaled(model: Trained, image: np.ndarray) -> np.ndarray:
    """An image (H, W, C) as the model sees it, float32; raises ValueError where it cannot be."""
    seen = model.inputs.in_units(Collection(image[None]), Reading()).x
    eight = 1 / 255 if model.description.bounded else model.description.factor   # where 255 is 1
    return np.asarray((seen * np.float32(eight) if seen.dtype == np.uint8 else seen)[0])


def check_classes(model: Trained, names: list[str], count: int) -> list[str] | None:
    """One class per sample, from one for all or one each, for conditional models. None for others,
    and for models that predict classes if none is sent. Raises Refusal."""
    if model.model.condition is None or (model.model.guesses_classes and not names):
        return None
    if len(names) not in (1, count):
        raise Refusal(422, f"this model is conditional: send one class for all or one each, not "
                           f"{len(names)} for {count}, of {', '.join(model.classes[:12])}")
    model.number(names, len(names))   # raises ValueError for one that there is not
    return names * count if len(names) == 1 else names


def _changes(images: list[DecodedImage], shape: tuple[int, ...]) -> list[str]:
    """Notes on images that were resized or became grey for a model of this shape (C, H, W)."""
    sizes = dict.fromkeys(f"{image.header.height}x{image.header.width}" for image in images)
    grey = shape[0] == 1 and any(image.header.channels == 3 for image in images)
    return changes(None, dict.fromkeys(sizes, 1), shape, grey)


def image_intake(
    model: Trained, limits: Limits, hands: ThreadPoolExecutor
) -> Callable[[Request], Awaitable[UploadedSamples]]:
    """Reads a form's images as the model's training images were read."""
    reading = replace(model.description.reading, strict=True)
    shape = (*model.shape[1:], model.shape[0])
    room = PixelBudget(limits.pixels, limits.together, model.shape[1:])
    any_size = (", because it was trained on patches; /restore takes any size" if reading.patches
                else "")

    def read(upload: Upload) -> tuple[np.ndarray, tuple[str, ...]]:
        images = decode(upload.files, room, reading)
        for (name, _), decoded in zip(upload.files, images, strict=True):
            if decoded.image.shape != shape:
                raise Refusal(422, f"{name} comes to {decoded.image.shape}, and this model takes "
                                   f"{shape} (height, width, channels){any_size}")
        with model.inputs.listening() as notes:
            x = np.stack([scaled(model, decoded.image) for decoded in images])
            return x, (*_changes(images, model.shape), *notes)

    async def take(request: Request) -> UploadedSamples:
        upload = await read_form(request, limits, model.model.condition is not None)
        y = check_classes(model, upload.classes, len(upload.files))
        x, notes = await asyncio.get_running_loop().run_in_executor(hands, read, upload)
        return UploadedSamples(x, y, _answered(upload), notes)
    return take


def sized_intake(
    model: Trained, limits: Limits, hands: ThreadPoolExecutor
) -> Callable[[Request], Awaitable[SizedImages]]:
    """Reads a form's images at sizes of their own, but in the colours of training."""
    reading = model.inputs.colours
    room = PixelBudget(min(limits.pixels, limits.restored), limits.restored, model.shape[1:])

    def read(upload: Upload) -> tuple[list[np.ndarray], tuple[str, ...]]:
        with model.inputs.listening() as notes:
            return [scaled(model, decoded.image)
                    for decoded in decode(upload.files, room, reading)], tuple(notes)

    async def take(request: Request) -> SizedImages:
        upload = await read_form(request, limits, model.model.condition is not None)
        y = check_classes(model, upload.classes, len(upload.files))
        images, notes = await asyncio.get_running_loop().run_in_executor(hands, read, upload)
        return SizedImages(images, y, _answered(upload), notes)
    return take


def photo_intake(
    limits: Limits, hands: ThreadPoolExecutor
) -> Callable[[Request], Awaitable[SizedImages]]:
    """Reads a form's images at their own sizes, for a detector without a model."""
    room = PixelBudget(limits.pixels, limits.together, (1, 1))

    def read(upload: Upload) -> list[np.ndarray]:
        return [decoded.image for decoded in decode(upload.files, room, None)]

    async def take(request: Request) -> SizedImages:
        upload = await read_form(request, limits, False)
        images = await asyncio.get_running_loop().run_in_executor(hands, read, upload)
        return SizedImages(images, None, _answered(upload))
    return take
