"""Images at their own size, decoded one by one when they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from ..core.console import say, track
from .find_images import opened
from .folders import numbered
from .image_options import Reading
from .read_image import CUT, open_image, plain
from .sources.read_image_folder import in_words, samples_of

AS_THEY_ARE = Reading(strays=True)
KINDS = "a folder, an archive, a file, an array (N, H, W) or (N, H, W, C), or a list of images"


@dataclass(frozen=True)
class LazyImages:
    """Images (H, W, C) of any sizes, of 8 bits or of floats in [0, 1], by number. Each is decoded
    when it is asked for."""

    names: tuple[str, ...]
    decode: Callable[[int], np.ndarray]
    classes: tuple[str, ...] = ()
    y: np.ndarray | None = None     # (N,) numbers of classes
    splits: dict[str, np.ndarray] | None = None   # rows of the splits that folders name
    place: str = ""                 # the folder or archive of the files

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> np.ndarray:
        if not 0 <= row < len(self.names):
            raise IndexError(row)
        return self.decode(row)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def some(self, rows: Sequence[int] | np.ndarray) -> "LazyImages":
        """The images of these rows."""
        rows = [int(row) for row in rows]
        return replace(self, names=tuple(self.names[row] for row in rows), splits=None,
                       decode=lambda i: self.decode(rows[i]),
                       y=None if self.y is None else self.y[rows])

    def readable(self, what: str) -> "LazyImages":
        """The images that can be decoded; others get a note. Raises ValueError if none can."""
        wrong = {}
        for row in track(range(len(self)), len(self), f"reading {what}"):
            try:
                self.decode(row)
            except UnreadableImage as error:
                wrong[row] = str(error)
        if len(wrong) == len(self):
            raise ValueError(f"none of the images in {self.place or what} can be read: "
                             f"{next(iter(wrong.values()), 'there are none')}")
        if wrong:
            say(f"{len(wrong)} of {len(self)} images in {self.place or what} cannot be read and "
                f"are left out, such as {next(iter(wrong.values()))}")
        return self.some([row for row in range(len(self)) if row not in wrong]) if wrong else self

    def decoded(self, what: str, note: str) -> Iterator[tuple[int, np.ndarray | None]]:
        """Each row with its image, with a progress bar named `what`. An unreadable image is None,
        and `note` is said of it."""
        for row in track(range(len(self)), len(self), what):
            try:
                image = self.decode(row)
            except UnreadableImage as error:
                say(f"{error} {note}")
                yield row, None
            else:
                yield row, image


class UnreadableImage(Exception):
    """Raised for a file that cannot be read as an image."""


def open_photos(data: Any, stack: ExitStack) -> LazyImages:
    """The images of a folder, an archive or a file, while the stack is open, of an array (N, H, W)
    or (N, H, W, C), or of a list of images of any sizes. Masks of defects among the files are no
    samples. Raises ValueError."""
    if isinstance(data, LazyImages):
        return data
    if not isinstance(data, str | Path):
        return _of_array(data)
    files = samples_of(stack.enter_context(opened(data)), AS_THEY_ARE)
    for note in files.notes:
        say(note)
    names = tuple(files.sizes)
    deep: list[str] = []   # the first image of more bits, once it is found
    if not names:
        raise ValueError(f"{data} holds no images")

    def decode(row: int) -> np.ndarray:
        try:
            with files.open(names[row]) as file:
                image = open_image(file)
        except Exception as error:   # Pillow raises many kinds for a broken file
            raise UnreadableImage(f"{names[row]} ({in_words(error)})") from None
        if image.info.get(CUT) and not deep:
            deep.append(names[row])
            say(f"images of more than 8 bits, such as {names[row]}, are looked at with their upper "
                f"8 bits")
        return pixels_of(image)
    classes, y, splits = numbered(names, files.labels, files.splits)
    return LazyImages(names, decode, classes, y, splits, str(data))


def read_photo(file: IO[bytes]) -> np.ndarray:
    """The image in a file as 8 bits (H, W, C), at its own size. Raises OSError and others."""
    return pixels_of(open_image(file))


def pixels_of(image: Image.Image) -> np.ndarray:
    """An opened image as 8 bits (H, W, C)."""
    return np.atleast_3d(np.asarray(image, np.uint8))


def _of_array(data: Any) -> LazyImages:
    """Images in memory: an array, or a list of arrays or pictures."""
    values = [_of_one(one) for one in data] if isinstance(data, list | tuple) else np.asarray(data)
    if isinstance(values, np.ndarray):
        values = values[..., None] if values.ndim == 3 else values
        if values.ndim != 4 or values.dtype == object:
            raise ValueError(f"images are {KINDS}, not {type(data).__name__} of shape "
                             f"{values.shape}")
    if not len(values):
        raise ValueError("there are no images: the array or list is empty")
    return LazyImages(tuple(f"{i:05}" for i in range(len(values))), lambda row: values[row])


def _of_one(image: Any) -> np.ndarray:
    """An image of a list as (H, W, C). Raises ValueError."""
    if isinstance(image, str | Path):
        raise ValueError("a list holds images, not paths of files; pass their folder, or open them "
                         "with PIL.Image.open")
    values = np.asarray(plain(image) if isinstance(image, Image.Image) else image)
    if values.ndim not in (2, 3) or values.dtype == object:
        raise ValueError(f"images in a list are (H, W) or (H, W, C), and one has shape "
                         f"{values.shape}; images are {KINDS}")
    return np.atleast_3d(values)
