"""Image files in a folder or an archive, with or without class folders, read in place."""

import hashlib
import io
import os
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..console import track
from ..contracts import Collection
from ..spec import sources
from .images import GREY_MODES, Reading, open_image, read_size, shape_image

SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm",
            ".ppm", ".pnm", ".pbm", ".tga", ".avif", ".jp2"}
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "val",
         "valid": "val", "validation": "val"}
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


@sources.add("folder", example="folder('photos/')")
def folder(reading: Reading, path: str) -> Collection:
    """Images in a folder and its subfolders; subfolders name classes, or train, val and test."""
    root = Path(path).expanduser()
    if not root.is_dir():
        raise ValueError(f"{path} is no folder")
    found = {f.relative_to(root).as_posix(): f.stat().st_size
             for f in sorted(root.rglob("*")) if _is_image(f.relative_to(root)) and f.is_file()}
    return read_images(Files(str(root), found, lambda name: open(root / name, "rb")), reading)


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
    place = Path(path).expanduser()
    try:
        if zipfile.is_zipfile(place):
            with zipfile.ZipFile(place) as held:
                return read_images(_zip_files(place, held), reading)
        return read_images(_tar_files(place), reading)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        why = str(error).partition("\n")[0]
        raise ValueError(f"{path} is no whole zip or tar archive ({why})") from None


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
    """All images of one size, uint8 (N, H, W, C); says which could not be read.

    Raises ValueError where there are none, or more than a tenth of them cannot be read.
    """
    names = list(files.sizes)
    if not names:
        raise ValueError(f"{files.place} holds no images ({' '.join(sorted(SUFFIXES))})")
    reading, notes = _settled(files, names, reading)
    images, unreadable = _decoded(files, names, reading)
    if unreadable:
        notes.append(_told(unreadable, len(names)))
        if len(unreadable) > UNREADABLE * len(names):
            raise ValueError(f"{notes[-1]}; more than one in ten is too many to go on")
        kept = np.array([n not in unreadable for n in names])
        names, images = [n for n in names if n not in unreadable], images[kept]
    classes, y, parts = classify(names)
    digest = hashlib.sha256("\n".join(f"{n} {files.sizes[n]}" for n in names).encode()).hexdigest()
    return Collection(images, y, classes, tuple(names), parts, notes,
                      {"path": str(Path(files.place).resolve()), "digest": digest})


def _settled(files: Files, names: list[str], reading: Reading) -> tuple[Reading, list[str]]:
    """The reading with its size and colour settled by a look at some headers."""
    sizes: Counter[tuple[int, int]] = Counter()
    modes: set[str] = set()
    notes: list[str] = []
    for name in names[::-(-len(names) // SAMPLED)]:
        try:
            with files.open(name) as file, Image.open(file) as image:
                turned = image.getexif().get(0x0112, 1) >= 5
                sizes[(image.width, image.height) if turned else (image.height, image.width)] += 1
                modes.add("L" if image.mode in GREY_MODES else "RGB")
        except Exception:   # Pillow raises many kinds; decoding will tell which file it was
            continue
    if not sizes:
        raise ValueError(f"none of the images in {files.place} can be read, such as {names[0]}")
    if not reading.size:
        size, notes = _common_size(sizes, reading)
        reading = replace(reading, size=size)
    grey = modes == {"L"} if reading.grey is None else reading.grey
    return replace(reading, grey=grey), notes


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
    files: Files, names: list[str], reading: Reading
) -> tuple[np.ndarray, dict[str, str]]:
    height, width = read_size(reading.pad or reading.size, "size")
    shape = (len(names), height, width, 1 if reading.grey else 3)
    _check_memory(shape)
    images, unreadable = np.zeros(shape, np.uint8), {}
    decoded = track(_decode_all(files, names, reading), len(names), "reading images")
    for row, (name, image) in enumerate(decoded):
        if isinstance(image, str):
            unreadable[name] = image
            if reading.strict:
                raise ValueError(f"{name} cannot be read ({image}); without --strict it is skipped")
        else:
            images[row] = image
    return images, unreadable


def _decode_all(
    files: Files, names: list[str], reading: Reading
) -> Iterator[tuple[str, np.ndarray | str]]:
    def decode(name: str) -> tuple[str, np.ndarray | str]:
        try:
            with files.open(name) as file:
                image = open_image(file)
        except Exception as error:   # Pillow raises many kinds for a broken file
            return name, _in_words(error)
        return name, shape_image(image, reading)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(names), 1000):   # so that a bad setting stops it soon
            yield from pool.map(decode, names[start:start + 1000])


def _in_words(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "no image"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _check_memory(shape: tuple[int, ...]) -> None:
    needed, held = int(np.prod(shape)), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > 0.7 * held:
        raise ValueError(f"{shape[0]:,} images of {shape[1]}x{shape[2]}x{shape[3]} need "
                         f"{needed / 2**30:.1f} GiB, more than this machine's memory holds; "
                         f"choose a smaller --size")


def _told(unreadable: dict[str, str], total: int) -> str:
    first = ", ".join(f"{name} ({why})" for name, why in list(unreadable.items())[:10])
    more = f" and {len(unreadable) - 10} more" if len(unreadable) > 10 else ""
    return f"{len(unreadable)} of {total} images cannot be read and are left out: {first}{more}"


def classify(
    names: list[str]
) -> tuple[tuple[str, ...], np.ndarray | None, dict[str, np.ndarray]]:
    """What folders say: class names, labels (N,), and the set's own splits.

    A folder around everything says nothing. train, val and test above all others are splits;
    below them, each first folder is a class, if every image lies in one and there are several.
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
