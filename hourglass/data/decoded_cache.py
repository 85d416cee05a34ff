"""Decoded images on disk: a .npy file (N, H, W, C) with a manifest next to it."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..core.console import say
from ..core.contracts import Collection
from ..core.files import check_space, lock, open_part, read_file, write_whole

TOGETHER = 500   # images between two updates of the manifest
KINDS = {"source": str, "digest": str, "reading": dict, "total": int, "done": int,
         "unreadable": dict, "collection": dict}   # of a manifest's values
Decode = Callable[[int], Iterable[tuple[str, np.ndarray | str]]]   # name, and image or error


@dataclass
class Manifest:
    """The content of a .npy file of images, and the progress of writing it."""

    source: str                                                # where the images are from
    digest: str                                                # of their names and sizes
    reading: dict[str, Any]                                    # how they were read
    total: int                                                 # number of images
    done: int = 0                                              # images tried so far
    unreadable: dict[str, str] = field(default_factory=dict)   # names and errors
    collection: dict[str, Any] = field(default_factory=dict)   # names, labels, splits

    def same(self, other: "Manifest") -> bool:
        """Whether both describe the same images, read in the same way."""
        return (self.digest, self.reading) == (other.digest, other.reading)

    def save(self, path: Path) -> None:
        """Write the manifest next to the .npy file, as a whole."""
        write_whole(_beside(path), json.dumps(asdict(self)))


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def load_manifest(path: Path) -> Manifest | None:
    """Load the manifest of a .npy file, or None. Raises ValueError if it is damaged."""
    if not _beside(path).exists():
        return None
    try:
        return _checked(json.loads(read_file(_beside(path))))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{_beside(path)} cannot be read ({error}); delete it and {path.name}, "
                         f"and prepare them again") from None


def _checked(fields: dict[str, Any]) -> Manifest:
    """The manifest of these values; raises ValueError and TypeError for values of other kinds."""
    manifest = Manifest(**fields)
    wrong = [name for name, kind in KINDS.items() if not isinstance(getattr(manifest, name), kind)]
    if wrong:
        raise ValueError(f"its {wrong[0]} is of the wrong kind")
    return manifest


def decode_to(
    path: Path, expected: Manifest, shape: tuple[int, ...], decode: Decode, dtype: str = "uint8"
) -> tuple[np.memmap, dict[str, str]]:
    """Decode images to a .npy file of this shape (H, W, C) and type. Returns it, and the errors.

    `decode(start)` yields images from the start-th name on. A finished file is reused, and
    an interrupted one is continued. Raises ValueError if the file holds something else.
    """
    part = path.with_name(path.name + ".part")
    kept, begun = (load_manifest(file) for file in (path, part))
    if path.is_file() and kept is None and begun and not part.exists():   # killed at the very end
        kept = begun
        kept.save(path)
    if path.is_file() and kept and kept.same(expected):
        return _opened(path), kept.unreadable
    if path.exists():
        _check_replaceable(path, kept, expected)
    path.parent.mkdir(parents=True, exist_ok=True)
    manifest = begun if begun and begun.same(expected) and part.is_file() else expected
    check_space(path.parent, (expected.total - manifest.done) * _bytes(shape, dtype) + 2**20)
    with open_part(part) as file:   # another process may use it
        lock(file, f"{path} is being prepared by another process")
        rows = _append(file, part, manifest, (shape, dtype), decode)
        write_header(file, (rows, *shape), dtype)
    _beside(path).unlink(missing_ok=True)
    os.replace(part, path)
    manifest.save(path)
    _beside(part).unlink(missing_ok=True)
    return _opened(path), manifest.unreadable


def _check_replaceable(path: Path, kept: Manifest | None, manifest: Manifest) -> None:
    if kept is None:
        raise ValueError(f"{path} exists, and is not a prepared file; delete it, or choose another "
                         f"file")
    if kept.source != manifest.source or kept.reading != manifest.reading:
        size = kept.reading.get("size") or "their own size"
        raise ValueError(f"{path} holds the images of {kept.source} at {size}, not those of this "
                         f"command; delete it, or choose another file")
    say(f"{manifest.source} has changed since {path} was prepared: preparing it again")


def _append(
    file: IO[bytes], part: Path, manifest: Manifest, kind: tuple[tuple[int, ...], str],
    decode: Decode,
) -> int:
    """Decode the remaining images, and record the progress now and then. Returns all rows."""
    (shape, dtype), size = kind, _bytes(*kind)
    start = write_header(file, (manifest.total, *shape), dtype)
    rows = manifest.done - len(manifest.unreadable)
    file.seek(0, os.SEEK_END)
    if file.tell() < start + rows * size:   # the disk lost the last images
        rows, manifest.done, manifest.unreadable = 0, 0, {}
    if manifest.done:
        say(f"continuing after {manifest.done:,} images")
    file.truncate(start + rows * size)
    file.seek(0, os.SEEK_END)
    for name, image in decode(manifest.done):
        manifest.done += 1
        if isinstance(image, str):
            manifest.unreadable[name] = image
        else:
            file.write(image.tobytes())
            rows += 1
        if manifest.done % TOGETHER == 0 or manifest.done == manifest.total:
            file.flush()
            os.fsync(file.fileno())
            manifest.save(part)
    return rows


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return int(np.prod(shape)) * np.dtype(dtype).itemsize


def write_header(file: IO[bytes], shape: tuple[int, ...], dtype: str = "uint8") -> int:
    """Write the header of a .npy file. Returns where the values start, the same for every N."""
    file.seek(0)
    np.lib.format.write_array_header_1_0(
        file, {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape})
    return file.tell()


def _opened(path: Path) -> np.memmap:
    images: np.memmap = np.load(path, mmap_mode="r", allow_pickle=False)
    return images


def keep_collection(path: Path, collection: Collection, manifest: Manifest) -> None:
    """Add names, labels and splits to the manifest, so that the file alone can be trained on."""
    manifest.done = manifest.total
    manifest.collection = {
        "classes": list(collection.classes), "names": list(collection.names),
        "notes": collection.notes,
        "y": None if collection.y is None else collection.y.tolist(),
        "parts": {name: index.tolist() for name, index in collection.parts.items()}}
    manifest.save(path)


def prepared_collection(path: Path, x: np.ndarray, manifest: Manifest) -> Collection:
    """The images of a prepared file, with their names, labels and splits."""
    fields = manifest.collection
    if not fields:
        raise ValueError(f"{path} is not finished; run hourglass data prepare "
                         f"{manifest.source} -o {path} again")
    try:
        collection = Collection(
            x, None if fields["y"] is None else np.array(fields["y"], np.int64),
            tuple(map(str, fields["classes"])), tuple(map(str, fields["names"])),
            {name: np.array(index, np.int64) for name, index in fields["parts"].items()},
            list(map(str, fields["notes"])),
            {"path": str(path.resolve()), "digest": manifest.digest})
        fit = manifest.done >= manifest.total and _fits(collection)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        fit = False
    if not fit:
        raise ValueError(f"{path} and {_beside(path).name} do not belong together; delete both, "
                         f"and prepare them again")
    return collection


def _fits(collection: Collection) -> bool:
    """Whether names, classes and splits are those of as many images."""
    n, y = len(collection.x), collection.y
    return len(collection.names) in (0, n) and (y is None or (
        y.shape == (n,) and bool(((y >= 0) & (y < len(collection.classes))).all()))) and all(
            index.ndim == 1 and bool(((index >= 0) & (index < n)).all())
            for index in collection.parts.values())
