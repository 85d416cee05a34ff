"""What the figures share: their size, their colours, and pictures tiled into one array."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ...core.image_grid import tile

if TYPE_CHECKING:   # matplotlib takes half a second to import, and few commands draw
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 11.0   # inches
COLOURS = ("#2f6fb0", "#d1603d", "#3f9c6b", "#8a5fb0", "#c59a2b", "#4b4b4b")


def panels(
    rows: int, columns: int, height: float, **options: Any
) -> "tuple[Figure, list[Axes]]":
    """A figure of the common width and its axes in reading order; options are for subplots."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(WIDTH, height), dpi=110, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def contact_sheet(
    rows: Sequence[np.ndarray], names: Sequence[str], margin: float, tallest: float
) -> "Figure":
    """Rows of RGB images (N, H, W, 3), a name before each; at most so many inches high."""
    columns, height, width = rows[0].shape[:3]
    figure, (ax,) = panels(1, 1, min(margin + WIDTH * len(rows) * height / (columns * width),
                                     tallest))
    put_rows(ax, rows, names)
    return figure


def square_panel(tall: float) -> "tuple[Figure, Axes]":
    """A figure for a grid of as many rows as columns, of images so many times as tall as wide."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(WIDTH, 1 + (WIDTH - 1) * tall), dpi=110, layout="constrained")
    return figure, figure.subplots()


def put_rows(
    ax: "Axes", rows: Sequence[np.ndarray], names: Sequence[str], columns: Sequence[str] = ()
) -> None:
    """Draw rows of RGB images (N, H, W, 3) into the axes, the rows and columns named."""
    height, width = rows[0].shape[1:3]
    gap = max(1, height // 24)
    ax.imshow(tile(rows, gap=gap), interpolation="nearest")
    for texts, axis, size in ((names, ax.yaxis, height), (columns, ax.xaxis, width)):
        axis.set_ticks((np.arange(len(texts)) + 0.5) * (size + 2 * gap), list(texts))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def as_png(figure: "Figure", tight: bool = False) -> bytes:
    """The figure as a PNG file's content; `tight` cuts off what is empty around it."""
    buffer = io.BytesIO()
    if tight or any(ax.name == "3d" for ax in figure.axes):
        figure.savefig(buffer, format="png", bbox_inches="tight" if tight else None)
    else:   # what savefig would draw twice, and only the above need that
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(buffer, "png")
    return buffer.getvalue()


def plain(axes: "Sequence[Axes]") -> None:
    """No box above and to the right."""
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
