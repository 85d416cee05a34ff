"""Image files in a folder or an archive, with or without class folders, read in place."""

import hashlib
import io
import json
import math
import os
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
from PIL import UnidentifiedImageError

from ..console import say, track
from ..contracts import Collection
from ..spec import sources
from .fetch import cache_folder
from .headers import Look, look, read_deep, settle_depth
from .images import CUT, Reading, open_image, read_size, shape_image
from .ondisk import IN_MEMORY
from .prepared import Manifest, decode_to
from .reading import Misfit

SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm",
            ".ppm", ".pnm", ".pbm", ".tga", ".avif", ".jp2"}
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "val",
         "valid": "val", "validation": "val",
         "ground_truth": "holdout"}   # masks of defects, as MVTec's: no samples
SAMPLED = 200            # headers looked at to learn sizes and colours
LARGEST_AS_IT_IS = 256   # pixels; larger images, or of several sizes, are brought to
DEFAULT_SIZE = "64"
SMALLEST = 4
UNREADABLE = 0.1         # share of the files at which a run stops
LARGEST_FILE = 2**30     # bytes of one image in an archive


@dataclass(frozen=True)
class Files:
    """Image files by name, in order; in a folder or archive, names are relative to it."""

    place: str
    sizes: dict[str, int]
    open: Callable[[str], IO[bytes]]

    @property
    def digest(self) -> str:
        """Of all names and sizes, but of no content."""
        listed = "\n".join(f"{name} {size}" for name, size in self.sizes.items())
        return hashlib.sha256(listed.encode()).hexdigest()


@sources.add("folder", example="folder('photos/')")
def folder(reading: Reading, path: str) -> Collection:
    """Images in a folder and its subfolders; subfolders name classes, or train, val and test."""
    root = Path(path).expanduser()
    if not root.is_dir():
        raise ValueError(f"{path} is no folder")
    return read_images(files_in(root), reading)


def files_in(root: Path) -> Files:
    """The images in a folder and its subfolders."""
    found = {f.relative_to(root).as_posix(): f.stat().st_size
             for f in sorted(root.rglob("*")) if _is_image(f.relative_to(root)) and f.is_file()}
    return Files(str(root), found, lambda name: open(root / name, "rb"))


@sources.add("images", example="images(('a.png', 'b.png', 'c.png'))")
def images(reading: Reading, paths: str | tuple[str, ...]) -> Collection:
    """Image files named one by one, in the order given."""
    named = [Path(p).expanduser() for p in ((paths,) if isinstance(paths, str) else paths)]
    missing = [path for path in named if not path.is_file()]
    if missing:
        raise ValueError(f"there is no file {missing[0]}")
    sizes = {str(path): path.stat().st_size for path in named}
    found = read_images(Files("the list", sizes, lambda name: open(name, "rb")), reading)
    return replace(found, names=tuple(Path(name).name for name in found.names), parts={})


@sources.add("archive", example="archive('photos.zip')")
def archive(reading: Reading, path: str) -> Collection:
    """Images in a zip or tar archive, read in place; folders in it name classes or splits."""
    with opened_archive(Path(path).expanduser()) as found:
        return read_images(found, reading)


@contextmanager
def opened(place: str | Path) -> Iterator[Files]:
    """The images in a folder or an archive, or the one in a file; raises ValueError."""
    path = Path(place).expanduser()
    if path.is_dir():
        yield files_in(path)
    elif path.is_file() and path.name.lower().endswith(ARCHIVES):
        with opened_archive(path) as files:
            yield files
    elif path.is_file() and path.suffix.lower() in SUFFIXES:
        yield Files(str(path), {path.name: path.stat().st_size}, lambda _: open(path, "rb"))
    else:
        why = "is neither" if path.exists() else "is not there; it must be"
        raise ValueError(f"{place} {why} a folder of images, a zip or tar archive of them, or an "
                         f"image")


@contextmanager
def opened_archive(place: Path) -> Iterator[Files]:
    """The images in a zip or tar archive, for as long as it stays open; raises ValueError."""
    with ExitStack() as stack:
        try:
            found = (_zip_files(place, stack.enter_context(zipfile.ZipFile(place)))
                     if zipfile.is_zipfile(place) else _tar_files(place))
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
            why = str(error).partition("\n")[0]
            raise ValueError(f"{place} is no whole zip or tar archive ({why})") from None
        yield found


def digest_now(place: Path) -> str:
    """The digest of the images in a folder or zip as they are now, or "" where there is none."""
    if place.is_dir():
        return files_in(place).digest
    if place.is_file() and zipfile.is_zipfile(place):
        with opened_archive(place) as found:
            return found.digest
    return ""


