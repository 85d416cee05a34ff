"""Decode a square grid of codes: the usual picture of a latent space with two dimensions."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.figures.canvas import put_rows, square_panel
from ..analysis.latent_grids import as_texts, square
from ..core.expressions import read
from ..core.image_grid import shown
from ..inference.trained import Trained
from .sharpen_and_blur import PLAIN, Finish, finished
from .write_images import save_figure

if TYPE_CHECKING:   # matplotlib takes half a second to import, and few commands draw
    from matplotlib.figure import Figure

MOST = 64   # most codes per side


@dataclass(frozen=True)
class GridOptions:
    """The codes of a grid: `side` in each direction, from -limit to limit."""

    limit: float | None = None   # default: a square that holds nearly all codes
    side: int = 20
    kind: str = ""               # the class, for a conditional model
    finish: Finish = PLAIN


def read_grid(text: str) -> GridOptions:
    """Read a grid from a text such as "8" or "grid(limit=8, side=30)". Raises ValueError."""
    wrong = ValueError(f"a grid is a number above 0, such as 8, or grid(limit=8, side=20) of up to "
                       f"{MOST} a side, not {text!r}")
    try:
        call = read(text if text.startswith("grid") else f"grid({text})")
        options = {**dict(zip(("limit", "side"), call.args, strict=False)), **call.kwargs}
        grid = GridOptions(**options)
    except (ValueError, TypeError):
        raise wrong from None
    limit, side = grid.limit, grid.side
    if isinstance(limit, bool | str) or (limit is not None and not 0 < limit < 1e6):
        raise wrong
    if not isinstance(side, int) or isinstance(side, bool) or not 2 <= side <= MOST:
        raise wrong
    return grid


@dataclass(frozen=True)
class DecodedGrid:
    """Codes on a square, and their decodings."""

    images: np.ndarray    # (S * S, H, W, C), row by row
    codes: np.ndarray     # (S * S, ...)
    steps: np.ndarray     # (S,) the places along a side
    about: str            # how the square was chosen
    kind: str             # the class as which they were decoded, or ""

    def figure(self) -> "Figure":
        """The images with the codes at their sides."""
        side, x = len(self.steps), self.images
        figure, ax = square_panel(x.shape[1] / x.shape[2])
        put_rows(ax, list(shown(x).reshape(side, side, *x.shape[1:3], 3)),
                 as_texts(self.steps[::-1]), as_texts(self.steps))
        ax.tick_params(labelsize=7)
        ax.tick_params(axis="x", labelrotation=90)
        ax.set_title(self.about + (f"; of class {self.kind}" if self.kind else ""), fontsize=9)
        return figure

    @property
    def words(self) -> str:
        """A line that describes the codes."""
        side, (first, *_, last) = len(self.steps), self.steps
        return f"{side} by {side} codes from {first:.3g} to {last:.3g}: {self.about}"


def draw_grid(model: Trained, grid: GridOptions, out: Path) -> str:
    """Write what codes on a square decode to, as a picture with the codes at its sides; returns
    what they are. Raises ValueError."""
    decoded = decode_grid(model, grid)
    save_figure(out, decoded.figure())
    return decoded.words


def decode_grid(model: Trained, grid: GridOptions) -> DecodedGrid:
    """Decode codes on a square. Raises ValueError."""
    if len(model.shape) != 3:
        raise ValueError("this model was trained on vectors or series, which make no pictures")
    conditional = model.model.condition is not None
    if grid.kind and not conditional:
        raise ValueError("this model is not conditional, so --class has no effect on its grid; "
                         "leave it out")
    codes = model.codes().z
    flat = codes.flatten(1).numpy()
    if grid.limit is not None and not 0 < grid.limit < 1e6:
        raise ValueError(f"limit must be a number above 0, such as 8, not {grid.limit}")
    if flat.shape[1] < 2:
        raise ValueError("a grid needs a code with two numbers or more")
    z, steps, about = square(flat, grid.side, grid.limit)
    rows = z.reshape(-1, *codes.shape[1:]).astype(np.float32)
    kind = grid.kind or (model.classes[0] if conditional else None)
    images = finished(model.decode(rows, kind), grid.finish)
    return DecodedGrid(images, rows, np.asarray(steps), about, kind or "")
