"""Data: a source's name or a path becomes a Source, split and ready to train on."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..contracts import Collection
from ..spec import Call, did_you_mean, read, sources
from . import arrays, celeba, files, named
from .arrays import from_array
from .images import Reading
from .ondisk import IN_MEMORY, OnDisk
from .source import Source, Split, shuffled
from .splits import make_splits, of_other_classes

CHUNK = 4096   # samples looked at together


def collect(data: Any, reading: Reading, y: Any = None) -> Collection:
    """All samples of a named source, a path, a list of images' paths, or an array in memory.

    Raises ValueError.
    """
    if isinstance(data, list | tuple) and data and isinstance(data[0], str | Path):
        return files.images(reading, tuple(map(str, data)))
    if not isinstance(data, str | Path):
        return from_array(data, y, reading)
    collection: Collection = sources.build(find_call(str(data)), reading)
    return collection


def find_call(data: str) -> Call:
    """The source that a text names: a source's text, or the path of a file or folder."""
    path = Path(data).expanduser()
    call = _as_call(data)
    if call and (call.name in sources.parts or not path.exists()):
        if call.name not in sources.parts:
            raise ValueError(f"no data source is named {call.name!r}, nor is there such a file or "
                             f"folder; {did_you_mean(call.name, sources.parts)}")
        return call
    if path.is_dir():
        return Call("folder", (data,))
    if not path.exists():
        raise ValueError(f"there is no file or folder {data}")
    if path.suffix in (".npy", ".npz"):
        return Call("array", (data,))
    if path.name.lower().endswith(files.ARCHIVES):
        return Call("archive", (data,))
    if path.suffix.lower() in files.SUFFIXES:
        return Call("images", (data,))
    raise ValueError(f"{data} is neither a folder of images, a zip or tar archive of them, "
                     f"an image, nor a .npy or .npz array")


def _as_call(data: str) -> Call | None:
    try:
        return read(data)
    except ValueError:
        return None


def split(
    collection: Collection, shares: dict[str, float], seed: int, only: str = ""
) -> Source:
    """The collection as a Source; `shares` (val, test, holdout) are what `make_splits` takes.
    Training sees `only` these classes, named with commas, if any are."""
    x, others = collection.x, of_other_classes(collection, only)
    parts = make_splits(len(x), collection.parts, shares, collection.y, seed, others)
    low, high, scale = _range(x)
    base = stored(x)
    y = None if collection.y is None else torch.from_numpy(collection.y)
    given = None if collection.given is None else stored(collection.given)
    gaps = x.dtype != np.uint8 and bool(np.isnan(x).any())
    splits = {name: Split(base, y, torch.from_numpy(index), scale, given=given, gaps=gaps)
              for name, index in parts.items()}
    digest = collection.identity.get("digest") or _digest(x)
    identity = {**collection.identity, "digest": digest,
                "samples": len(x), "shape": list(collection.shape),
                "splits": {name: len(index) for name, index in parts.items()}}
    return Source(splits, collection.shape, low, high, collection.classes, collection.names,
                  tuple(collection.notes), identity)


def stored(x: np.ndarray) -> torch.Tensor | OnDisk:
    """The samples as splits share them: in memory, or on disk where they are many."""
    if isinstance(x, np.memmap) and x.nbytes > IN_MEMORY:
        return OnDisk(x)
    return torch.from_numpy(np.ascontiguousarray(x) if x.flags.writeable else np.array(x))


def _digest(x: np.ndarray) -> str:
    """Of all samples; of very many, of a thousand of them."""
    some = x if x.nbytes <= IN_MEMORY else x[:: -(-len(x) // 1000)]
    head = f"{x.shape} {x.dtype}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(some).tobytes()).hexdigest()


def _range(x: np.ndarray) -> tuple[float, float, float]:
    """The least and greatest value a sample can have, and what a stored number is worth."""
    chunks = [x[start:start + CHUNK] for start in range(0, len(x), CHUNK)]
    if x.dtype == np.uint8:
        return (0.0, 1.0, 1 / 255) if any(c.max() > 1 for c in chunks) else (0.0, 1.0, 1.0)
    if all(np.nanmin(c) >= 0 and np.nanmax(c) <= 1 for c in chunks):
        return 0.0, 1.0, 1.0
    return float("-inf"), float("inf"), 1.0
