"""Arrays as data: .npy and .npz files, and arrays in memory."""

import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from einops import rearrange

from ...core.contracts import Collection, Factors
from ...core.hints import did_you_mean
from ...core.registry import sources
from ...core.size_limits import check_zip
from ..decoded_cache import Manifest, load_manifest, prepared_collection
from ..find import find_call
from ..image_options import LATER
from ..labels import numbered
from ..matlab import read_matlab
from ..memory_map import IN_MEMORY
from ..read_image import Reading, read_size, shape_images
from ..scales import FAINT, chunks
from ..windows import Windows, windows_of
from .read_image_folder import changed_since

KEYS = {"train": ("x_train", "train", "train_images", "x", "images", "data", "arr_0"),
        "val": ("x_val", "val", "valid", "validation", "x_valid", "val_images"),
        "test": ("x_test", "test", "test_images")}
KNOWN = (1, 3, 4)   # numbers of channels that are recognised
FLAT = 64           # least length of a vector that may be a flattened image
BRIGHTEST = 200     # least maximum of such an image
LABELS = {"train": ("y_train", "train_labels", "y", "labels", "label", "target", "arr_1"),
          "val": ("y_val", "y_valid", "val_labels"), "test": ("y_test", "test_labels")}


@sources.add("array", example="array('images.npy')")
def array(reading: Reading, path: str, kind: Literal["", "series"] = "") -> Collection:
    """A .npy file, or a .npz or .mat file with x (and y), or with x_train, x_test and so on.

    Known generative factors are integers `factors` (N, F), for train, val and test one after
    another, with `factor_names`, and `unordered` for the names of factors without an order.
    kind='series' reads windows (N, T, C) of T steps and C channels, or (N, T), and scales each
    channel by the training split."""
    file = Path(path).expanduser()
    if file.suffix.lower() == ".mat":
        collection = _from_named(read_matlab(file), path, reading, kind == "series")
        collection.identity.update(path=str(file.resolve()))
        return collection
    try:
        if not file.is_file():   # a pipe would be waited for
            raise FileNotFoundError(path)
        if zipfile.is_zipfile(file):
            check_zip(file)
        content = np.load(file, mmap_mode="r", allow_pickle=False)
        arrays = {"x": content} if isinstance(content, np.ndarray) else dict(content)
    except (ValueError, OSError, EOFError, KeyError, MemoryError, OverflowError, RuntimeError,
            NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as an array: {_why_not(file, error)}") from None
    manifest = load_manifest(file)
    if manifest:
        return _prepared(file, arrays["x"], manifest, reading)
    collection = _from_named(arrays, path, reading, kind == "series")
    collection.identity.update(path=str(file.resolve()))
    return collection


def _prepared(file: Path, x: np.ndarray, manifest: Manifest, reading: Reading) -> Collection:
    """Load a prepared file. Its images cannot be resized any more."""
    options = {k: v for k, v in reading.manner.items()
               if v != getattr(Reading(), k) and k not in LATER}   # recognised from the images
    size = options.pop("size", "")
    options = {k: v for k, v in options.items() if k not in ("patches", "patches_each")}
    if size and read_size(size, "size") != x.shape[1:3]:
        raise ValueError(f"{file} was prepared at {x.shape[1]}x{x.shape[2]}; for another size, "
                         f"hourglass data prepare {manifest.source} --size {size} -o another.npy")
    wrong = [k for k, v in options.items() if manifest.reading.get(k) != v]
    if wrong:
        raise ValueError(f"{file} was prepared without {wrong[0]} {options[wrong[0]]}; prepare it "
                         f"again from {manifest.source}")
    collection = prepared_collection(file, x, manifest)
    collection.notes.extend(changed_since(manifest, file, len(x)))
    return collection


def _why_not(file: Path, error: Exception) -> str:
    if not file.is_file():
        return "there is no such file"
    with open(file, "rb") as stream:
        begins = stream.read(6)
    if begins[:2] != b"PK" and begins != b"\x93NUMPY":
        return "it does not begin like a .npy or .npz file"
    if "pickle" in str(error) or "Python objects" in str(error):
        return "it holds pickled objects"
    if "memory" in str(error) or isinstance(error, MemoryError):
        return str(error)
    return "it is cut short or damaged"


def _from_named(
    arrays: dict[str, np.ndarray], path: str, reading: Reading, series: bool = False
) -> Collection:
    arrays, notes = _usual_names(arrays)
    key_of = {part: next((k for k in keys if k in arrays), "") for part, keys in KEYS.items()}
    if not key_of["train"]:
        raise ValueError(f"{path} holds {', '.join(arrays) or 'nothing'}; name the array x, "
                         f"or x_train and x_test")
    parts = [part for part, key in key_of.items() if key]
    xs = [arrays[key_of[part]] for part in parts]
    labels = [next((arrays[k] for k in LABELS[part] if k in arrays), None) for part in parts]
    if len({x.shape[1:] for x in xs}) > 1:
        raise ValueError(f"{path}: {' and '.join(key_of[p] for p in parts)} have samples of "
                         f"different shapes")
    y = None if any(v is None for v in labels) else np.concatenate(labels)  # type: ignore
    whole, own = np.concatenate(xs) if len(xs) > 1 else xs[0], {}
    if len(parts) > 1:
        ends = np.cumsum([len(x) for x in xs])
        own = {part: np.arange(end - len(x), end)
               for part, x, end in zip(parts, xs, ends, strict=True)}
    if series:
        return from_windows(whole, y, own)
    if whole.dtype.names:
        raise ValueError(f"{path} holds records with the columns {', '.join(whole.dtype.names)}; "
                         f"save them as a table: pandas.DataFrame(numpy.load({path!r})).to_csv("
                         f"'records.csv', index=False)")
    collection = from_array(whole, y, reading)
    collection.notes = [*notes, *collection.notes]
    collection.parts = own
    if "factors" in arrays:
        collection.factors = _factors(arrays, len(collection.x), path)
    return collection


def _usual_names(arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays under names in lower case, as X for x; a single array of any name is x."""
    lower = {name.lower(): values for name, values in arrays.items()}
    if len(lower) < len(arrays):
        lower = arrays
    if len(lower) == 1 and not set(lower) & {key for keys in KEYS.values() for key in keys}:
        (name, values), = lower.items()
        return {"x": values}, [f"its one array {name!r} is read as the samples"]
    return lower, []


def _factors(arrays: dict[str, np.ndarray], total: int, path: str) -> Factors:
    values = np.atleast_1d(arrays["factors"])
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != total or not values.shape[1]:
        raise ValueError(f"{path}: factors of shape {values.shape} do not fit {total} samples; "
                         f"they must be (N, F)")
    if values.dtype.kind not in "biuf" or not np.array_equal(values, np.rint(values)):
        raise ValueError(f"{path}: factors must be integers, the index of each value")
    listed = [str(name) for name in np.atleast_1d(arrays.get("factor_names", np.empty(0, str)))]
    names = tuple(listed or (f"factor {i}" for i in range(1, values.shape[1] + 1)))
    if len(set(names)) != values.shape[1]:
        raise ValueError(f"{path}: {values.shape[1]} factors need as many different factor_names, "
                         f"not {', '.join(names)}")
    kinds = tuple(str(name) for name in np.atleast_1d(arrays.get("unordered", np.empty(0, str))))
    wrong = next((name for name in kinds if name not in names), None)
    if wrong is not None:
        raise ValueError(f"{path}: unordered names the factor {wrong!r}, which does not exist; "
                         f"{did_you_mean(wrong, names)}")
    return Factors(values.astype(np.int64), names, kinds)


def from_array(x: Any, y: Any = None, reading: Reading | None = None) -> Collection:
    """Collect samples from an array or tensor: images (N, H, W), (N, H, W, C) or (N, C, H, W) with
    any number of channels, or vectors (N, D). Labels y (N,) may be numbers or texts. NaN marks a
    missing pixel. Raises ValueError."""
    reading = reading or Reading()
    values = np.asanyarray(x)   # a memory map stays on disk
    if values.dtype.kind not in "biuf":
        raise ValueError(f"an array of {values.dtype} has no numbers to learn from")
    values, notes = _laid_out(values, reading)
    if values.dtype.kind == "f":
        _check_finite(values)
    if not reading.as_stored:
        values = _as_small(values)
    if values.ndim == 4:
        theirs = values.shape[1:3]
        values = shape_images(values, reading)
        if values.shape[1:3] != theirs:
            notes.append(f"images of {'x'.join(map(str, theirs))} pixels are brought to "
                         f"{'x'.join(map(str, values.shape[1:3]))}")
    labels, classes = numbered(y, len(values))
    return Collection(values, labels, classes, notes=notes)


def from_windows(x: Any, y: Any = None, own: dict[str, np.ndarray] | None = None) -> Collection:
    """Collect windows of series from an array or tensor (N, T, C) or (N, T), with labels y (N,) and
    their `own` splits, as indices."""
    labels, classes = numbered(y, len(x))
    windows = windows_of(x, labels, classes, own)
    return windows.learn(np.arange(len(windows.values)))


def windows_like(data: Any, encoding: dict[str, Any]) -> Collection:
    """Windows in memory, or in a .npy or .npz file, on the scale of a model of windows or of a
    series. Raises ValueError."""
    if isinstance(data, str | Path):
        call = find_call(str(data))
        if call.name != "array":
            raise ValueError(f"this model was trained on windows (N, T, C), not on such as {data}; "
                             f"give it a .npy or .npz file")
        collection = array(Reading(), str(call.args[0]), kind="series")
        assert isinstance(collection.raw, Windows)
        return collection.raw.encode(encoding)
    return windows_of(data).encode(encoding)


def _laid_out(x: np.ndarray, reading: Reading) -> tuple[np.ndarray, list[str]]:
    """Bring images to (N, H, W, C) and vectors to (N, D), with a note if the layout is a guess."""
    notes = []
    if x.ndim == 3:
        x = x[..., None]
    elif x.ndim == 4 and x.shape[-1] not in (KNOWN if not reading.channels else ()):
        first, last, shape = x.shape[1], x.shape[-1], ", ".join(map(str, x.shape[1:]))
        place = "last"
        known = (reading.channels,) if reading.channels else KNOWN
        square = (x.shape[2] == last) - (first == x.shape[2])   # the other axis is the channels
        if last not in known and (first in known or square > 0 or (not square and first < last)):
            x, place = rearrange(x, "n c h w -> n h w c"), "first"
        if x.shape[-1] not in known:
            notes.append(f"an array of shape (N, {shape}) is read as images with {x.shape[-1]} "
                         f"channels, which come {place}")
    if x.ndim not in (2, 4) or not len(x) or not x[0].size:
        raise ValueError(f"an array of shape {x.shape} is neither images (N, H, W[, C]) or "
                         f"(N, C, H, W) nor vectors (N, D)")
    return x, notes


def _as_small(x: np.ndarray) -> np.ndarray:
    """Convert values to the smallest type that holds them unchanged: uint8, uint16 or int16 for
    images of integers, otherwise float32."""
    if x.dtype == np.uint8 or (isinstance(x, np.memmap) and x.nbytes > IN_MEMORY and x.ndim == 4
                               and x.dtype in (np.uint16, np.int16, np.float32)):
        return x
    if x.dtype == bool:
        return x.astype(np.uint8)
    pixels = x.ndim == 4 or _are_flat_pixels(x)
    low, high = x.min(), x.max()   # NaN if one value is NaN
    if x.ndim == 4 and low >= 0 and 1 < high < FAINT and x.dtype.kind in "iu":
        return x.astype(np.float32)   # hardly pixels: uint8 would say that they are
    if x.dtype.kind in "iu" and pixels:
        for kind in (np.uint8, np.uint16, np.int16):
            if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
                return x.astype(kind, copy=False)
    if x.ndim == 4 and low >= 0 and FAINT <= high <= 255 and (x == np.rint(x)).all():
        return x.astype(np.uint8)   # pixels that were converted to floats
    return x.astype(np.float32, copy=False)


def _are_flat_pixels(x: np.ndarray) -> bool:
    """Whether integer vectors (N, D) are flattened 8-bit images, such as MNIST's 784 numbers. Other
    integers are counts, which are not scaled."""
    sides = {np.sqrt(x.shape[1] / channels) for channels in (1, 3)}
    return bool(x.shape[1] >= FLAT and any(side == np.rint(side) for side in sides)
                and x.min() == 0 and BRIGHTEST <= x.max() <= 255)


def _check_finite(x: np.ndarray) -> None:
    """Raise ValueError for infinite values, and for vectors with missing values."""
    for chunk in chunks(x):
        bad = np.isinf(chunk) if x.ndim == 4 else ~np.isfinite(chunk)
        if bad.any():
            raise ValueError(_where_not_finite(x))


def _where_not_finite(x: np.ndarray) -> str:
    bad = np.isinf(x) if x.ndim == 4 else ~np.isfinite(x)
    if x.ndim == 2:
        columns = np.flatnonzero(bad.any(0))
        return (f"missing or infinite: {int(bad.sum())} of {bad.size:,} values, in columns "
                f"{', '.join(map(str, columns[:10]))}; fill them in, or leave these columns out")
    rows = np.flatnonzero(bad.reshape(len(x), -1).any(1))
    return (f"missing or infinite: {int(bad.sum())} of {bad.size:,} values, in samples "
            f"{', '.join(map(str, rows[:10]))}; leave them out, or set them to NaN for missing")
