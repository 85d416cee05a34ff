"""The latent space of a run as the page draws it: points, classes, errors and directions."""

import hashlib
import io
import json
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..analysis.snapshot import Snapshot
from ..core.output_names import printable
from .samples import check_numbers, errors_of

if TYPE_CHECKING:   # they come with what brings PyTorch, and the studio is to start at once
    from ..analysis.explorer.walk import Walk
    from ..analysis.latent_points import LatentPoints

LARGEST_CODE = 8192   # numbers of a code that the page may walk in
THUMBNAIL = 96        # pixels of a side
MARKED = 256          # samples whose values a mark is made of
NO_CLASS = 65535
HEAD = 4              # bytes of the length of the text that comes first


def latent_of(s: Snapshot, points: "LatentPoints | None" = None) -> bytes:
    """The samples of a snapshot, or all placed ones of a split on the snapshot's axes, as bytes:
    the length of a JSON text, that text, then places (N, 2) float32, errors (N,) float32, numbers
    of samples (N,) int32 and classes (N,) uint16. Raises ValueError if no code is finite."""
    from ..analysis.latent_points import walk_of
    walk = walk_of(s)
    shown = points or _points_in(s, walk)
    text = json.dumps({**_about(s, walk), "count": len(shown.rows), "split": shown.split,
                       "total": shown.total,
                       "names": _names(s, shown) if points is None else None}).encode()
    text += b" " * (-(len(text) + HEAD) % 4)
    labels = np.where(shown.labels >= 0, shown.labels, NO_CLASS)
    return b"".join([len(text).to_bytes(HEAD, "little"), text, *(
        np.ascontiguousarray(values, kind).tobytes() for values, kind in (
            (shown.places, "<f4"), (shown.errors, "<f4"), (shown.rows, "<i4"), (labels, "<u2")))])


def _points_in(s: Snapshot, walk: "Walk") -> "LatentPoints":
    from ..analysis.latent_points import NONE, LatentPoints
    rows = np.flatnonzero(np.isfinite(s.codes).all(1))
    places = (s.codes[rows].astype(np.float64) - walk.origin) @ walk.plane.T
    labels = s.y[rows] if len(s.y) else np.full(len(rows), NONE)
    return LatentPoints(s.split, s.total, rows, places, errors_of(s)[rows], labels)


def _names(s: Snapshot, shown: "LatentPoints") -> list[str] | None:
    return [printable(s.names[row]) for row in shown.rows] if s.names else None


def _about(s: Snapshot, walk: "Walk") -> dict[str, Any]:
    from ..tasks.explore import colours
    walks = len(walk.origin) <= LARGEST_CODE
    finite = np.isfinite(s.codes).all(1)
    return {"samples": inputs_digest(s), "axes": list(walk.labels), "code": list(s.z.shape[1:]),
            "classes": [{"name": printable(name), "colour": colour} for name, colour in
                        zip(s.classes, colours(len(s.classes)), strict=True)],
            "image": s.x.ndim == 4, "shape": list(s.x.shape[1:]),
            "middle": s.codes[finite].astype(np.float64).mean(0).tolist() if walks else None,
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


def inputs_digest(s: Snapshot) -> str:
    """A digest of all values of the samples, as the report keeps them, and of their order: two runs
    share it if and only if they were looked at with the same inputs."""
    x = np.rint(s.x.clip(0, 1) * 255).astype(np.uint8) if s.bounded else (
        np.ascontiguousarray(s.x, "<f4"))
    known = np.ascontiguousarray(s.known)
    digest = hashlib.blake2b(f"{x.shape} {x.dtype} {known.shape}".encode(), digest_size=16)
    for part in (x, known):
        digest.update(part.data if part.size else b"")
    return digest.hexdigest()


def mark_of(s: Snapshot) -> str:
    """A mark of the samples for the names of files, from some of them."""
    some = np.unique(np.linspace(0, len(s.x) - 1, MARKED).astype(int))
    x = np.ascontiguousarray(s.x[some], "<f4")
    return f"{len(s.x)} {x.shape} {zlib.crc32(x.tobytes()):08x}"


def thumbnail(s: Snapshot) -> bytes:
    """A small picture of a snapshot's only sample, as WebP; nothing if it is not an image."""
    if s.x.ndim != 4:
        return b""
    from ..core.image_grid import shown
    low, high = (0.0, 1.0) if s.bounded else (float(s.x.min()), float(s.x.max()))
    (image,) = (shown((s.x - low) / max(high - low, 1e-9)) * 255).astype(np.uint8)
    picture = Image.fromarray(image)
    small = max(picture.size) < THUMBNAIL
    buffer = io.BytesIO()
    picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.NEAREST if small
                   else Image.Resampling.LANCZOS).save(buffer, "webp", quality=85)
    return buffer.getvalue()


def one_of(s: Snapshot, row: int) -> Snapshot:
    """A snapshot of one of the samples. Raises ValueError for a wrong number."""
    check_numbers(s, [row])
    one = {name: getattr(s, name)[row:row + 1] for name in ("x", "recon", "z", "nats", "y")}
    return replace(s, **one, names=s.names[row:row + 1],
                   known=s.known[row:row + 1] if len(s.known) else s.known)


def code_of(s: Snapshot, row: int) -> list[float]:
    """The code of a sample. Raises ValueError for a wrong number."""
    check_numbers(s, [row])
    code: list[float] = s.codes[row].astype(float).tolist()
    return code
