"""Collect the samples of a source, a path or data in memory, and split them for training."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.contracts import Collection, Raw, Scale
from ..core.expressions import Call
from ..core.registry import sources
from .find import find_call
from .in_memory import gather, with_missing
from .input_types import DataInMemory
from .labels import with_labels
from .memory_map import IN_MEMORY, OnDisk
from .on_demand import OnDemand
from .pandas_library import is_frame
from .patches import Patches, all_pixels, as_patches, in_patches, spread
from .ratings_splits import split_ratings
from .read_image import Reading, read_size
from .scales import chunks, find_scale
from .sources import (
    arrays,
    lines,
    molecules,
    nab,
    ratings,
    read_image_folder,
    series,
    shards,
    table,
)
from .sources.arrays import from_array
from .sources.lines import lines_like
from .sparse_rows import SparseRows
from .split_data import Source, Split, Stored
from .splits import make_splits, of_other_classes
from .user_histories import is_ratings, read_histories
from .vocabulary import OF_MOLECULES

OF_RATINGS = "ratings are chosen from least= on, or scaled by their deviation with explicit=True"
OF_FILES = ("folder", "archive", "pairs", "celeba", "images")   # sources that select files
RAW: dict[str, Callable[..., Raw]] = {   # sources whose values need a learned encoding
    "table": table.read_table, "series": series.read_series, "nab": nab.read_nab}


def collect(data: Any, reading: Reading, y: Any = None) -> Collection:
    """Collect all samples of a named source, a path, a list of image paths, or data in memory (see
    `gather`), with labels y (N,). A Collection is returned unchanged. Raises ValueError."""
    samples = DataInMemory(data, y) if isinstance(data, Call) else gather(data, reading, y)
    data, y = samples.values, samples.y
    if isinstance(data, Collection):
        return data
    collection = _collected(data, reading, y, samples)
    if reading.patches:
        size = read_size(reading.patches, "patches")
        collection = in_patches(collection, size, reading.patches_each)
    return collection


def _collected(data: Any, reading: Reading, y: Any, samples: DataInMemory) -> Collection:
    if isinstance(data, str | Path | Call):
        if y is not None:
            raise ValueError(f"labels y go with data in memory, but {data} is a name or a path; "
                             f"name classes by folders or by a column, as in "
                             f"table('rows.csv', label='kind')")
        return _of_source(data if isinstance(data, Call) else find_call(str(data)), reading)
    if isinstance(data, list | tuple):
        paths = [*map(str, data)]
        return with_labels(read_image_folder.images(reading, tuple(paths)), paths, y)
    if is_frame(data):
        return table.whole(table.from_frame(data, y=y))
    collection = from_array(data, y, Reading() if samples.shaped else reading)
    collection = with_missing(collection, samples.mask)
    collection.notes += samples.notes
    return collection


def _of_source(call: Call, reading: Reading) -> Collection:
    """Collect a source's samples. Adds a note if options that select files have no effect."""
    samples = sources.build(call, reading)
    if isinstance(samples, Collection):
        collection = samples
    else:   # of an own source: x, or x and y
        x, y = samples if isinstance(samples, tuple) else (samples, None)
        collection = _collected(x, reading, y, gather(x, reading, y))
    idle = [name for name in ("include", "exclude", "label_depth", "pages")
            if call.name not in OF_FILES and name in reading.manner]
    if idle:
        collection.notes.append(f"{' and '.join(idle)}: without effect here, only for folders and "
                                f"archives of images")
    return collection


def collect_like(data: Any, encoding: dict[str, Any]) -> Collection:
    """Collect the samples of a table's file, a data frame, rows in memory, an array of windows or a
    source, with the encoding that a trained model uses. Raises ValueError."""
    kind = encoding["kind"]
    if is_ratings(encoding):
        histories = read_histories(data, encoding)
        return replace(histories.collection, encoding=encoding)
    if encoding.get("level") in OF_MOLECULES:
        return molecules.molecules_like(data, encoding)
    if kind == lines.KIND:
        return lines_like(data, encoding)
    if kind == "table" and not isinstance(data, str | Path):
        return table.rows_like(data, encoding)
    if kind == "windows" or not (isinstance(data, str | Path) or is_frame(data)):
        return arrays.windows_like(data, encoding)
    if is_frame(data):
        return series.from_frame_like(data, encoding).encode(encoding)
    call = find_call(str(data))
    if call.name in ("table", "array") and call.args == (str(data),) and not call.kwargs:
        call = Call(kind, call.args)   # the file of any table
    if call.name not in RAW:
        raise ValueError(f"this model was trained on a {kind}, so it cannot use {data}; pass a csv "
                         f"or parquet file")
    options = sources.check(call)
    if call.name == "series" and kind == "series":
        options = {**series.options_like(encoding), **options, "lenient": True}
    elif call.name == kind == "table":
        options = {"decimal": encoding.get("decimal", ""), **options}
    return RAW[call.name](**options).encode(encoding)


