"""Write latent codes of images as a table: .parquet, .csv or .npy."""

import io
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
from .unfamiliar_data import unlike
from .write_images import check_name, save_array

SUFFIXES = (".parquet", ".csv", ".npy")
CHUNK = 2048   # samples encoded between two updates of the progress bar


class Embedded(NamedTuple):
    """Samples with their codes."""

    found: Collection
    z: np.ndarray      # (N, D), or maps (N, D, H, W), float32
    scale: float = 1.0   # value of a stored 8-bit number

    @property
    def flat(self) -> np.ndarray:
        """The codes as vectors, (N, D)."""
        return self.z.reshape(len(self.z), -1)

    @property
    def names(self) -> list[str]:
        """Names of the samples."""
        return names_of(self.found)

    def kind(self, row: int) -> str:
        """A sample's class, or ""."""
        return "" if self.found.y is None else self.found.classes[self.found.y[row]]

    def values(self, rows: Any) -> np.ndarray:
        """These samples (n, H, W, C) or (n, D) as numbers to draw and compare."""
        x = self.found.x[rows]
        return x * np.float32(self.scale) if x.dtype == np.uint8 else np.asarray(x, np.float32)


def names_of(found: Collection) -> list[str]:
    """Names of the files, as texts, or indices from 0 for data without names."""
    return list(map(printable, found.names)) or [str(i) for i in range(len(found.x))]


def codes_of(model: Trained, images: Any, y: Any = None) -> Embedded:
    """Encode all images of a folder, archive, file or source, or samples in memory.
    Unreadable ones are left out, with a note. Raises ValueError."""
    found = model.read(str(images) if isinstance(images, Path) else images, strict=False)
    for note in [*found.notes, *unlike(model, found)]:
        say(note)
    kinds = y if y is not None or found.y is None else [found.classes[i] for i in found.y]
    starts = range(0, len(found.x), CHUNK)
    done = []
    for start in track(starts, len(starts), "encoding"):
        rows = slice(start, start + CHUNK)
        told = None if model.model.condition is None or kinds is None else kinds[rows]
        done.append(model.encode(Collection(found.x[rows]), told))
    return Embedded(found, np.concatenate(done), model.scale_of(found.x))


def embed(model: Trained, images: str | Path, out: Path) -> Embedded:
    """Write one row per sample: its name (or index), class and split if it has one, and its code,
    z_1 to z_D. A .npy file holds only the codes, (N, D) or (N, D, H, W).

    An image's code does not depend on the other images, up to 1e-5. Raises ValueError for another
    suffix, and if nothing can be read.
    """
    check_name(out, SUFFIXES)
    if out.suffix.lower() == ".parquet":
        _parquet()   # raises before the work
    embedded = codes_of(model, images)
    if out.suffix.lower() == ".npy":
        save_array(out, embedded.z)
    elif out.suffix.lower() == ".csv":
        write_out(out, _as_csv(embedded))
    else:
        write_out(out, _as_parquet(embedded))
    return embedded


def _texts(embedded: Embedded) -> dict[str, list[str]]:
    """The columns before those of the code."""
    found, columns = embedded.found, {"name": embedded.names}
    if found.y is not None:
        columns["class"] = [found.classes[i] for i in found.y]
    if found.parts:
        part = np.full(len(found.x), "", dtype=object)
        for name, index in found.parts.items():
            part[index] = name
        columns["split"] = part.tolist()
    return columns


def _numbered(embedded: Embedded) -> list[str]:
    return [f"z_{i}" for i in range(1, embedded.flat.shape[1] + 1)]


def _as_csv(embedded: Embedded) -> str:
    """As csv, with nine digits, which keep a float32 exactly."""
    texts = _texts(embedded)
    rows: Iterator[tuple[Any, ...]] = zip(*texts.values(), embedded.flat, strict=True)
    return as_csv([*texts, *_numbered(embedded)], (
        [*before, *(f"{value:.9g}" for value in code)]
        for *before, code in track(rows, len(embedded.z), "writing rows")))


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise ValueError("a .parquet file needs an extra: pip install 'hourglass[tabular]'; .csv "
                         "and .npy do not") from None
    return pyarrow


def _as_parquet(embedded: Embedded) -> bytes:
    arrow, buffer = _parquet(), io.BytesIO()
    columns = {**_texts(embedded), **dict(zip(_numbered(embedded), embedded.flat.T, strict=True))}
    arrow.parquet.write_table(arrow.table(columns), buffer)
    return buffer.getvalue()
