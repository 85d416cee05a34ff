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
PACKED = 3     # of 9: takes two thirds of the usual time, and 8 % more room
COLOURS = ("#2f6fb0", "#d1603d", "#3f9c6b", "#8a5fb0", "#c59a2b", "#4b4b4b")


def panels(
    rows: int, columns: int, height: float, **options: Any
) -> "tuple[Figure, list[Axes]]":
    """A figure of the common width and its axes in reading order; options are for subplots."""
    figure = _figure(height)
    axes = list(figure.subplots(rows, columns, squeeze=False, **options).flat)
    for ax in axes:
        ax.set_title("", y=1)   # or matplotlib looks for ticks above, each time it draws
    return figure, axes


def _figure(height: float) -> "Figure":
    from matplotlib.figure import Figure

    from .layout import OneLook
    return Figure(figsize=(WIDTH, height), dpi=110, layout=OneLook())


def headline(figure: "Figure", text: str, size: float = 11) -> None:
    """A title above all panels; `size` is in points."""
    figure.suptitle(text, fontsize=size, y=1 - 0.06 / figure.get_figheight())
    keep_free(figure, top=1.6 * size / 72 * (1 + text.count("\n")))


def keep_free(figure: "Figure", **inches: float) -> None:
    """Keep this many inches free at an edge (left, bottom, right, top)."""
    engine = figure.get_layout_engine()
    if engine:
        engine.set(**inches)


def lay_out(axes: "Sequence[Axes]") -> None:
    """Place a figure's panels now, so that texts in them can be measured."""
    figure = axes[0].get_figure(root=True)
    engine = figure.get_layout_engine() if figure else None
    if figure and engine:
        engine.execute(figure)
    for ax in axes:
        ax.apply_aspect()


def contact_sheet(
    rows: Sequence[np.ndarray], names: Sequence[str], margin: float, tallest: float
) -> "Figure":
    """Rows of RGB images (N, H, W, 3), each with a name in front; at most `tallest` inches."""
    columns, height, width = rows[0].shape[:3]
    figure, (ax,) = panels(1, 1, min(margin + WIDTH * len(rows) * height / (columns * width),
                                     tallest))
    put_rows(ax, rows, names)
    return figure


def square_panel(tall: float) -> "tuple[Figure, Axes]":
    """A figure for a grid with as many rows as columns. `tall` is an image's height over its
    width."""
    figure = _figure(1 + (WIDTH - 1) * tall)
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
    """The figure as the content of a PNG file; `tight` cuts off the empty margins."""
    buffer = io.BytesIO()
    if tight or any(ax.name == "3d" for ax in figure.axes):
        figure.savefig(buffer, format="png", bbox_inches="tight" if tight else None)
    else:   # what savefig would draw twice, and only the above need that
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(
            buffer, "png", compress_level=PACKED)
    return buffer.getvalue()


def plain(axes: "Sequence[Axes]") -> None:
    """No box above and to the right."""
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
