"""The latent dimensions against one another, two by two."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...core.hints import Count
from ...core.registry import figures
from ..snapshot import Snapshot
from .canvas import WIDTH, headline
from .classes import Group, groups, legend
from .densities import density, span
from .panels import Panel, draw_frames, draw_lines, draw_ticks, sheet
from .scatter import dots
from .selection import counted, latents, selected, some, widest

SHOWN = 10            # latent dimensions
FEW = 5               # up to which there is room for
MOST = 2500           # points a panel, and
FEWER = 1000          # where there are more
CELLS = 48            # of a density's grid, each way
WITHIN = (0.9, 0.5)   # shares of all samples that contours hold, and of each class
LEAST = 20            # samples of a class, for a contour of them
CLASSES = 12          # up to which classes have contours
EDGES = (0.77, 0.55, 0.11, 0.5)   # inches around all panels: left, bottom, right, top
APART = 0.12          # inches between panels


@figures.add("corner")
def corner(s: Snapshot, limit: Count = SHOWN) -> Figure:
    """Pairs of latent dimensions, at most the ten that vary most. The diagonal shows each dimension
    alone, one density per class. A contour holds half of a class. Without classes, contours hold 50
    and 90 % of the samples. How to read it: clouds should be round and classes apart. A slanted or
    bent cloud means that two dimensions carry the same information."""
    count = min(limit, s.codes.shape[1])
    rows = some(s, MOST if count <= FEW else FEWER)
    z = latents(s, rows, dimensions=2)
    shown = np.sort(widest(z, limit, least=2))
    classes, count = groups(s, rows), len(shown)
    figure, ax = sheet(1.5 + (1.5 if count <= FEW else 0.95) * count)
    places = _places(figure.get_figheight(), [span(z[:, i]) for i in shown])
    _alone(ax, [places[i, i] for i in range(count)], z[:, shown], classes)
    pairs = [(place, z[:, shown[[j, i]]]) for (i, j), place in places.items() if j < i]
    size = float(np.clip((8000 if count <= FEW else 2500) / len(z), 4, 40))
    dots(ax, [place.place(*points.T) for place, points in pairs], classes, size,
         0.4 if len(classes) <= CLASSES else 0.65)
    if len(classes) <= CLASSES:
        _contours(ax, pairs, classes)
    draw_frames(ax, list(places.values()))
    _name(ax, places, shown)
    headline(figure, counted(s, rows) + selected(count, z.shape[1]))
    legend(figure, classes, (count - 1) / count, loc="upper right",
           bbox_to_anchor=(1, 1 - 0.4 / figure.get_figheight()))   # below the title
    return figure


def _places(height: float, spans: list[np.ndarray]) -> dict[tuple[int, int], Panel]:
    """The panels on and below the diagonal, by row and column."""
    count = len(spans)
    left, bottom, right, top = EDGES
    wide = (WIDTH - left - right - APART * (count - 1)) / count
    tall = (height - bottom - top - APART * (count - 1)) / count
    ends = [(float(grid[0]), float(grid[-1])) for grid in spans]
    return {(i, j): Panel(left + j * (wide + APART), bottom + (count - 1 - i) * (tall + APART),
                          wide, tall, ends[j], (0, 1) if i == j else ends[i])
            for i in range(count) for j in range(i + 1)}


def _name(ax: Axes, places: dict[tuple[int, int], Panel], shown: np.ndarray) -> None:
    """Ticks and names of dimensions, below the last row and left of the first column."""
    last = len(shown) - 1
    feet = [places[last, j] for j in range(last + 1)]
    sides = [places[i, 0] for i in range(1, last + 1)]
    draw_ticks(ax, feet, False, 3)
    draw_ticks(ax, sides, True, 3)
    for panel, dimension in zip(feet, shown, strict=True):
        ax.text(panel.left + panel.width / 2, 0.2, f"dimension {dimension + 1}", fontsize=8,
                ha="center", va="bottom")
    for panel, dimension in zip(sides, shown[1:], strict=True):
        ax.text(0.22, panel.bottom + panel.height / 2, f"dimension {dimension + 1}", fontsize=8,
                ha="left", va="center", rotation="vertical")


def _alone(ax: Axes, places: list[Panel], z: np.ndarray, classes: list[Group]) -> None:
    """The density of each dimension, a line for each class."""
    for place, values in zip(places, z.T, strict=True):
        grid = span(values)
        curves = [density(values[group.rows], grid) for group in classes]
        most = 1.05 * max(float(curve.max()) for curve in curves) or 1.0
        draw_lines(ax, [place.place(grid, curve / most) for curve in curves],
                   [group.colour for group in classes], 1,
                   linestyles=[group.dashes for group in classes])


def _contours(
    ax: Axes, pairs: Sequence[tuple[Panel, np.ndarray]], classes: list[Group]
) -> None:
    """A line that holds half of each class, or lines that hold shares of all points."""
    lines, colours = [], []
    for place, points in pairs:
        ends = np.array([place.xs, place.ys])
        kinds = ([("black", points, WITHIN)] if len(classes) == 1 else
                 [(group.colour, points[group.rows], WITHIN[1:]) for group in classes
                  if len(group.rows) >= LEAST])
        for colour, own, shares in kinds:
            drawn = held_by(own, ends, shares)
            lines += [place.place(*line.T) for line in drawn]
            colours += [colour] * len(drawn)
    draw_lines(ax, lines, colours, 0.9, gid="contours")


def held_by(points: np.ndarray, ends: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """Lines (L, 2) that hold these shares of the points (N, 2), by a smoothed histogram between the
    ends (2, 2)."""
    from contourpy import contour_generator
    from scipy.ndimage import gaussian_filter
    shares_across = (points - ends[:, 0]) / (ends[:, 1] - ends[:, 0])
    within = shares_across[((shares_across >= 0) & (shares_across <= 1)).all(1)]
    cells = np.minimum((within * CELLS).astype(int), CELLS - 1)
    counts = np.bincount(cells @ (CELLS, 1), minlength=CELLS**2).reshape(CELLS, CELLS).astype(float)
    smooth = gaussian_filter(counts, np.clip(9 * len(points) ** (-1 / 6), 2.5, 6))   # Scott's rule
    falling = np.sort(smooth.ravel())[::-1]
    cumulative = np.cumsum(falling) / falling.sum()
    middles = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * (np.arange(CELLS) + 0.5) / CELLS
    drawn = contour_generator(middles[0], middles[1], smooth.T)
    return [np.asarray(line) for share in shares
            for line in drawn.lines(falling[np.searchsorted(cumulative, share)])]
