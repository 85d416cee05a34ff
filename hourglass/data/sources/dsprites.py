"""dSprites: three shapes in all sizes, orientations and positions, drawn here or read from a
file."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from ...core.console import track
from ...core.contracts import Collection, Factors
from ...core.files import check_space, lock, open_part
from ...core.registry import sources
from ..decoded_cache import write_header
from ..fetch import cache_folder
from ..read_image import Reading, shape_images
from ..sprites import NAMES, SHAPES, SIDE, SIZES, draw, factors_of, sprites, windows

TOTAL = 737_280
PUBLISHED = "7da33b31b13a06f4b04a70402ce90c2e"   # md5 of dsprites_ndarray_co1sh3sc6or40x32y32_64x64
CHUNK = 4096       # images read together
COMPARED = 2000    # images of a file that are compared with ours
Images = Annotated[int, Ge(1), Le(TOTAL)]


@sources.add("dsprites", example="dsprites(images=500)")
def dsprites(reading: Reading, path: str = "", images: Images = TOTAL) -> Collection:
    """dSprites: 737,280 white shapes of 64x64 by shape, scale, orientation, x and y (Matthey et
    al., 2017). They are drawn from this definition, or read from the published .npz file at `path`.

    All images take 3 GB in a cached file, made once. Fewer `images` are a random choice, always the
    same, in memory. The published orientations include both 0 and 2 pi, so the last equals the
    first. Raises ValueError for a file that is not dSprites.
    """
    collection = _published(Path(path).expanduser(), images) if path else _drawn(images)
    collection.x = shape_images(collection.x, reading)
    return collection


def _collection(x: np.ndarray, factors: np.ndarray) -> Collection:
    """Images (N, 64, 64[, 1]) with factors (N, 5). Their classes are the shapes."""
    return Collection(x.reshape(-1, SIDE, SIDE, 1), factors[:, 0].astype(np.int64), SHAPES,
                      factors=Factors(factors, NAMES, unordered=NAMES[:1]))


def chosen(images: int, total: int) -> np.ndarray:
    """Indices (n,) of the chosen images."""
    if images >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(0).choice(total, images, replace=False))


def _drawn(images: int) -> Collection:
    factors = factors_of(chosen(images, TOTAL))
    digest = hashlib.sha256(sprites().tobytes()).hexdigest()
    if images < TOTAL:
        x = draw(factors)
    else:
        x = kept(cache_folder() / "dsprites" / f"{digest[:16]}.npy", _blocks(), "drawing dSprites")
    collection = _collection(x, factors)
    collection.identity.update(digest=f"{digest} {images}")
    return collection


def _blocks() -> Iterator[np.ndarray]:
    """All images in order, (1024, 64, 64) per sprite."""
    for places in track(windows(), len(windows()), "drawing dSprites"):
        yield places.swapaxes(0, 1).reshape(-1, SIDE, SIDE)   # y varies fastest, then x


def kept(path: Path, blocks: Iterable[np.ndarray], what: str) -> np.ndarray:
    """Write blocks (n, 64, 64) of all images to one .npy file at `path`, if it does not exist; map
    it.

    Raises ValueError if the disk has no room, or another process is writing the file.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        with open_part(part) as file:
            lock(file, f"{path} is being made by another process ({what}); wait until it exists")
            if not path.is_file():   # the other process may have been quicker
                file.truncate(0)
                check_space(path.parent, TOTAL * SIDE * SIDE + 2**20)
                _write(file, blocks)
                os.replace(part, path)
    images: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return images


def _write(file: IO[bytes], blocks: Iterable[np.ndarray]) -> None:
    write_header(file, (TOTAL, SIDE, SIDE, 1))
    for block in blocks:
        file.write(np.ascontiguousarray(block).data)
    file.flush()
    os.fsync(file.fileno())


def _published(path: Path, images: int) -> Collection:
    """Images of the published file, or of a part of it saved under the same names."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}; dsprites without a path needs none")
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is not a complete archive")
        return _read(path, images)
    except (OSError, EOFError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as dSprites' .npz file: {error}") from None


def _read(path: Path, images: int) -> Collection:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "md5").hexdigest()
    with np.load(path, allow_pickle=False) as archive:   # `metadata` is a pickle and is not read
        missing = {"imgs", "latents_classes"} - set(getattr(archive, "files", ()))
        if missing:
            raise ValueError(f"{path} is not dSprites' .npz file: it has no {min(missing)}")
        factors = archive["latents_classes"][:, 1:]   # the first is the colour, always white
    shape = _shape(path)
    if factors.shape != (len(factors), len(SIZES)) or shape != (len(factors), SIDE, SIDE) or (
            factors < 0).any() or (factors >= SIZES).any():
        raise ValueError(f"{path} is not dSprites' .npz file: its images are {shape}, its factors "
                         f"{factors.shape}")
    rows = chosen(images, len(factors))
    if len(rows) == TOTAL:
        x = kept(cache_folder() / "dsprites" / f"{digest}.npy", _chunks(path), "unpacking dSprites")
    else:
        x = _some(path, rows)
    collection = _collection(x, factors[rows].astype(np.int16))
    collection.identity.update(path=str(path.resolve()), digest=f"{digest} {len(rows)}")
    collection.notes += [_agreement(collection), *([] if digest == PUBLISHED else [
        f"{path} is not the published file: its md5 is {digest}, not {PUBLISHED}"])]
    return collection


def _shape(path: Path) -> tuple[int, ...]:
    """Shape of the images in the file. Raises ValueError if they are not bytes."""
    with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
        shape, _, dtype = _header(file)
    if dtype != np.uint8:
        raise ValueError(f"{path} is not dSprites' .npz file: its images are {dtype}")
    return shape


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0}
    header: tuple[tuple[int, ...], bool, np.dtype[Any]] = read[version](file)
    return header


def _chunks(path: Path) -> Iterator[np.ndarray]:
    """The file's images as 0 and 255, (n, 64, 64), a few thousand at a time, without unpacking all
    of them into memory."""
    with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
        total = _header(file)[0][0]
        starts = range(0, total, CHUNK)
        for start in track(starts, len(starts), "unpacking dSprites"):
            count = min(CHUNK, total - start)
            content = file.read(count * SIDE * SIDE)
            if len(content) < count * SIDE * SIDE:
                raise EOFError(f"it ends within image {start + len(content) // SIDE**2}")
            yield 255 * np.frombuffer(content, np.uint8).reshape(-1, SIDE, SIDE)


def _some(path: Path, rows: np.ndarray) -> np.ndarray:
    """The images (n, 64, 64) with these indices (n,), in order."""
    images, start = [], 0
    for chunk in _chunks(path):
        within = rows[(rows >= start) & (rows < start + len(chunk))]
        images.append(chunk[within - start])
        start += len(chunk)
    return np.concatenate(images)


def _agreement(collection: Collection) -> str:
    """A note on how far a file's images agree with those drawn here."""
    assert collection.factors is not None
    some = np.linspace(0, len(collection.x) - 1, min(COMPARED, len(collection.x))).astype(int)
    theirs, ours = collection.x[some, ..., 0] > 0, draw(collection.factors.values[some]) > 0
    both, either = (theirs & ours).sum(), (theirs | ours).sum()
    return (f"{len(some):,} of these images compared with those that Hourglass draws for the same "
            f"factors: {(theirs == ours).mean():.2%} of the pixels are equal; of the pixels that "
            f"are white in either, {both / max(either, 1):.0%} are white in both")
