"""Decode a data set once into a file, so that training starts at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..core.console import track
from ..core.contracts import Collection
from ..core.files import check_space, open_part
from ..data.collect import collect
from ..data.decoded_cache import Manifest, keep_collection, load_manifest, write_header
from ..data.read_image import Reading

CHUNK = 4096


def prepare(data: str, out: Path, reading: Reading) -> Collection:
    """Write a source's images, shaped as `reading` says, (N, H, W, C) in their own depth, into the
    .npy file `out`, with names, labels and splits next to it. An interrupted file is continued, an
    up-to-date one kept.

    Raises ValueError if the source holds no images, or if `out` holds other data.
    """
    if out.suffix != ".npy":
        raise ValueError(f"prepared images are a .npy file; write -o {out.with_suffix('.npy')}")
    if reading.range:
        raise ValueError(f"a prepared file is not scaled; pass the range in training: hourglass "
                         f"train {out} --range {reading.range}")
    collection = collect(data, replace(reading, store=str(out)))
    manifest = load_manifest(out) if out.is_file() else None
    if manifest is None or not _is_in(out, collection.x):
        manifest = _write(data, collection, out, manifest, reading)
    keep_collection(out, collection, manifest)
    return collection


def _is_in(path: Path, x: np.ndarray) -> bool:
    return isinstance(x, np.memmap) and Path(str(x.filename)).resolve() == path.resolve()


def _write(
    data: str, collection: Collection, out: Path, there: Manifest | None, reading: Reading
) -> Manifest:
    """Write images that a source has in memory, unless the file is up to date."""
    manifest = Manifest(data, collection.identity.get("digest", data), reading.manner,
                        len(collection.x))
    if there and there.same(manifest):
        return there
    if collection.x.ndim != 4:
        raise ValueError(f"{data} holds {collection.x.dtype} of shape {collection.x.shape[1:]}, "
                         f"not images; train on it directly")
    if out.exists():
        raise ValueError(f"{out} exists; delete it, or choose another -o")
    check_space(out.parent, collection.x.nbytes)
    part = out.with_name(out.name + ".part")
    with open_part(part) as file:
        file.truncate(0)
        write_header(file, collection.x.shape, str(collection.x.dtype))
        starts = range(0, len(collection.x), CHUNK)
        for start in track(starts, len(starts), "writing images"):
            file.write(np.ascontiguousarray(collection.x[start:start + CHUNK]).data)
    part.replace(out)
    return manifest
