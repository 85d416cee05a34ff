"""Samples, and the samples whose codes are nearest."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...core.image_grid import shown
from ...core.registry import figures
from ..snapshot import Lacking, Snapshot
from .canvas import panels
from .classes import name_of
from .selection import latents

ROWS, NEAREST = 8, 8
GAP, TEXT = 0.08, 0.24       # in widths of an image
FINE = 60                    # least pixels of an image's width, so that gaps can be seen
RED, GREY = "#d62728", "#444444"


@figures.add("neighbours")
def neighbours(s: Snapshot) -> Figure:
    """Samples (left) and the samples with the nearest latent codes. Below each image stand its
    class and the distance. A red frame marks another class. How to read it: neighbours should look
    alike. If they do not, distances in the latent space mean little."""
    if s.x.ndim != 4:
        raise Lacking("images")
    z = latents(s, np.arange(len(s.z)))
    queries = np.unique(np.linspace(0, len(z) - 1, ROWS).astype(int))
    indices, distances = nearest(z, queries, min(NEAREST, len(z) - 1))
    tall = s.x.shape[1] / s.x.shape[2]
    high = tall + TEXT + GAP
    figure, (ax,) = panels(1, 1, min(0.3 + 0.85 * len(queries) * high, 14))
    placed: list[tuple[float, float, int]] = []
    for i, sample in enumerate(queries):
        cells = [(0.0, sample, ""), *((1.3 + j * (1 + GAP), other, f"{distance:.3g}")
                                      for j, (other, distance) in enumerate(zip(
                                          indices[i], distances[i], strict=True)))]
        for left, row, words in cells:
            placed.append((left, i * high, row))
            _framed(ax, s, (left, i * high), sample, row, words)
    _draw(ax, s, placed)
    ax.set(xlim=(-GAP, 1.3 + indices.shape[1] * (1 + GAP)), ylim=(len(queries) * high, -GAP),
           aspect="equal")
    ax.set_axis_off()
    return figure


def nearest(z: np.ndarray, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` nearest other rows to the rows `rows` of codes (N, D), and their distances."""
    indices = np.empty((len(rows), count), int)
    distances = np.empty((len(rows), count))
    for i, row in enumerate(rows):
        far = np.sqrt(np.square(z - z[row]).sum(1))
        far[row] = np.inf
        indices[i] = np.argsort(far, kind="stable")[:count]
        distances[i] = far[indices[i]]
    return indices, distances


def _draw(ax: Axes, s: Snapshot, placed: list[tuple[float, float, int]]) -> None:
    """Samples at their places (left, top) in widths of an image, as one picture: one of each takes
    several times as long."""
    images = shown(s.x[[row for *_, row in placed]], flat=True)
    times = -(-FINE // images.shape[2])   # pixels a pixel
    images = images.repeat(times, 1).repeat(times, 2)
    height, width = images.shape[1:3]
    corners = [(round(left * width), round(top * width)) for left, top, _ in placed]
    across, down = (max(ends) for ends in zip(*corners, strict=True))
    sheet = np.ones((down + height, across + width, 3))
    for (x, y), image in zip(corners, images, strict=True):
        sheet[y:y + height, x:x + width] = image
    ax.imshow(sheet, extent=(0, sheet.shape[1] / width, sheet.shape[0] / width, 0),
              interpolation="nearest")


def _framed(
    ax: Axes, s: Snapshot, corner: tuple[float, float], query: int, row: int, distance: str
) -> None:
    """An image's words, and a frame that says whether its class is that of the query."""
    (left, top), tall = corner, s.x.shape[1] / s.x.shape[2]
    labelled = len(s.y) > 0
    wrong = labelled and s.y[row] != s.y[query]
    if wrong or row == query:
        ax.add_patch(Rectangle((left, top), 1, tall, fill=False, linewidth=2.5,
                               edgecolor=RED if wrong else GREY))
    words = [name_of(s, int(s.y[row]), 10)] if labelled else []
    ax.text(left + 0.5, top + tall + 0.03, "  ".join([*words, *([distance] if distance else [])]),
            ha="center", va="top", fontsize=7, color=RED if wrong else "black")
