"""Images of any size, and patches of one size that are cut out of them on demand."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.contracts import Collection
from .memory_map import IN_MEMORY
from .on_demand import OnDemand

MOST = 64   # default limit of patches per image and epoch


class Pixels:
    """The values of many images, one after another, in memory or in a .npy file.

    A file is read, not mapped: see `memory_map.OnDisk`. Raises OSError for one that ends too soon.
    """

    def __init__(self, values: np.ndarray):
        self.dtype, self.nbytes, self.count = values.dtype, values.nbytes, len(values)
        self.held: np.ndarray | None = values
        if isinstance(values, np.memmap) and values.nbytes > IN_MEMORY:
            self.held, self.path, self.offset = None, Path(str(values.filename)), values.offset
            self.file = os.open(self.path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "file"):
            os.close(self.file)

    def read(self, start: int, count: int) -> np.ndarray:
        """Read `count` values from index `start` on."""
        if self.held is not None:
            return self.held[start:start + count]
        values = np.empty(count, self.dtype)
        place = self.offset + start * self.dtype.itemsize
        if os.preadv(self.file, [values.data.cast("B")], place) < values.nbytes:
            raise OSError(f"{self.path} ends before its value {start}; it was cut short")
        return values


@dataclass(frozen=True)
class Photos:
    """Images of any size (H, W, C), by number."""

    pixels: Pixels
    sizes: np.ndarray         # (N, 2) height and width of each
    channels: int
    names: tuple[str, ...]    # of each

    @property
    def starts(self) -> np.ndarray:
        """Index of the first value of each image, (N,)."""
        ends: np.ndarray = np.cumsum(self.sizes.prod(1) * self.channels)
        return ends - self.sizes.prod(1) * self.channels

    def whole(self, number: int) -> np.ndarray:
        """One image, (H, W, C)."""
        height, width = map(int, self.sizes[number])
        start = int(self.starts[number])
        return self.pixels.read(start, height * width * self.channels).reshape(
            height, width, self.channels)


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches (M, h, w, C) of images, used like an array. Each is cut out on demand. Images smaller
    than a patch are mirrored at their edges."""

    photos: Photos
    size: tuple[int, int]   # (h, w)
    owner: np.ndarray       # (M,) the number of each patch's image
    corners: np.ndarray     # (M, 2) its top and left position there
    starts: np.ndarray      # (N,) index of each image's first value
    anew: bool = False      # whether corners are random at each access, by torch's generator

    device = torch.device("cpu")
    ndim = 4

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def shape(self) -> tuple[int, ...]:
        """(M, h, w, C)."""
        return (len(self), *self.size, self.photos.channels)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.photos.pixels.dtype

    @property
    def nbytes(self) -> int:
        """Bytes that all patches would take."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    @property
    def names(self) -> tuple[str, ...]:
        """A name per patch: its image's, with top and left position if there are several."""
        several = np.bincount(self.owner, minlength=len(self.photos.names)) > 1
        return tuple(f"{self.photos.names[i]}@{top},{left}" if several[i] else self.photos.names[i]
                     for i, (top, left) in zip(self.owner, self.corners.tolist(), strict=True))

    def __getitem__(self, which: Any) -> np.ndarray:
        rows = np.arange(len(self))[which]
        return self._cut(int(rows)) if np.ndim(rows) == 0 else self._cut_all(rows)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """The patches at these indices (B,), in their order, as a tensor."""
        return torch.from_numpy(self._cut_all(index.numpy()))

    def max(self, initial: float = 0) -> float:
        """The largest value in the images."""
        return float(max((self.photos.whole(i).max(initial=initial)
                          for i in np.unique(self.owner)), default=initial))

    def _cut_all(self, rows: np.ndarray) -> np.ndarray:
        patches = np.empty((len(rows), *self.shape[1:]), self.dtype)
        shares = torch.rand(len(rows), 2).tolist() if self.anew else [None] * len(rows)
        for place, (row, share) in enumerate(zip(rows.tolist(), shares, strict=True)):
            patches[place] = self._cut(row, share)
        return patches

    def _cut(self, row: int, share: Sequence[float] | None = None) -> np.ndarray:
        number, channels = int(self.owner[row]), self.photos.channels
        height, width = map(int, self.photos.sizes[number])
        (h, w), (top, left) = self.size, map(int, self.corners[row])
        if share is not None:
            top, left = (int(s * max(1, 1 + whole - part)) for s, whole, part in
                         zip(share, (height, width), (h, w), strict=True))
        tall, wide = min(h, height), min(w, width)
        start, pixels = int(self.starts[number]), self.photos.pixels
        if pixels.held is not None:
            image = pixels.read(start, height * width * channels).reshape(height, width, channels)
            cut = image[top:top + tall, left:left + wide]
        else:   # only the rows needed
            rows = [pixels.read(start + (i * width + left) * channels, wide * channels)
                    for i in range(top, top + tall)]
            cut = np.stack(rows).reshape(tall, wide, channels)
        if (tall, wide) != (h, w):
            cut = np.pad(cut, [(0, h - tall), (0, w - wide), (0, 0)], mode="symmetric")
        return cut

    def with_values(self, values: np.ndarray) -> "Patches":
        """The same patches of images with other values (all,)."""
        return replace(self, photos=replace(self.photos, pixels=Pixels(values)))

    def drawn_anew(self) -> "Patches":
        """The same patches with random corners at each access."""
        return replace(self, anew=True)

    def of(self, numbers: Any) -> "Patches":
        """One patch, the middle one, of each image with these numbers."""
        numbers = np.asarray(numbers, np.int64)
        spare = (self.photos.sizes[numbers] - self.size).clip(0)
        return replace(self, owner=numbers, corners=spare // 2)

    def spread(self, numbers: np.ndarray, each: int, seed: int) -> "Patches":
        """Random patches of each of these images, fixed by the seed. `each` counts them; 0 means
        enough to cover the image, at most MOST."""
        areas = self.photos.sizes[numbers].prod(1) / np.prod(self.size)
        counts = np.full(len(numbers), each) if each else np.ceil(areas).clip(1, MOST).astype(int)
        owner = np.repeat(numbers, counts)
        room = (self.photos.sizes[owner] - self.size).clip(0) + 1
        shares = np.random.default_rng([seed, 64]).random((len(owner), 2))
        return replace(self, owner=owner, corners=(shares * room).astype(np.int64))

    def covering(self) -> "Patches":
        """Patches side by side that cover every pixel of these images."""
        numbers = np.unique(self.owner)
        grids = [list(product(*(_side_by_side(int(whole), part) for whole, part in
                                zip(self.photos.sizes[number], self.size, strict=True))))
                 for number in numbers]
        owner = np.repeat(numbers, [len(corners) for corners in grids])
        return replace(self, owner=owner, corners=np.concatenate(grids).astype(np.int64))


def _side_by_side(whole: int, part: int) -> list[int]:
    """Positions of parts that cover the whole; the last part ends at its end."""
    return [*range(0, whole - part, part), max(0, whole - part)]


def patches_of(
    values: np.ndarray, sizes: np.ndarray, channels: int, names: tuple[str, ...],
    size: tuple[int, int],
) -> Patches:
    """One patch per image, from images whose values (all,) follow one another."""
    photos = Photos(Pixels(values), sizes, channels, names)
    empty = Patches(photos, size, np.empty(0, np.int64), np.empty((0, 2), np.int64), photos.starts)
    return empty.of(np.arange(len(names)))


def as_patches(x: Any) -> Patches | None:
    """The samples if they are patches of larger images; None for an array."""
    return x if isinstance(x, Patches) else None


def of_rows(x: Any, rows: Any) -> Any:
    """The samples at these rows, or all unchanged, so that they may stay on disk. For patches, one
    per image at these rows."""
    if np.array_equal(rows, np.arange(len(x))):
        return x
    if isinstance(x, OnDemand) and (np.diff(rows) > 0).all():
        return x.of(rows)
    return x.of(x.owner[rows]) if isinstance(x, Patches) else x[rows]


def all_pixels(collection: Collection) -> Collection:
    """A collection that covers every pixel of the patches' images."""
    x, encoder_input = as_patches(collection.x), as_patches(collection.encoder_input)
    if x is None:
        return collection
    values: Any = x.covering()
    together: Any = None if encoder_input is None else encoder_input.covering()
    return replace(collection, x=values, encoder_input=together)


def in_patches(collection: Collection, size: tuple[int, ...], each: int | None) -> Collection:
    """Convert images (N, H, W, C) to one patch per image. Raises ValueError for other samples."""
    if as_patches(collection.x) is not None:
        return collection
    if collection.x.ndim != 4 or collection.encoder_input is not None:
        raise ValueError("patches are cut out of images, and these samples are not images; leave "
                         "--patches out")
    x = np.ascontiguousarray(collection.x)
    sizes = np.full((len(x), 2), x.shape[1:3], np.int64)
    names = collection.names or tuple(map(str, range(len(x))))
    values: Any = patches_of(x.reshape(-1), sizes, x.shape[-1], names, (size[0], size[1]))
    identity = {**collection.identity, "patches": "x".join(map(str, size)), "each": str(each or 0)}
    if "digest" not in identity:
        identity["digest"] = hashlib.sha256(x.tobytes()).hexdigest()
    return replace(collection, x=values, names=names, identity=identity)


def spread(
    collection: Collection, splits: dict[str, np.ndarray], each: int, seed: int
) -> tuple[Collection, dict[str, np.ndarray]]:
    """Convert one patch per image to many, where all patches of an image are in the same split.
    Returns the indices of each split too."""
    x, encoder_input = as_patches(collection.x), as_patches(collection.encoder_input)
    assert x is not None
    many = x.spread(x.owner, each, seed)
    row = np.empty(len(x.photos.names), np.int64)
    row[x.owner] = np.arange(len(x))
    rows = row[many.owner]
    together: Any = None
    if encoder_input is not None:
        together = replace(encoder_input, owner=encoder_input.owner[rows], corners=many.corners)
    inside = {name: np.flatnonzero(np.isin(rows, index)) for name, index in splits.items()}
    note = (f"{len(x):,} images are read as {len(many):,} patches of "
            f"{'x'.join(map(str, x.size))} pixels, whose positions are random at each step" + (
                "" if encoder_input is None else ", except for pairs"))
    values: Any = many
    small = int((x.photos.sizes[x.owner] < x.size).any(1).sum())
    mirrored = [f"{small:,} of these images are smaller, and are mirrored at their edges"]
    return replace(collection, x=values, encoder_input=together, names=many.names, captions=(),
                   notes=[*collection.notes, note, *(mirrored if small else [])],
                   y=None if collection.y is None else collection.y[rows]), inside


def tiles_of(collection: Collection) -> Collection:
    """Convert one patch per image to tiles that cover the images. Returns a plain array if each
    image is one tile."""
    x = as_patches(collection.x)
    if x is None:
        return collection
    tiles = x.covering()
    row = np.empty(len(x.photos.names), np.int64)
    row[x.owner] = np.arange(len(x))
    rows = row[tiles.owner]
    notes = [f"{len(x):,} images are read as {len(tiles):,} tiles of "
             f"{'x'.join(map(str, x.size))} pixels, as the model was trained on patches"]
    parts = {name: np.flatnonzero(np.isin(rows, index)) for name, index in collection.parts.items()}
    values: Any = tiles[:] if len(tiles) == len(np.unique(tiles.owner)) else tiles
    return replace(collection, x=values, names=tiles.names, captions=(),
                   y=None if collection.y is None else collection.y[rows], parts=parts,
                   notes=[*collection.notes, *(notes if len(tiles) > len(x) else [])])
