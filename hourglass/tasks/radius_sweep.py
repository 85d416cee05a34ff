"""Decode codes at several radii: how far from the origin decodings still resemble the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.figures.canvas import headline, panels, put_rows
from ..core.image_grid import shown
from ..inference.trained import Trained
from .sharpen_and_blur import PLAIN, Finish, finished
from .write_images import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 8


@dataclass(frozen=True)
class SweepOptions:
    """Options of a radius sweep."""

    kind: str = ""       # the class, for a conditional model
    seed: int = 0
    finish: Finish = PLAIN


def sweep(model: Trained, radii: Sequence[float], out: Path,
          draw: SweepOptions | None = None) -> str:
    """Draw one row per radius: left, codes from the box of that half-width; right, codes on the
    shell of that radius. Returns the radii of the codes themselves. Raises ValueError."""
    if len(model.shape) != 3:
        raise ValueError("this model was trained on vectors or series, which make no pictures")
    draw = draw or SweepOptions()
    if draw.kind and model.model.condition is None:
        raise ValueError("--radius has no classes here, because this model is not conditional")
    codes = model.codes().z
    shape = tuple(codes.shape[1:])
    drawn = np.random.default_rng(draw.seed)
    rows: dict[str, list[np.ndarray]] = {"box": [], "shell": []}
    for radius in radii:
        flat = drawn.uniform(-radius, radius, (COLUMNS, codes[0].numel()))
        around = drawn.standard_normal(flat.shape)
        around *= radius / np.linalg.norm(around, axis=1, keepdims=True)
        for name, z in (("box", flat), ("shell", around)):
            y = draw.kind or (list(model.classes[:1]) * COLUMNS if model.model.condition else None)
            images = model.decode(z.reshape(-1, *shape).astype(np.float32), y)
            rows[name].append(shown(finished(images, draw.finish)))
    lengths = codes.flatten(1).norm(dim=1)
    low, middle, high = np.quantile(lengths.numpy(), [0.05, 0.5, 0.95])
    line = (f"the {len(codes):,} training codes have radii of {low:.3g} to {high:.3g} (90 % of "
            f"them), half below {middle:.3g}; {shape[0]} latent dimensions")
    save_figure(out, _drawn(rows, radii, line))
    return line


def _drawn(rows: dict[str, list[np.ndarray]], radii: Sequence[float], line: str) -> "Figure":
    height, width = rows["box"][0].shape[1:3]
    figure, axes = panels(1, 2, min(1.1 + 5.5 * len(radii) * height / (COLUMNS * width), 30))
    words = {"box": "uniform in the box from -r to r", "shell": "on the shell of radius r"}
    for ax, (name, parts) in zip(axes, rows.items(), strict=True):
        put_rows(ax, parts, [f"r = {radius:g}" for radius in radii])
        ax.set_title(words[name], fontsize=11)
    headline(figure, line, 9)
    return figure
