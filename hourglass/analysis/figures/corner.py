"""The latent dimensions against one another, two by two."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from ...core.hints import Count
from ...core.registry import figures
from ..snapshot import Snapshot
from .canvas import WIDTH, headline, panels, plain
from .classes import Group, groups, legend
from .densities import density, span
from .scatter import scatter
from .selection import counted, latents, selected, some, widest

SHOWN = 10            # latent dimensions
FEW = 5               # up to which there is room for
MOST = 2500           # points a panel, and
FEWER = 1000          # where there are more
CELLS = 48            # of a density's grid, each way
WITHIN = (0.9, 0.5)   # shares of all samples that contours hold, and of each class
LEAST = 20            # samples of a class, for a contour of them
STEPS = (1, 2, 2.5, 5, 10)   # of ticks
CLASSES = 12          # up to which classes have contours


@figures.add("corner")
def corner(s: Snapshot, limit: Count = SHOWN) -> Figure:
    """Pairs of latent dimensions, at most the ten that vary most. The diagonal shows each dimension
    alone, one density per class. A contour holds half of a class. Without classes, contours hold 50
    and 90 % of the samples. How to read it: clouds should be round and classes apart. A slanted or
    bent cloud means that two dimensions carry the same information."""
    count = min(limit, s.codes.shape[1])
    rows = some(s, MOST if count <= FEW else FEWER)
    z = latents(s, rows, factors=2)
    shown = np.sort(widest(z, limit, least=2))
    found, count = groups(s, rows), len(shown)
    few = count <= FEW
    figure, axes = _many_panels(count) if not few else panels(
        count, count, 2.2 + 1.6 * count, sharex="col")
    for i, row in enumerate(shown):
        for j, column in enumerate(shown):
            ax = axes[i * count + j]
            if j > i and few:
                ax.remove()
            if j > i:
                continue
            _cell(ax, z[:, [column, row]], found, i == j, 8000 if few else 2500)
            _name_axis(ax.xaxis, f"dimension {column + 1}" if i == count - 1 else "", few)
            _name_axis(ax.yaxis, f"dimension {row + 1}" if j == 0 < i else "", few)
            if few:
                ax.tick_params(axis="y", labelleft=j == 0 < i)
    axes = figure.axes
    plain(axes)
    headline(figure, counted(s, rows) + selected(count, z.shape[1]))
    legend(figure, found, (count - 1) / count, loc="upper right",
           bbox_to_anchor=(1, 1 - 0.4 / figure.get_figheight()))   # below the title
    return figure


def _name_axis(axis: Axis, name: str, few: bool) -> None:
    """Its name and ticks at the edge of the figure. Among many panels, others have no ticks."""
    if name or few:
        axis.set_tick_params(labelsize=7)
    if not few:
        axis.set_major_locator(MaxNLocator(3, steps=STEPS) if name else NullLocator())
        axis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))   # short
    if name:
        axis.set_label_text(name, fontsize=8)


def _many_panels(count: int) -> tuple[Figure, list[Axes]]:
    """Panels on and below the diagonal, at fixed places: to lay so many out takes many seconds. The
    list has all places, in reading order; those above the diagonal hold the first panel."""
    figure = Figure(figsize=(WIDTH, 1.5 + 0.95 * count), dpi=110)
    places = figure.add_gridspec(count, count, left=0.07, right=0.99, bottom=0.05, top=0.95,
                                 wspace=0.12, hspace=0.12)
    below = {(i, j): figure.add_subplot(places[i, j]) for i in range(count) for j in range(i + 1)}
    return figure, [below.get((i, j), below[0, 0]) for i in range(count) for j in range(count)]


def _cell(
    ax: Axes, points: np.ndarray, found: list[Group], alone: bool, size: float
) -> None:
    if alone:
        grid = span(points[:, 0])
        for group in found:
            ax.plot(grid, density(points[group.rows, 0], grid), group.dashes, color=group.colour,
                    linewidth=1)
        ax.set(ylim=(0, None), xlim=(grid[0], grid[-1]))
        ax.yaxis.set_major_locator(NullLocator())
        return
    scatter(ax, points, found, size, **({"alpha": 0.4} if len(found) <= CLASSES else {}))
    if len(found) <= CLASSES:
        _contours(ax, points, found)
    xs, ys = (span(p) for p in points.T)
    ax.set(xlim=(xs[0], xs[-1]), ylim=(ys[0], ys[-1]))


def _contours(ax: Axes, points: np.ndarray, found: list[Group]) -> None:
    """A line that holds half of each class, or lines that hold shares of all points."""
    ends = np.array([span(p)[[0, -1]] for p in points.T])
    if len(found) == 1:
        each = [("black", line) for line in held_by(points, ends, WITHIN)]
    else:
        each = [(group.colour, line) for group in found if len(group.rows) >= LEAST
                for line in held_by(points[group.rows], ends, WITHIN[1:])]
    lines = LineCollection([line for _, line in each], colors=[colour for colour, _ in each],
                           linewidths=0.9)
    ax.add_collection(lines, autolim=False)


def held_by(points: np.ndarray, ends: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """Lines (L, 2) that hold these shares of the points (N, 2), by a smoothed histogram between the
    ends (2, 2)."""
    from contourpy import contour_generator
    from scipy.ndimage import gaussian_filter
    counts, *edges = np.histogram2d(points[:, 0], points[:, 1], CELLS, ends)
    smooth = gaussian_filter(counts, np.clip(9 * len(points) ** (-1 / 6), 2.5, 6))   # Scott's rule
    falling = np.sort(smooth.ravel())[::-1]
    held = np.cumsum(falling) / falling.sum()
    middles = [(e[1:] + e[:-1]) / 2 for e in edges]
    drawn = contour_generator(middles[0], middles[1], smooth.T)
    return [np.asarray(line) for share in shares
            for line in drawn.lines(falling[np.searchsorted(held, share)])]