def _is_image(path: Path | PurePosixPath) -> bool:
    hidden = any(part.startswith((".", "__MACOSX", "/")) for part in path.parts)   # and ".."
    return path.suffix.lower() in SUFFIXES and not hidden


def _zip_files(place: Path, held: zipfile.ZipFile) -> Files:
    sizes = {i.filename: i.file_size for i in sorted(held.infolist(), key=lambda i: i.filename)
             if not i.is_dir() and _is_image(PurePosixPath(i.filename))}
    return Files(str(place), sizes, lambda name: io.BytesIO(_bounded(held, name, sizes[name])))


def _bounded(held: zipfile.ZipFile, name: str, size: int) -> bytes:
    if size > LARGEST_FILE:
        raise OSError(f"a file of {size:,} bytes")
    return held.read(name)


def _tar_files(place: Path) -> Files:
    """A tar's images, held compressed in memory: a tar cannot be read out of order quickly."""
    held = {}
    with tarfile.open(place) as tar:
        for member in tar:
            if member.isfile() and _is_image(PurePosixPath(member.name)):
                if member.size > LARGEST_FILE:
                    continue
                held[member.name] = tar.extractfile(member).read()  # type: ignore[union-attr]
    sizes = {name: len(held[name]) for name in sorted(held)}
    return Files(str(place), sizes, lambda name: io.BytesIO(held[name]))


def read_images(files: Files, reading: Reading) -> Collection:
    """All images of one size and depth, (N, H, W, C); says which could not be read. What does not
    fit well into memory is decoded once, into a file, and stays there.

    Raises ValueError where there are none, or more than a tenth of them cannot be read.
    """
    names = list(files.sizes)
    if not names:
        raise ValueError(f"{files.place} holds no images ({' '.join(sorted(SUFFIXES))})")
    settled, notes, sizes = _settled(files, names, reading)
    height, width = read_size(settled.pad or settled.size, "size")
    shape = (height, width, settled.channels or (1 if settled.grey else 3))
    size = math.prod(shape) * np.dtype(settled.depth or "uint8").itemsize
    if reading.store or len(names) * size > IN_MEMORY:
        images, unreadable = _kept_on_disk(files, names, settled, shape)
    else:
        images, unreadable = _decoded(files, names, settled, shape)
    if unreadable:
        told = _told(unreadable, len(names))
        if len(unreadable) > UNREADABLE * len(names) and not reading.lenient:
            raise ValueError(f"{told}; more than one in ten is too many to go on: repair them, or "
                             f"take them out")
        notes.append(f"{told}; they are left out")
        names = [n for n in names if n not in unreadable]
    classes, y, parts = classify(names)
    identity = {"path": str(Path(files.place).resolve()),
                "digest": replace(files, sizes={n: files.sizes[n] for n in names}).digest}
    return Collection(images, y, classes, tuple(names), parts, notes, identity, sizes,
                      unreadable=tuple(unreadable))


def manifest_of(files: Files, settled: Reading) -> Manifest:
    """What a file would hold that keeps these images decoded."""
    return Manifest(str(Path(files.place).resolve()), files.digest, settled.manner,
                    len(files.sizes))


def _kept_on_disk(
    files: Files, names: list[str], settled: Reading, shape: tuple[int, ...]
) -> tuple[np.ndarray, dict[str, str]]:
    wanted = manifest_of(files, settled)
    if settled.store:
        place = Path(settled.store).expanduser()
    else:
        key = hashlib.sha256(json.dumps([wanted.source, wanted.reading]).encode()).hexdigest()
        place = cache_folder() / "decoded" / f"{key[:24]}.npy"
        if not place.is_file():
            say(f"{len(names):,} images are many: they are decoded once, into {place}")
    return decode_to(place, wanted, shape,
                     lambda start: _decode_all(files, names[start:], settled, len(names)),
                     settled.depth or "uint8")


