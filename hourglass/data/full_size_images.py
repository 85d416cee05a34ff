"""Decode images at their own size, for patches: in memory, or once into a file of the cache."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..core.console import say
from ..core.files import check_space, open_part, read_file, write_whole
from .decoded_cache import write_header
from .fetch import cache_folder
from .find_images import Files
from .memory_map import IN_MEMORY
from .patches import Patches, patches_of
from .read_image import Reading, read_size

Decoded = Iterable[tuple[str, np.ndarray | str]]   # name, and image (H, W, C) or error


def read_patches(
    files: Files, reading: Reading, sizes: dict[str, int], decoded: Decoded
) -> tuple[Patches, dict[str, str]]:
    """One patch, of the size in `reading`, of each readable image, and the errors of others.
    `sizes` counts some images by size, such as {"300x451": 7}.

    Raises ValueError if the disk has no room for images that do not fit in memory.
    """
    patch, depth = read_size(reading.patches, "patches"), reading.depth or "uint8"
    channels = reading.channels or (1 if reading.grey else 3)
    areas = [int(np.prod(read_size(reading.size or size, "size"))) * count
             for size, count in sizes.items()]
    expected = len(files.sizes) * channels * sum(areas) // max(1, sum(sizes.values())) * np.dtype(
        depth).itemsize
    unreadable: dict[str, str] = {}
    if expected > IN_MEMORY:
        values, shapes, names = _in_file(files, reading, expected, decoded, unreadable)
    else:
        kept = [(name, image) for name, image in _readable(decoded, unreadable)]
        values = np.concatenate([image.reshape(-1) for _, image in kept] or [np.empty(0, depth)])
        shapes, names = [image.shape[:2] for _, image in kept], [name for name, _ in kept]
    extents = np.array(shapes, np.int64).reshape(-1, 2)
    return patches_of(values, extents, channels, tuple(names), patch), unreadable


def _readable(decoded: Decoded, unreadable: dict[str, str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the readable images. Errors of others are added to `unreadable`."""
    for name, image in decoded:
        if isinstance(image, str):
            unreadable[name] = image
        else:
            yield name, image


def _in_file(
    files: Files, reading: Reading, expected: int, decoded: Decoded, unreadable: dict[str, str]
) -> tuple[np.ndarray, list[Any], list[str]]:
    """Values, sizes and names of the images in a file of the cache, which is written if needed."""
    manner = {k: v for k, v in reading.manner.items() if k not in ("patches", "patches_each")}
    key = hashlib.sha256(json.dumps([str(Path(files.place).resolve()), files.digest, manner])
                         .encode()).hexdigest()[:24]
    place = cache_folder() / "decoded" / f"photos-{key}.npy"
    beside = place.with_suffix(".json")
    if not (place.is_file() and beside.is_file()):
        say(f"{len(files.sizes):,} images are many: they are decoded once, into {place}")
        place.parent.mkdir(parents=True, exist_ok=True)
        check_space(place.parent, expected + 2**20)
        part = place.with_name(f"{place.name}.{os.getpid()}.part")
        with open_part(part) as file:
            file.truncate(0)
            index = _written(file, reading.depth or "uint8", decoded, unreadable)
        os.replace(part, place)
        write_whole(beside, json.dumps({**index, "unreadable": unreadable}))
    try:
        index = json.loads(read_file(beside))
        unreadable.update(index["unreadable"])
        return np.load(place, mmap_mode="r", allow_pickle=False), index["sizes"], index["names"]
    except (OSError, ValueError, EOFError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{place} or {beside.name} is damaged. Delete both; they are then made "
                         f"again") from None


def _written(
    file: IO[bytes], depth: str, decoded: Decoded, unreadable: dict[str, str]
) -> dict[str, list[Any]]:
    write_header(file, (0,), depth)
    sizes, names, total = [], [], 0
    for name, image in _readable(decoded, unreadable):
        file.write(np.ascontiguousarray(image).data)
        sizes.append(list(image.shape[:2]))
        names.append(name)
        total += image.size
    write_header(file, (total,), depth)
    return {"sizes": sizes, "names": names}
