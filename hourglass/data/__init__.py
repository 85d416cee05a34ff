"""Data: a source's name or a path becomes a Source, split and ready to train on."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..contracts import Collection, Raw
from ..spec import Call, did_you_mean, read, sources
from . import arrays, binarised, celeba, dsprites, files, frames, nab, named, pairs, series, table
from .arrays import from_array
from .images import Reading
from .ondisk import IN_MEMORY, OnDisk
from .source import Source, Split, shuffled
from .splits import make_splits, of_other_classes

CHUNK = 4096   # samples looked at together
RAW: dict[str, Callable[..., Raw]] = {   # the sources whose values have an encoding
    "table": table.read_table, "series": series.read_series, "nab": nab.read_nab}


def collect(data: Any, reading: Reading, y: Any = None) -> Collection:
    """All samples of a named source, a path, a list of images' paths, or an array or a data frame
    in memory; a Collection stays as it is. Raises ValueError."""
    if isinstance(data, Collection):
        return data
    if isinstance(data, list | tuple) and data and isinstance(data[0], str | Path):
        return files.images(reading, tuple(map(str, data)))
    if frames.is_frame(data):
        return table.whole(table.from_frame(data, y=y))
    if not isinstance(data, str | Path):
        return from_array(data, y, reading)
    collection: Collection = sources.build(find_call(str(data)), reading)
    return collection


def collect_like(data: Any, encoding: dict[str, Any]) -> Collection:
    """The samples of a table's file, a data frame or a source, encoded as those were that a model
    was trained on. Raises ValueError."""
    kind = encoding["kind"]
    of_series = {name: encoding[name] for name in ("window", "columns", "time")
                 } if kind == "series" else {}
    if frames.is_frame(data):
        raw = series.from_frame(frames.checked(data, "the table"), **of_series) if (
            of_series) else table.from_frame(data)
        return raw.encode(encoding)
    call = find_call(str(data))
    if call == Call("table", (str(data),)):   # any table's file
        call = Call(kind, call.args, of_series)
    if call.name not in RAW:
        raise ValueError(f"this model was trained on a {kind}, not on such as {data}; give it a "
                         f"csv or parquet file")
    return RAW[call.name](**sources.check(call)).encode(encoding)


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
    if path.suffix.lower() in frames.SUFFIXES:
        return Call("table", (data,))
    if path.suffix in (".npy", ".npz"):
        return Call("array", (data,))
    if path.name.lower().endswith(files.ARCHIVES):
        return Call("archive", (data,))
    if path.suffix.lower() in files.SUFFIXES:
        return Call("images", (data,))
    raise ValueError(f"{data} is neither a folder of images, a zip or tar archive of them, "
                     f"an image, a .csv or .parquet table, nor a .npy or .npz array")


def _as_call(data: str) -> Call | None:
    try:
        return read(data)
    except ValueError:
        return None


def split(
    collection: Collection, shares: dict[str, float], seed: int, only: str = "",
    counts: bool = False,
) -> Source:
    """The collection as a Source; `shares` (val, test, holdout) are what `make_splits` takes.
    Training sees `only` these classes, named with commas, if any are. Where its numbers are
    `counts`, they stay as they are; raises ValueError for others."""
    own = collection.raw.parts(shares) if collection.raw else collection.parts
    others = of_other_classes(collection, only)
    parts = make_splits(len(collection.x), own, shares, collection.y, seed, others)
    if collection.raw is not None:   # what its samples are scaled by is known only now
        collection = collection.raw.learn(parts["train"])
    x = collection.x
    low, high, scale = _range_of_counts(x) if counts else _range(x)
    base = stored(x)
    y = None if collection.y is None else torch.from_numpy(collection.y)
    given = None if collection.given is None else stored(collection.given)
    gaps = x.dtype != np.uint8 and any(np.isnan(chunk).any() for chunk in _chunks(x))
    splits = {name: Split(base, y, torch.from_numpy(index), scale, given=given, gaps=gaps,
                          known=_known(x, index) if gaps else 1.0)
              for name, index in parts.items()}
    digest = collection.identity.get("digest") or _digest(x)
    identity = {**collection.identity, "digest": digest,
                "samples": len(x), "shape": list(collection.shape),
                "splits": {name: len(index) for name, index in parts.items()}}
    return Source(splits, collection.shape, low, high, collection.classes, collection.names,
                  tuple(collection.notes), identity, collection.encoding, collection.factors)


def stored(x: np.ndarray) -> torch.Tensor | OnDisk:
    """The samples as splits share them: in memory, or on disk where they are many."""
    if isinstance(x, np.memmap) and x.nbytes > IN_MEMORY:
        return OnDisk(x)
    if min(x.strides) > 0 and x.strides[0] < x[0].nbytes and x.flags.writeable:
        # windows that overlap: no copies of them
        return torch.from_numpy(x)
    return torch.from_numpy(np.ascontiguousarray(x) if x.flags.writeable else np.array(x))


def _digest(x: np.ndarray) -> str:
    """Of all samples; of very many, of a thousand of them."""
    some = x if x.nbytes <= IN_MEMORY else x[:: -(-len(x) // 1000)]
    head = f"{x.shape} {x.dtype}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(some).tobytes()).hexdigest()


def _known(x: np.ndarray, index: np.ndarray) -> float:
    return float(np.mean([np.isfinite(x[i]).mean() for i in index]))


def _chunks(x: np.ndarray) -> Iterator[np.ndarray]:
    return (x[start:start + CHUNK] for start in range(0, len(x), CHUNK))


def _range(x: np.ndarray) -> tuple[float, float, float]:
    """The least and greatest value a sample can have, and what a stored number is worth."""
    chunks = list(_chunks(x))
    if x.dtype == np.uint8:
        return (0.0, 1.0, 1 / 255) if any(c.max() > 1 for c in chunks) else (0.0, 1.0, 1.0)
    if not any((c < 0).any() or (c > 1).any() for c in chunks):   # which NaN is neither
        return 0.0, 1.0, 1.0
    return float("-inf"), float("inf"), 1.0


def _range_of_counts(x: np.ndarray) -> tuple[float, float, float]:
    for chunk in _chunks(x):
        wrong = chunk[(chunk < 0) | (chunk != np.rint(chunk)) & ~np.isnan(chunk)]
        if len(wrong):
            raise ValueError(f"this likelihood is for counts, whole numbers from 0, and this data "
                             f"has others, such as {wrong[0]:.5g}; give it the counts themselves, "
                             f"as an array, for a table's columns are scaled")
    return 0.0, float("inf"), 1.0
