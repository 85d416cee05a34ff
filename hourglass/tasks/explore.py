"""The latent explorer: a page that decodes codes as the user moves among them."""

import base64
import colorsys
import gzip
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..analysis import explorer
from ..analysis.analyse import snapshot_of
from ..analysis.explorer.runtime import NAME, runtime
from ..analysis.explorer.thumbnails import thumbnails
from ..analysis.explorer.walk import Walk, find_walk
from ..analysis.figures.classes import PALETTE
from ..analysis.figures.molecules import SMALL, pictures_of
from ..analysis.html import template
from ..analysis.item_map import names_of, popular
from ..analysis.snapshot import Snapshot
from ..core.files import write_out
from ..core.output_names import printable
from ..inference.kept_onnx import decoder_onnx
from ..inference.line_uses import is_of_lines, is_of_molecules
from ..inference.trained import Trained
from ..run.folder import open_run, read_settings
from ..run.titles import data_of, model_of
from .prompt_box import prompt_box

MOST = 2000                # most points of a page, and
MOST_VALUES = 2_000_000    # most values of their codes
SCRIPTS = ("data.js", "decoder.js", "picture.js", "scatter.js", "items.js", "panels.js",
           "prompt.js", "page.js")
SHADES = (0.36, 0.5, 0.65)   # lightness of neighbouring colours, for many classes


def explore(run: str | Path, out: Path) -> int:
    """Write the latent explorer of a run as one self-contained HTML file. Returns the number of
    samples in it. Raises ValueError if the run is incomplete, or packages for ONNX or the browser's
    runtime are missing."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"the explorer is an .html file, as in -o {out.with_suffix('.html')}")
    folder = open_run(run)
    model = Trained(folder)
    lines = is_of_lines(model.description)
    snapshot = snapshot_of(folder)
    rows = _rows(snapshot)
    codes = snapshot.codes[rows].astype(np.float64)
    walk = find_walk(codes)
    floats = {"codes": codes, "origin": walk.origin, "plane": walk.plane,
              "directions": walk.directions}
    packed, box = (_decoding(run), prompt_box(model)) if not lines else ({}, None)
    packed |= {"denoiser": box.denoiser} if box and box.denoiser else {}
    floats |= {"texts": box.texts} if box and len(box.texts) else {}
    settings = read_settings(folder.settings)
    page = template("explorer/page").render(
        model=model_of(settings, folder.read_record()), data=data_of(settings),
        shape=model.shape,
        about=_about(model, snapshot, rows, walk) | {"diffusion": box and box.about}, walk=walk,
        runtime="" if lines else NAME, thumbnails=_thumbnails(model, snapshot, rows),
        held={name: _text(values.astype("<f4").tobytes()) for name, values in floats.items()} | {
            name: _text(gzip.compress(content, mtime=0)) for name, content in packed.items()},
        style=_own("page.css"), scripts=[_own(name) for name in SCRIPTS])
    write_out(out, page)
    return len(rows)


def _decoding(run: str | Path) -> dict[str, bytes]:
    """The decoder, and what runs it in a browser. Raises ValueError if packages are missing."""
    decoder, (script, binary) = decoder_onnx(run), runtime()
    return {"decoder": decoder, "runtime-script": script, "runtime-binary": binary}


def _thumbnails(model: Trained, s: Snapshot, rows: np.ndarray) -> dict[str, Any] | None:
    """Small pictures of images and molecules, in one; None for other samples."""
    if is_of_molecules(model.description):
        return thumbnails(pictures_of([s.names[i] for i in rows]), max(SMALL))
    return thumbnails(_unit(s, rows)) if s.x.ndim == 4 else None


def _rows(snapshot: Snapshot) -> np.ndarray:
    """Indices of the samples to show, spread evenly over those with finite codes."""
    finite = np.flatnonzero(np.isfinite(snapshot.codes).all(1))
    if not len(finite):
        raise ValueError("no code of this model is finite, so there is nothing to explore")
    count = min(len(finite), MOST, max(1, MOST_VALUES // snapshot.codes.shape[1]))
    return finite[np.linspace(0, len(finite) - 1, count).astype(int)]


def _about(model: Trained, s: Snapshot, rows: np.ndarray, walk: Walk) -> dict[str, Any]:
    """The data for the page's scripts, except the arrays."""
    low, high = _range(s)
    titles = names_of(model.description.encoding) if s.kind == "ratings" else None
    return {"image": s.x.ndim == 4, "lines": s.kind == "lines", "items": titles,
            "map": _item_map(model, s), "shape": list(model.shape),
            "code": list(s.z.shape[1:]), "low": low, "high": high,
            "conditional": model.model.condition is not None,
            "classes": [{"name": name, "colour": colour} for name, colour in
                        zip(s.classes, colours(len(s.classes)), strict=True)],
            "y": s.y[rows].tolist() if len(s.y) else None,
            "names": [printable(s.names[i]) for i in rows] if s.names else None,
            "rows": rows.tolist(), "total": s.total,
            "samples": {"ratings": "users", "lines": "lines"}.get(s.kind, "samples"),
            "split": s.split, "labels": walk.labels,
            "sliders": [{"name": n, "low": low, "high": high} for n, low, high in walk.sliders]}


def _item_map(model: Trained, s: Snapshot) -> dict[str, Any] | None:
    """For ratings, the positions of the most popular items on the map, the numbers of their users,
    and their indices among the model's items; None without a map."""
    if not len(s.item_map):
        return None
    items = popular(model.description.encoding)[:len(s.item_map)]
    return {"places": np.round(s.item_map.astype(np.float64), 3).tolist(),
            "users": s.item_users.tolist(), "items": items.tolist()}


def colours(count: int) -> list[str]:
    """A CSS colour for each class: that of the figures or, for many classes, evenly spread hues."""
    if count <= len(PALETTE):
        return list(PALETTE[:count])
    from matplotlib.colors import to_hex
    return [to_hex(colorsys.hls_to_rgb(i / count, SHADES[i % len(SHADES)], 0.65))
            for i in range(count)]


def _range(s: Snapshot) -> tuple[float, float]:
    """The values drawn as black and white, or the limits of a plot."""
    if s.bounded or s.kind == "lines":
        return 0.0, 1.0
    return float(s.x.min()), float(max(s.x.max(), s.x.min() + 1e-6))


def _unit(s: Snapshot, rows: np.ndarray) -> np.ndarray:
    """The samples to show, scaled to [0, 1]."""
    low, high = _range(s)
    return (s.x[rows] - low) / (high - low)


def _text(content: bytes) -> Markup:
    """Bytes as text for a page."""
    return Markup(base64.b64encode(content).decode())


def _own(name: str) -> Markup:
    """A file that is part of the page."""
    return Markup((Path(explorer.__file__).parent / name).read_text())
