"""The samples that a run was looked at with: their errors, names and pictures."""

import io
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from ..analysis.snapshot import Snapshot, load_snapshot
from ..core.output_names import printable

KEPT = 3            # snapshots in memory
MOST = 400          # samples of an answer
SIDE = 96           # pixels of the longer side of a picture
ORDERS = ("worst", "best", "first")


@dataclass
class Snapshots:
    """Snapshots of runs, the last few of them kept in memory: those that `read` gives for a `name`
    in the run's folder."""

    name: str = "snapshot.npz"
    read: Callable[[Path], Snapshot] = load_snapshot
    most: int = KEPT
    kept: OrderedDict[Path, tuple[int, Snapshot]] = field(default_factory=OrderedDict)
    guard: Lock = field(default_factory=Lock)

    def of(self, run: Path) -> Snapshot:
        """The snapshot of a run. Raises ValueError if there is none, or a damaged one."""
        file = run / self.name
        with self.guard:
            if not file.is_file():
                raise ValueError("this run was not looked at yet. Write its report first")
            changed = file.stat().st_mtime_ns
            known = self.kept.pop(run, None)
            if known is None or known[0] != changed:
                known = changed, self.read(file)
            self.kept[run] = known
            while len(self.kept) > self.most:
                self.kept.popitem(last=False)
            return known[1]


def rows_of(s: Snapshot, order: str, count: int, label: int | None = None) -> list[int]:
    """The numbers of the samples with the largest or smallest errors, or the first ones, of one
    class if `label` is given."""
    rows = np.arange(len(s.x)) if label is None or not len(s.y) else np.flatnonzero(s.y == label)
    if order != "first":
        sorted_ = rows[np.argsort(errors_of(s)[rows], kind="stable")]
        rows = sorted_[::-1] if order == "worst" else sorted_
    indices: list[int] = rows[:min(count, MOST)].tolist()
    return indices


def about_samples(s: Snapshot, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Number, error, class and name of each of these samples."""
    errors = errors_of(s)
    return [{"row": row, "error": float(errors[row]), "class": class_of(s, row),
             "name": printable(s.names[row]) if s.names else ""} for row in rows]


def errors_of(s: Snapshot) -> np.ndarray:
    """(N,) the squared error of each sample; of lines of text, their nats."""
    return s.nats if s.kind == "lines" else s.squared


def class_of(s: Snapshot, row: int) -> str:
    """The class of a sample by name; "" if it has none."""
    if not len(s.y) or s.y[row] < 0:
        return ""
    return printable(s.classes[int(s.y[row])])


def numbers_in(text: str) -> list[int]:
    """Numbers of samples such as "3,17". Raises ValueError for others."""
    parts = text.split(",")
    if len(parts) > MOST or not all(p.isascii() and p.isdecimal() and len(p) < 10 for p in parts):
        raise ValueError(f"samples are named by up to {MOST} numbers, such as 3,17")
    return [int(part) for part in parts]


def check_numbers(s: Snapshot, rows: Sequence[int]) -> None:
    """Raise ValueError for numbers of samples that there are not."""
    if min(rows) < 0 or max(rows) >= len(s.x):
        raise ValueError(f"there are {len(s.x):,} samples, numbered from 0")


def strip(s: Snapshot, rows: Sequence[int]) -> bytes:
    """A PNG of the samples side by side: inputs above, reconstructions in the middle, errors
    below. Raises ValueError for samples that are not images."""
    if s.x.ndim != 4:
        raise ValueError("these samples are not images")
    low, high = (0.0, 1.0) if s.bounded else (float(s.x.min()), float(s.x.max()))
    span = max(high - low, 1e-9)
    x, recon = (s.x[rows] - low) / span, (s.recon[rows] - low) / span
    errors = np.abs(x - recon).mean(-1, keepdims=True)
    heat = heated(errors / max(float(errors.max()), 1e-9))
    lines = [np.concatenate([_rgb(image) for image in part], 1) for part in (x, recon)]
    sheet = np.concatenate([*lines, np.concatenate(list(heat), 1)])
    return _png(sheet, max(s.x.shape[1:3]))


def rows_of_images(rows: Sequence[np.ndarray], low: float, high: float) -> bytes:
    """A PNG of rows of images (N, H, W, C), whose values lie between `low` and `high`."""
    if not np.isfinite([low, high]).all():
        low, high = float(np.nanmin(rows[0])), float(np.nanmax(rows[0]))
    span = max(high - low, 1e-9)
    lines = [np.concatenate([_rgb(np.nan_to_num(np.clip((image - low) / span, 0, 1)))
                             for image in row], 1) for row in rows]
    return _png(np.concatenate(lines), max(rows[0].shape[1:3]))


def _rgb(image: np.ndarray) -> np.ndarray:
    from ..tasks.write_images import as_picture  # which brings matplotlib
    return np.asarray(as_picture(image).convert("RGB"))


def heated(errors: np.ndarray) -> np.ndarray:
    """Errors (N, H, W, 1) in [0, 1] as colours, from black through red to yellow."""
    stops = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]])
    place = np.clip(errors[..., 0], 0, 1) * (len(stops) - 1)
    low = np.minimum(place.astype(int), len(stops) - 2)
    part = (place - low)[..., None]
    return np.rint(stops[low] * (1 - part) + stops[low + 1] * part).astype(np.uint8)


def _png(sheet: np.ndarray, side: int) -> bytes:
    picture = Image.fromarray(sheet)
    times = SIDE / side
    if times > 1:   # whole pixels, so that small images stay sharp
        whole = max(1, round(times))
        picture = picture.resize((picture.width * whole, picture.height * whole),
                                 Image.Resampling.NEAREST)
    elif times < 1:
        picture = picture.resize((max(1, round(picture.width * times)),
                                  max(1, round(picture.height * times))),
                                 Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return buffer.getvalue()


def lines_of(s: Snapshot, rows: Sequence[int]) -> str:
    """Samples other than images, and their reconstructions, as JSON numbers."""
    if s.kind == "lines":
        return json.dumps({"texts": [printable(s.names[row]) for row in rows]})
    flat = {"x": s.x[rows].reshape(len(rows), -1), "recon": s.recon[rows].reshape(len(rows), -1)}
    return json.dumps({name: np.where(np.isfinite(v), v, 0).round(6).tolist()
                       for name, v in flat.items()})
