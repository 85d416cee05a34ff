"""Write latent codes of images as a table: .parquet, .csv or .npy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.console import say, track
from ..core.contracts import Collection
from ..core.csv_text import as_csv
from ..core.files import write_out
from ..core.output_names import printable
from ..inference.trained import Trained
from .sharded_output import (
    Facts,
    ShardedOutput,
    as_parquet,
    is_folder,
    parquet_library,
    request_of,
)
from .shares import read_shared, shared, some_of
from .unfamiliar_data import unlike
from .write_images import check_name, save_array

SUFFIXES = (".parquet", ".csv", ".npy")
CHUNK = 2048   # samples encoded between two updates of the progress bar


class Embedded(NamedTuple):
    """Samples with their codes."""

    collection: Collection
    z: np.ndarray      # (N, D), or maps (N, D, H, W), float32
    scale: float = 1.0   # value of a stored 8-bit number

    @property
    def flat(self) -> np.ndarray:
        """The codes as vectors, (N, D)."""
        return self.z.reshape(len(self.z), -1)

    @property
    def names(self) -> list[str]:
        """Names of the samples."""
        return names_of(self.collection)

    def kind(self, row: int) -> str:
        """A sample's class, or ""."""
        return "" if self.collection.y is None else self.collection.classes[self.collection.y[row]]

    def values(self, rows: Any) -> np.ndarray:
        """These samples (n, H, W, C) or (n, D) as numbers to draw and compare."""
        x = self.collection.x[rows]
        return x * np.float32(self.scale) if x.dtype == np.uint8 else np.asarray(x, np.float32)


def names_of(collection: Collection) -> list[str]:
    """Names of the files, as texts, or indices from 0 for data without names."""
    return list(map(printable, collection.names)) or [str(i) for i in range(len(collection.x))]


def codes_of(model: Trained, images: Any, y: Any = None) -> Embedded:
    """Encode all images of a folder, archive, file or source, or samples in memory.
    Unreadable ones are left out, with a note. Raises ValueError."""
    collection = _read(model, images)
    return Embedded(collection, _encoded(model, collection, y), model.scale_of(collection.x))


def _read(model: Trained, images: Any) -> Collection:
    place = str(images) if isinstance(images, Path) else images
    collection = read_shared(model, place, strict=False)
    for note in [*collection.notes, *unlike(model, collection)]:
        say(note)
    return collection


def _encoded(model: Trained, collection: Collection, y: Any = None) -> np.ndarray:
    """The codes of samples, with the classes y or, by default, their own."""
    kinds = y if y is not None or collection.y is None else [
        collection.classes[i] for i in collection.y]
    if isinstance(kinds, str):   # the class of all
        kinds = [kinds] * len(collection.x)
    starts = range(0, len(collection.x), CHUNK)
    done = []
    for start in track(starts, len(starts), "encoding"):
        rows = slice(start, start + CHUNK)
        labels = None if model.model.condition is None or kinds is None else kinds[rows]
        done.append(model.encode(Collection(collection.x[rows]), labels))
    return np.concatenate(done)


def embed(model: Trained, images: str | Path, out: Path) -> Embedded:
    """Write one row per sample: its name (or index), class and split if it has one, and its code,
    z_1 to z_D. A .npy file holds only the codes, (N, D) or (N, D, H, W).

    An image's code does not depend on the other images, up to 1e-5. Raises ValueError for another
    suffix, and if nothing can be read.
    """
    check_name(out, SUFFIXES)
    if out.suffix.lower() == ".parquet":
        parquet_library()   # raises before the work
    collection = _read(model, images)
    codes = shared(len(collection.x), lambda rows: _encoded(model, some_of(collection, rows)))
    embedded = Embedded(collection, np.concatenate(codes), model.scale_of(collection.x))
    write_codes(embedded, out)
    return embedded


def write_codes(embedded: Embedded, out: Path) -> None:
    """Write codes as a .csv, .parquet or .npy."""
    if out.suffix.lower() == ".npy":
        save_array(out, embedded.z)
    elif out.suffix.lower() == ".csv":
        write_out(out, _as_csv(embedded))
    else:
        write_out(out, as_parquet(_columns(embedded)))


def embed_in_words(model: Trained, images: str | Path, out: Path, shards: int = 0) -> str:
    """Write the table into a file, or into a folder as `shards`. Returns a line to print. Raises
    ValueError."""
    if is_folder(out, shards):
        count, shape = embed_in_shards(model, images, out, shards)
    else:
        z = embed(model, images, out).z
        count, shape = len(z), z.shape[1:]
    return f"{count:,} codes of {'x'.join(map(str, shape))} numbers"


def embed_in_shards(
    model: Trained, images: str | Path, out: Path, shards: int = 0
) -> tuple[int, tuple[int, ...]]:
    """Write the same table as .parquet files of a folder. Returns the number of codes, and the
    shape of each. Raises ValueError."""
    parquet_library()
    collection = _read(model, images)
    texts = _texts(collection)

    def make(rows: range) -> tuple[bytes, Facts]:
        some = some_of(collection, rows)
        z = _encoded(model, some)
        own = {name: values[rows.start:rows.stop] for name, values in texts.items()}
        return as_parquet({**own, **_numbered(z)}), {"code": list(z.shape[1:])}
    output = ShardedOutput(out, ".parquet", request_of(model, "embed", collection), shards)
    return len(collection.x), tuple(output.write(make)[0]["code"])


def _texts(collection: Collection) -> dict[str, list[str]]:
    """The columns before those of the code."""
    columns = {"name": names_of(collection)}
    if collection.y is not None:
        columns["class"] = [collection.classes[i] for i in collection.y]
    if collection.parts:
        part = np.full(len(collection.x), "", dtype=object)
        for name, index in collection.parts.items():
            part[index] = name
        columns["split"] = part.tolist()
    return columns


def _numbered(z: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of codes (N, ...): z_1 to z_D."""
    return {f"z_{i}": values for i, values in enumerate(z.reshape(len(z), -1).T, 1)}


def _columns(embedded: Embedded) -> dict[str, Any]:
    return {**_texts(embedded.collection), **_numbered(embedded.z)}


def _as_csv(embedded: Embedded) -> str:
    """As csv, with nine digits, which keep a float32 exactly."""
    texts = _texts(embedded.collection)
    rows: Iterator[tuple[Any, ...]] = zip(*texts.values(), embedded.flat, strict=True)
    return as_csv([*texts, *_numbered(embedded.z)], (
        [*before, *(f"{value:.9g}" for value in code)]
        for *before, code in track(rows, len(embedded.z), "writing rows")))