def _settled(
    files: Files, names: list[str], reading: Reading
) -> tuple[Reading, list[str], dict[str, int]]:
    """The reading with its size, depth and colour settled by a look at some headers; what to say
    of that; and how many of those images had which size."""
    looks: list[Look] = []
    for name in names[::-(-len(names) // SAMPLED)]:
        try:
            with files.open(name) as file:
                looks.append(look(file))
        except Exception:   # Pillow raises many kinds; decoding will tell which file it was
            continue
    if not looks:
        raise ValueError(f"none of the images in {files.place} can be read, such as {names[0]}")
    sizes, notes = Counter((found.height, found.width) for found in looks), list[str]()
    if not reading.size:
        size, notes = _common_size(sizes, reading)
        reading = replace(reading, size=size)
    reading, said = settle_depth(looks, reading)
    return reading, notes + said, {
        f"{height}x{width}": count for (height, width), count in sizes.most_common()}


def _common_size(sizes: Counter[tuple[int, int]], reading: Reading) -> tuple[str, list[str]]:
    if reading.crop:
        top, left = read_size(reading.crop, "crop")
        sizes = Counter((min(h, top), min(w, left)) for h, w in sizes)
    (height, width), _ = sizes.most_common(1)[0]
    if len(sizes) == 1 and max(height, width) <= LARGEST_AS_IT_IS:
        if min(height, width) < SMALLEST:
            raise ValueError(f"the images are {height}x{width} pixels, too small to squeeze; "
                             f"--size 16 makes them larger")
        return f"{height}x{width}", []
    what = (f"images of {height}x{width}" if len(sizes) == 1 else
            f"images of several sizes, such as {height}x{width},")
    return DEFAULT_SIZE, [f"{what} are brought to {DEFAULT_SIZE}x{DEFAULT_SIZE} pixels; "
                          f"choose another with --size"]


def _decoded(
    files: Files, names: list[str], reading: Reading, shape: tuple[int, ...]
) -> tuple[np.ndarray, dict[str, str]]:
    images = np.zeros((len(names), *shape), reading.depth or "uint8")
    unreadable, row = {}, 0
    for name, image in _decode_all(files, names, reading, len(names)):
        if isinstance(image, str):
            unreadable[name] = image
        else:
            images[row], row = image, row + 1
    return images[:row], unreadable


def _decode_all(
    files: Files, names: list[str], reading: Reading, total: int
) -> Iterator[tuple[str, np.ndarray | str]]:
    """Each name with its image, or with why it cannot be read; with a bar. Says how many images
    have lost bits, for they are deeper than those whose headers were looked at."""
    cut: list[str] = []

    def decode(name: str) -> tuple[str, np.ndarray | str]:
        try:
            with files.open(name) as file:
                if reading.depth or reading.channels:
                    return name, read_deep(file, reading)
                image = open_image(file, reading)
        except Misfit as error:
            raise ValueError(f"{name}: {error}") from None
        except Exception as error:   # Pillow raises many kinds for a broken file
            if reading.strict:
                raise ValueError(f"{name} cannot be read ({in_words(error)}); without --strict "
                                 f"it is skipped") from None
            return name, in_words(error)
        cut.extend([name] if image.info.get(CUT) else [])
        return name, shape_image(image, reading)

    def chunks() -> Iterator[tuple[str, np.ndarray | str]]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(names), 1000):   # so that a bad setting stops it soon
                yield from pool.map(decode, names[start:start + 1000])
        if cut:
            say(f"{len(cut)} images of more than 8 bits, such as {cut[0]}, are read in 8 bits as "
                f"the others are")
    return track(chunks(), total, "reading images", done=total - len(names))


def in_words(error: Exception) -> str:
    """Why an image cannot be read."""
    if isinstance(error, UnidentifiedImageError):
        return "no image"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _told(unreadable: dict[str, str], total: int) -> str:
    first = ", ".join(f"{name} ({why})" for name, why in list(unreadable.items())[:10])
    more = f" and {len(unreadable) - 10} more" if len(unreadable) > 10 else ""
    return f"{len(unreadable)} of {total} images cannot be read: {first}{more}"


def classify(
    names: list[str]
) -> tuple[tuple[str, ...], np.ndarray | None, dict[str, np.ndarray]]:
    """What folders say: class names, labels (N,), and the set's own splits.

    A folder around everything says nothing. train, val and test above all others are splits, and
    ground_truth beside them is kept out; below them, each first folder is a class, if every image
    lies in one and there are several.
    """
    paths = [PurePosixPath(name).parts for name in names]
    while len(paths[0]) > 1 and all(p[0] == paths[0][0] and len(p) > 1 for p in paths):
        if paths[0][0].lower() in PARTS:
            break
        paths = [p[1:] for p in paths]
    parts: dict[str, np.ndarray] = {}
    heads = [PARTS.get(p[0].lower(), "") if len(p) > 1 else "" for p in paths]
    if all(heads) and "train" in heads:
        parts = {part: np.flatnonzero([h == part for h in heads]) for part in sorted(set(heads))}
        paths = [p[1:] for p in paths]
    folders = [p[0] if len(p) > 1 else "" for p in paths]
    classes = tuple(sorted(set(folders)))
    if "" in classes or len(classes) < 2:
        return (), None, parts
    number = {name: i for i, name in enumerate(classes)}
    return classes, np.array([number[f] for f in folders]), parts