def split(
    collection: Collection, shares: dict[str, float], seed: int, only: str = "",
    counts: bool = False, reading: Reading | None = None,
) -> Source:
    """Split a collection. `shares` (val, test, holdout) are as in `make_splits`.

    `only` names the training classes, separated by commas. `counts` keeps integers unscaled, and
    raises ValueError for other numbers. `reading` sets the value range and inversion."""
    others = of_other_classes(collection, only)
    if isinstance(collection.raw, ratings.Ratings):
        if reading and reading.range:
            raise ValueError(f"range is for images and arrays; {OF_RATINGS}")
        return split_ratings(collection, collection.raw, shares, seed)
    own = collection.raw.parts(shares) if collection.raw else _own_parts(collection, shares)
    parts = make_splits(len(collection.x), own, shares, collection.y, seed, others)
    if collection.raw is not None:   # its scale is learnt from the training split
        collection = collection.raw.learn(parts["train"])
    scale, notes = _scale_of(all_pixels(collection), counts, reading or Reading())
    if as_patches(collection.x) is not None:
        collection, parts = spread(collection, parts, int(collection.identity["each"]), seed)
    x = collection.x
    low, high = (0.0, 1.0) if scale.bounded else (0.0 if counts else -np.inf, np.inf)
    base = stored(x)
    y = None if collection.y is None else torch.from_numpy(collection.y)
    encoder_input = None if collection.encoder_input is None else stored(collection.encoder_input)
    gaps = x.dtype.kind == "f" and any(np.isnan(chunk).any() for chunk in chunks(x))
    splits = {name: Split(base, y, torch.from_numpy(index), scale.factor, gaps=gaps,
                          encoder_input=encoder_input, offset=scale.offset,
                          known=_known(x, index) if gaps else 1.0,
                          clip=scale.clip, lengths=lines.lengths_of(collection))
              for name, index in parts.items()}
    identity = {**collection.identity, "digest": digest_of(collection),
                "samples": len(x), "shape": list(collection.shape),
                "splits": {name: len(index) for name, index in parts.items()}}
    return Source(splits, collection.shape, low, high, collection.classes, collection.names,
                  (*collection.notes, *notes), identity, collection.encoding, collection.factors,
                  scale, collection.captions, collection.properties)


def _own_parts(collection: Collection, shares: dict[str, float]) -> dict[str, np.ndarray]:
    """The data's own splits. Those of shards are by the samples' names."""
    x: Any = collection.x
    if isinstance(x, OnDemand):
        return shards.split_by_name(x, shares, collection.parts)
    return collection.parts


def stored(x: Any) -> Stored:
    """The samples in the form that splits share: in memory, or on disk if they are large."""
    if isinstance(x, Patches | OnDemand | SparseRows):
        return x
    if isinstance(x, np.memmap) and x.nbytes > IN_MEMORY:
        return OnDisk(x)
    if min(x.strides) > 0 and x.strides[0] < x[0].nbytes and x.flags.writeable:
        # overlapping windows are not copied
        return torch.from_numpy(x)
    return torch.from_numpy(np.ascontiguousarray(x) if x.flags.writeable else np.array(x))


def digest_of(collection: Collection) -> str:
    """Digest of a collection's samples: of files, of their names and sizes."""
    return str(collection.identity.get("digest") or _digest(collection.x))


def _digest(x: np.ndarray) -> str:
    """Digest of all samples; of a thousand of them if there are very many."""
    some = x if x.nbytes <= IN_MEMORY else x[:: -(-len(x) // 1000)]
    head = f"{x.shape} {x.dtype}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(some).tobytes()).hexdigest()


def _known(x: np.ndarray, index: np.ndarray) -> float:
    return float(np.mean([np.isfinite(x[i]).mean() for i in index]))


def _scale_of(
    collection: Collection, counts: bool, reading: Reading
) -> tuple[Scale, list[str]]:
    """The scale of the samples, and notes on it."""
    x = collection.x
    if (counts or collection.encoding) and reading.range:
        raise ValueError("range is for images and arrays; " + (
            "this likelihood is for counts, which are not scaled" if counts else
            "each column of a table has its own scale"))
    if counts:
        _check_counts(x)
        return Scale(0, 1, 0, what="counts"), []
    if collection.scale is not None:
        return collection.scale, []
    scale, notes = find_scale(x, reading.range, reading.invert, collection.encoder_input)
    return scale, [] if collection.encoding else notes   # of columns: their gaps are said already


def rescaled(source: Source, scale: Scale) -> Source:
    """The source with a trained model's scale."""
    splits = {name: replace(split, scale=scale.factor, offset=scale.offset, clip=scale.clip)
              for name, split in source.splits.items()}
    low, high = (0.0, 1.0) if scale.bounded else (-np.inf, np.inf)
    return replace(source, splits=splits, low=low, high=high, scale=scale)


def _check_counts(x: np.ndarray) -> None:
    for chunk in chunks(x):
        wrong = chunk[(chunk < 0) | (chunk != np.rint(chunk)) & ~np.isnan(chunk)]
        if len(wrong):
            raise ValueError(f"this likelihood is for counts, integers from 0, and this data has "
                             f"others, such as {wrong[0]:.5g}; pass the counts as an array, "
                             f"because a table's columns are scaled")
