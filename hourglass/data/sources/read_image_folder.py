"""Read the images of a folder, an archive or a list, and bring them to one size."""

import hashlib
import json
import math
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import UnidentifiedImageError

from ...core.console import say, track
from ...core.contracts import Collection
from ...core.distributed import in_turn, sharers
from ...core.hints import Depth
from ...core.registry import sources
from ..captions import captions_of
from ..choosing import chosen, without_masks, without_strays
from ..decoded_cache import Manifest, decode_to
from ..deep_images import ImageHeader, look, read_deep, settle_depth
from ..fetch import cache_folder
from ..find_images import SUFFIXES, Files, files_in, opened_archive, page_of
from ..folders import classify, numbered
from ..full_size_images import read_patches
from ..image_options import Misfit
from ..memory_map import IN_MEMORY
from ..other_kinds import others_in
from ..read_image import CUT, Reading, plain, read_size, shape_image

SAMPLED = 200            # headers that are read to find sizes and colours
LARGEST_AS_IT_IS = 256   # pixels; larger images, or images of several sizes, are resized to
DEFAULT_SIZE = "64"
SMALLEST = 4
UNREADABLE = 0.1         # largest share of unreadable files
FAR_MORE = 10            # times the files of a prepared source: it is another folder


@sources.add("folder", example="folder('photos/')")
def folder(
    reading: Reading, path: str, include: str = "", exclude: str = "",
    label_depth: Depth | None = None, pages: bool = False,
) -> Collection:
    """Images in a folder and its subfolders; subfolders name classes, or train, val and test.

    `include` and `exclude` are patterns of names, separated by commas, such as '*.png'.
    `label_depth` is the number of folder levels in a class's name; `pages` reads each page of a
    TIFF. Arguments that are left out come from the settings of these names.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise ValueError(f"{path} is not a folder")
    reading = _with(reading, include, exclude, label_depth, pages)
    return read_images(samples_of(files_in(root), reading), reading)


@sources.add("images", example="images(('a.png', 'b.png', 'c.png'))")
def images(reading: Reading, paths: str | tuple[str, ...]) -> Collection:
    """Image files by name, in this order."""
    named = [Path(p).expanduser() for p in ((paths,) if isinstance(paths, str) else paths)]
    missing = [path for path in named if not path.is_file()]
    if missing:
        raise ValueError(f"there is no file {missing[0]}")
    sizes = {str(path): path.stat().st_size for path in named}
    files = Files("the list", sizes, lambda name: open(name, "rb"))
    collection = read_images(chosen(files, replace(reading, include="", exclude="")), reading)
    if not reading.pages:
        classes, y, _ = classify(collection.names)
        collection = replace(collection, classes=classes, y=y)
    return replace(collection, names=tuple(Path(name).name for name in collection.names), parts={})


@sources.add("archive", example="archive('photos.zip')")
def archive(
    reading: Reading, path: str, include: str = "", exclude: str = "",
    label_depth: Depth | None = None, pages: bool = False,
) -> Collection:
    """Images in a zip or tar archive, read in place; folders in it name classes or splits.

    Arguments are as in `folder`.
    """
    reading = _with(reading, include, exclude, label_depth, pages)
    with opened_archive(Path(path).expanduser()) as files:
        return read_images(samples_of(files, reading), reading)


def _with(
    reading: Reading, include: str, exclude: str, depth: int | None, pages: bool
) -> Reading:
    return replace(reading, include=include or reading.include, exclude=exclude or reading.exclude,
                   label_depth=reading.label_depth if depth is None else depth,
                   pages=pages or reading.pages)


def samples_of(files: Files, reading: Reading) -> Files:
    """The images that are samples: selected by patterns, without masks and strays."""
    return without_strays(without_masks(chosen(files, reading), reading), reading)


def changed_since(manifest: Manifest, file: Path, total: int) -> list[str]:
    """A note if the folder or zip that a file was prepared from has changed, or cannot be compared.

    The manifest may come from a stranger and name any folder, so one that holds far more than the
    `total` samples of the file is not walked to its end.
    """
    place = Path(manifest.source)
    if not place.is_dir() and not (place.is_file() and zipfile.is_zipfile(place)):
        return []
    reading = Reading(**manifest.reading)
    try:
        if place.is_dir():
            digest = samples_of(files_in(place, FAR_MORE * (total + 1000)), reading).digest
        else:
            with opened_archive(place) as files:
                digest = samples_of(files, reading).digest
    except (ValueError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return [f"{file} cannot be compared with {place}, from which it was prepared ({why})"]
    return [] if digest == manifest.digest else [
        f"{place} has changed since {file} was prepared; prepare it again with hourglass data "
        f"prepare {place} -o {file}"]


def read_images(files: Files, reading: Reading) -> Collection:
    """Read images to one size and depth, (N, H, W, C), with notes on those that cannot be read.
    Images that do not fit well in memory are decoded once, into a file.

    Raises ValueError if there are none, or more than a tenth of them cannot be read.
    """
    names = list(files.sizes)
    if not names:
        raise ValueError(_none_in(files))
    if reading.patches and reading.store:
        raise ValueError("patches are cut out of whole images in training; prepare the images "
                         "without --patches")
    if reading.patches:
        read_size(reading.patches, "patches")   # may raise, so it comes first
    if reading.patches and reading.pad:
        raise ValueError("--patches cuts parts out of images, and --pad enlarges them; leave one "
                         "of them out")
    settled, notes, sizes = settled_by(files, names, reading)
    height, width = read_size(settled.pad or settled.size or settled.patches, "size")
    shape = (height, width, settled.channels or (1 if settled.grey else 3))
    size = math.prod(shape) * np.dtype(settled.depth or "uint8").itemsize
    images: Any
    if settled.patches:
        images, unreadable = read_patches(
            files, settled, sizes, _decode_all(files, names, settled, len(names)))
    elif reading.store or len(names) * size > IN_MEMORY or sharers() > 1:
        images, unreadable = _kept_on_disk(files, names, settled, shape)
    else:
        images, unreadable = _decoded(files, names, settled, shape)
    if unreadable:
        message = _told(unreadable, len(names))
        if len(unreadable) > UNREADABLE * len(names) and not reading.lenient:
            raise ValueError(f"{message}; more than one in ten is too many: repair them, or remove "
                             f"them")
        notes.append(f"{message}; {'it is' if len(unreadable) == 1 else 'they are'} left out")
        names = [n for n in names if n not in unreadable]
    classes, y, parts = numbered(names, files.labels, files.splits)
    identity = {"path": str(Path(files.place).resolve()),
                "digest": replace(files, sizes={n: files.sizes[n] for n in names}).digest}
    if settled.patches:
        identity |= {"patches": settled.patches, "each": str(settled.patches_each or 0)}
    captions, about = captions_of(files, names)
    return Collection(images, y, classes, tuple(names), parts, [*notes, *files.notes, *about],
                      identity, sizes, unreadable=tuple(unreadable), captions=captions)


def _none_in(files: Files) -> str:
    """A message for a place without images."""
    name = Path(files.place).name
    other = (f"; for the data set of that name write {name}()"
             if name in sources.parts and Path(files.place).is_dir() else "")
    why = "".join(f"; {note}" for note in files.notes)
    others = others_in(files.place)
    return f"{files.place} holds no images ({' '.join(sorted(SUFFIXES))}){why}{others}{other}"


def manifest_of(files: Files, settled: Reading) -> Manifest:
    """The manifest of a file with these images, decoded."""
    return Manifest(str(Path(files.place).resolve()), files.digest, settled.manner,
                    len(files.sizes))


def _kept_on_disk(
    files: Files, names: list[str], settled: Reading, shape: tuple[int, ...]
) -> tuple[np.ndarray, dict[str, str]]:
    manifest = manifest_of(files, settled)
    if settled.store:
        place = Path(settled.store).expanduser()
    else:
        key = hashlib.sha256(json.dumps([manifest.source, manifest.reading]).encode()).hexdigest()
        place = cache_folder() / "decoded" / f"{key[:24]}.npy"
        if not place.is_file():
            why = "are shared" if sharers() > 1 else "are many"
            say(f"{len(names):,} images {why}: they are decoded once, into {place}")
    with in_turn(f"{place}.lock"):
        return decode_to(place, manifest, shape,
                         lambda start: _decode_all(files, names[start:], settled, len(names)),
                         settled.depth or "uint8")


def settled_by(
    files: Files, names: list[str], reading: Reading
) -> tuple[Reading, list[str], dict[str, int]]:
    """Set the reading's size, depth and colour, by the headers of some images. Returns notes, and
    the number of images per size, too."""
    looks: list[ImageHeader] = []
    for name in names[::-(-len(names) // SAMPLED)]:
        try:
            with files.open(name) as file:
                looks.append(look(file, page=files.pages.get(name, 0)))
        except Exception:   # Pillow raises many kinds; decoding will name the file
            continue
    if not looks:
        raise ValueError(f"none of the images in {files.place} can be read, such as {names[0]}")
    sizes, notes = Counter((header.height, header.width) for header in looks), list[str]()
    if not reading.size and not reading.patches:
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
            raise ValueError(f"the images are {height}x{width} pixels, too small for an encoder; "
                             f"enlarge them with --size 16")
        return f"{height}x{width}", []
    what = (f"images of {height}x{width}" if len(sizes) == 1 else
            f"images of several sizes, such as {height}x{width},")
    side = int(DEFAULT_SIZE)
    smaller = "shrink" if min(height, width) > side else "are brought"
    return DEFAULT_SIZE, [f"{what} {smaller} to {side}x{side} pixels; choose another with --size, "
                          f"or train on parts at their own size with --patches {side}"]


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
    """Yield each name with its image, or with the error, with a progress bar. Reports images that
    lost bits because they are deeper than those whose headers were read."""
    cut: list[str] = []

    def decode(name: str) -> tuple[str, np.ndarray | str]:
        try:
            if reading.depth or reading.channels:
                with files.open(name) as file:
                    return name, read_deep(file, reading, files.pages.get(name, 0))
            with page_of(files, name) as opened_image:
                image = plain(opened_image, reading)
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
            for start in range(0, len(names), 1000):   # so that a wrong setting stops it soon
                yield from pool.map(decode, names[start:start + 1000])
        if cut:
            say(f"{len(cut)} images of more than 8 bits, such as {cut[0]}, are read in 8 bits like "
                f"the others")
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
