"""Data sets in MNIST's format: images and labels in IDX files, in a folder, an archive or alone."""

import gzip
import io
import math
import struct
import tarfile
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import numpy as np

from ...core.contracts import Collection
from ...core.hints import did_you_mean
from ...core.registry import sources
from ...core.size_limits import check_swelling
from ..find_images import is_archive
from ..idx_names import StoredFile, files_in, named
from ..read_image import Reading
from .arrays import from_array

PARTS = {"trai": "train", "t10k": "test", "test": "test", "val": "val", "vali": "val"}
TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}   # by the third byte
TURNED = "emnist"  # a set whose images are stored turned and mirrored


@sources.add("idx", example="idx('glyphs/')")
def idx(reading: Reading, path: str, set: str = "") -> Collection:
    """IDX files under MNIST's names, such as train-images-idx3-ubyte.gz, in a folder or archive.

    Labels and splits are read from the files next to the images. `set` names one of several data
    sets in one place, such as emnist-letters.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise ValueError(f"there is no file or folder {path}")
    with ExitStack() as stack:
        try:
            whole = place.parent if place.is_file() and not is_archive(place) else place
            members = {member.name: member for member in files_in(whole, stack)}
            return _read(_choose(members, path, set, place), members, reading)
        except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} cannot be read: {str(error) or 'it is cut short'}"
                             ) from None


def _choose(
    members: dict[str, StoredFile], path: str, set_name: str, place: Path
) -> dict[str, str]:
    """The names of the files by part and content, such as "train images", of one set. Raises
    ValueError for none, or several."""
    sets: dict[str, dict[str, str]] = {}
    for name in sorted(members, key=lambda name: name.lower().endswith(".gz"), reverse=True):
        if match := named(name):   # an unpacked file takes the place of its packed one
            key = f"{PARTS[match['part'][:4].lower()]} {match['what'].lower()}"
            sets.setdefault((match["set"] or "").lower(), {})[key] = name
    if place.is_file() and not is_archive(place) and (match := named(place.name)):
        own = sets[(match["set"] or "").lower()]
        part = PARTS[match["part"][:4].lower()]
        return {key: name for key, name in own.items() if key.startswith(part)}
    sets = {name: files for name, files in sets.items() if any("images" in key for key in files)}
    if not sets:
        raise ValueError(f"{path} holds no images in IDX files, such as train-images-idx3-ubyte.gz")
    if set_name and set_name.lower() not in sets:
        raise ValueError(f"{path} holds no set {set_name!r}; {did_you_mean(set_name, sets)}")
    if not set_name and len(sets) > 1:
        raise ValueError(f"{path} holds {len(sets)} data sets: {', '.join(sorted(sets))}; choose "
                         f"one, as in idx({path!r}, set={min(sets)!r})")
    return sets[set_name.lower() if set_name else min(sets)]


def _read(files: dict[str, str], members: dict[str, StoredFile], reading: Reading) -> Collection:
    xs, ys, notes = [], [], []
    parts = [part for part in ("train", "val", "test") if f"{part} images" in files]
    for part in parts:
        name = files[f"{part} images"]
        x = _array(members[name])
        if x.ndim not in (3, 4):
            raise ValueError(f"{name} holds an array of {x.shape}, and images are (N, H, W)")
        xs.append(x)
        ys.append(_labels(files.get(f"{part} labels"), members, len(x), name))
    if len({x.shape[1:] for x in xs}) > 1:
        raise ValueError(f"the images of {' and '.join(parts)} differ in size: "
                         f"{', '.join(str(x.shape[1:]) for x in xs)}")
    x = np.concatenate(xs) if len(xs) > 1 else xs[0]
    first = PurePosixPath(files[f"{parts[0]} images"]).name.lower()
    if first.startswith(TURNED):
        x = np.ascontiguousarray(np.swapaxes(x, 1, 2))
        notes.append("EMNIST stores its images turned and mirrored: they are set upright")
    y = None if any(labels is None for labels in ys) else _classes(
        np.concatenate(ys), members, first)  # type: ignore[arg-type]
    collection = from_array(x, y, reading)
    ends = np.cumsum([len(part) for part in xs])
    own = {part: np.arange(end - len(x), end) for part, x, end in zip(parts, xs, ends, strict=True)}
    if y is None:
        notes.append("the images have no labels file, so there are no classes")
    if len(parts) == 1:
        notes.append(f"only the {parts[0]} images are there: the splits are drawn from them")
    listed = ", ".join(f"{part} ({len(index):,})" for part, index in own.items())
    notes.insert(0, f"IDX files are read as splits {listed}")
    collection.parts = own if "train" in own and len(own) > 1 else {}
    collection.notes = [*notes, *collection.notes]
    return collection


def _array(file: StoredFile) -> np.ndarray:
    content = file.read()
    if content[:2] == b"\x1f\x8b":
        content = _unpacked(content, file.name)
    try:
        return read_idx(content)
    except (ValueError, struct.error) as error:
        raise ValueError(f"{file.name}: {error}") from None


def _unpacked(content: bytes, name: str) -> bytes:
    """The content of a gzip file, up to a byte more than its array has: its header says how large
    it becomes."""
    with gzip.open(io.BytesIO(content)) as file:
        head = file.read(4)
        head += file.read(4 * head[3] if len(head) == 4 else 0)
        try:
            needed = _size(head)
        except (ValueError, struct.error) as error:
            raise ValueError(f"{name}: {error}") from None
        check_swelling(needed, len(content), name)
        return head + file.read(needed + 1)


def _labels(
    name: str | None, members: dict[str, StoredFile], count: int, images: str
) -> np.ndarray | None:
    """Labels (N,) of images; of several columns, as QMNIST has them, the first."""
    if name is None:
        return None
    y = _array(members[name])
    y = y[:, 0] if y.ndim == 2 else y
    if y.ndim != 1 or len(y) != count:
        raise ValueError(f"{name} holds {len(y):,} labels, and {images} {count:,} images")
    return y


def _classes(y: np.ndarray, members: dict[str, StoredFile], first: str) -> np.ndarray:
    """The names of the classes: characters if EMNIST's mapping is there, otherwise numbers."""
    match = named(first)
    mapping = f"{match['set'] if match else ''}-mapping.txt".lower()
    file = next((member for name, member in members.items()
                 if PurePosixPath(name).name.lower() == mapping), None)
    names = {}
    for line in (file.read().decode("ascii", "replace").splitlines() if file else []):
        numbers = [int(word) for word in line.split() if word.isdigit()]
        if len(numbers) > 1:
            names[numbers[0]] = chr(numbers[1])
    return np.array([names.get(int(label), str(int(label))) for label in np.unique(y)])[
        np.unique(y, return_inverse=True)[1]]


def read_idx(content: bytes) -> np.ndarray:
    """The array in an IDX file. Raises ValueError."""
    needed, shape = _size(content), _shape(content)
    left = len(content) - 4 - 4 * len(shape)
    if left != needed:
        raise ValueError(f"this IDX file announces {shape}, but holds {left} bytes")
    kind = np.dtype(TYPES[content[2]])
    values = np.frombuffer(content, kind, offset=4 + 4 * len(shape))
    return values.reshape(shape).astype(kind.newbyteorder("="), copy=False)


def _shape(content: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{content[3]}I", content[4:4 + 4 * content[3]])


def _size(content: bytes) -> int:
    """The bytes of the array, by the header of its file. Raises ValueError."""
    if content[:2] != b"\x00\x00" or len(content) < 4 or content[2] not in TYPES:
        raise ValueError("this is not an IDX file: it does not begin with 00 00 and a known type "
                         "of numbers")
    return math.prod(_shape(content)) * np.dtype(TYPES[content[2]]).itemsize
