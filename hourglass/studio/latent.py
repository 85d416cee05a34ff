"""The latent space of a run as the page draws it: points, classes, errors and directions."""

import io
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..analysis.snapshot import Snapshot
from ..core.output_names import printable
from .samples import check_numbers, errors_of

if TYPE_CHECKING:   # it comes with what brings PyTorch, and the studio is to start at once
    from ..analysis.explorer.walk import Walk

LARGEST_CODE = 8192   # numbers of a code that the page may walk in
THUMBNAIL = 32        # pixels of a side
MOST_THUMBNAILS = 4096
MARKED = 256          # samples whose values tell whether two runs share all
NO_CLASS = 65535
HEAD = 4              # bytes of the length of the text that comes first


def latent_of(s: Snapshot) -> bytes:
    """The points as bytes: the length of a JSON text, that text, then places (N, 2) float32,
    errors (N,) float32 and classes (N,) uint16. Raises ValueError if no code is finite."""
    from ..analysis.explorer.walk import find_walk
    codes = s.codes
    finite = np.flatnonzero(np.isfinite(codes).all(1))
    if not len(finite):
        raise ValueError("no code of this model is finite, so there is no latent space to show")
    codes = codes[finite].astype(np.float64)
    walk = find_walk(codes)
    places = ((codes - walk.origin) @ walk.plane.T).astype("<f4")
    labels = np.full(len(finite), NO_CLASS, "<u2")
    if len(s.y):
        known = s.y[finite]
        labels = np.where(known >= 0, known, NO_CLASS).astype("<u2")
    middle = codes.mean(0).tolist() if len(codes[0]) <= LARGEST_CODE else None
    text = json.dumps({**_about(s, walk, finite), "middle": middle}).encode()
    text += b" " * (-(len(text) + HEAD) % 4)
    errors = errors_of(s)[finite].astype("<f4")
    return b"".join([len(text).to_bytes(HEAD, "little"), text, places.tobytes(), errors.tobytes(),
                     labels.tobytes()])


def _about(s: Snapshot, walk: "Walk", rows: np.ndarray) -> dict[str, Any]:
    from ..tasks.explore import colours
    walks = len(walk.origin) <= LARGEST_CODE
    return {"count": len(rows), "samples": mark_of(s), "split": s.split, "total": s.total,
            "rows": rows.tolist(), "axes": list(walk.labels), "code": list(s.z.shape[1:]),
            "names": [printable(s.names[i]) for i in rows] if s.names else None,
            "classes": [{"name": printable(name), "colour": colour} for name, colour in
                        zip(s.classes, colours(len(s.classes)), strict=True)],
            "image": s.x.ndim == 4, "shape": list(s.x.shape[1:]),
            "origin": walk.origin.tolist() if walks else None,
            "plane": walk.plane.tolist() if walks else None,
            "directions": walk.directions.tolist() if walks else None,
            "sliders": [{"name": name, "low": low, "high": high}
                        for name, low, high in walk.sliders] if walks else [],
            "about": walk.about}


def neighbours_of(s: Snapshot, row: int, count: int) -> tuple[list[int], list[float]]:
    """The samples whose codes are nearest to that of a sample, itself first, and the distances.
    Raises ValueError for a wrong number."""
    start = np.array(code_of(s, row))
    distances = np.linalg.norm(s.codes.astype(np.float64) - start, axis=1)
    distances[row] = -1   # before others with the same code
    order = np.argsort(np.nan_to_num(distances, nan=np.inf), kind="stable")[:count + 1]
    return order.tolist(), np.maximum(distances[order], 0).tolist()


def mark_of(s: Snapshot) -> str:
    """A mark of the samples, which two runs share if they were looked at with the same ones."""
    some = np.unique(np.linspace(0, len(s.x) - 1, MARKED).astype(int))
    x = np.ascontiguousarray(s.x[some], "<f4")
    return f"{len(s.x)} {x.shape} {zlib.crc32(x.tobytes()):08x}"


def thumbnails(s: Snapshot) -> bytes:
    """A WebP sheet of small pictures of the samples, 64 a row, in the snapshot's order. Raises
    ValueError for samples that are no images."""
    if s.x.ndim != 4:
        raise ValueError("these samples are no images")
    from ..core.image_grid import shown
    some = s.x[:MOST_THUMBNAILS]
    low, high = (0.0, 1.0) if s.bounded else (float(some.min()), float(some.max()))
    columns = 64
    lines = -(-len(some) // columns)
    sheet = Image.new("RGB", (columns * THUMBNAIL, lines * THUMBNAIL), "white")
    for number, image in enumerate((shown((some - low) / max(high - low, 1e-9)) * 255)
                                   .astype(np.uint8)):
        picture = Image.fromarray(image)
        small = max(picture.size) < THUMBNAIL
        picture = picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.NEAREST if small
                                 else Image.Resampling.LANCZOS)
        sheet.paste(picture, (number % columns * THUMBNAIL, number // columns * THUMBNAIL))
    buffer = io.BytesIO()
    sheet.save(buffer, "webp", quality=85)
    return buffer.getvalue()


def code_of(s: Snapshot, row: int) -> list[float]:
    """The code of a sample. Raises ValueError for a wrong number."""
    check_numbers(s, [row])
    code: list[float] = s.codes[row].astype(float).tolist()
    return code
