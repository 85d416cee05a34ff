"""The factors against one another, two by two."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..snapshot import Snapshot
from ..spec import figures
from .canvas import panels, plain
from .classes import Group, groups, legend
from .densities import density, span
from .latents import counted, latents, selected, some, widest
from .scatter import scatter

MOST = 2500     # points
SHOWN = 5       # factors
CELLS = 48      # of a density's grid, each way
WITHIN = (0.9, 0.5)   # shares of the points that contours hold


@figures.add("corner")
def corner(s: Snapshot) -> Figure:
    """The factors that vary most, two by two, and on the diagonal each alone (curves of area 1 for
    each class); without classes, the contours hold 50 and 90 % of the samples. Good: round clouds,
    classes apart; a slanted or bent cloud says that two factors tell the same."""
    rows = some(s, MOST)
    z = latents(s, rows, factors=2)
    shown = np.sort(widest(z, SHOWN, least=2))
    found, count = groups(s, rows), len(shown)
    figure, axes = panels(count, count, 2.2 + 1.6 * count, sharex="col")
    for i, row in enumerate(shown):
        for j, column in enumerate(shown):
            ax = axes[i * count + j]
            if j > i:
                ax.remove()
            else:
                _cell(ax, z[:, [column, row]], found, alone=i == j)
                ax.tick_params(labelsize=7, labelleft=j == 0 < i)
                ax.set(xlabel=f"factor {column + 1}" if i == count - 1 else "",
                       ylabel=f"factor {row + 1}" if j == 0 < i else "")
    plain(axes)
    figure.suptitle(counted(s, rows) + selected(count, z.shape[1]), fontsize=11)
    legend(figure, found, (count - 1) / count, loc="upper right",
           bbox_to_anchor=(1, 1 - 0.4 / figure.get_figheight()))   # below the title
    return figure


def _cell(ax: Axes, points: np.ndarray, found: list[Group], alone: bool) -> None:
    if alone:
        grid = span(points[:, 0])
        for group in found:
            ax.plot(grid, density(points[group.rows, 0], grid), color=group.colour, linewidth=1)
        ax.set(yticks=[], ylim=(0, None))
        return
    scatter(ax, points, found, size=8000)
    if len(found) == 1:
        _contours(ax, points)
    xs, ys = (span(p) for p in points.T)
    ax.set(xlim=(xs[0], xs[-1]), ylim=(ys[0], ys[-1]))


def _contours(ax: Axes, points: np.ndarray) -> None:
    """Lines that hold shares of the points, by a smoothed histogram."""
    from scipy.ndimage import gaussian_filter
    ends = np.array([span(p)[[0, -1]] for p in points.T])
    counts, *edges = np.histogram2d(points[:, 0], points[:, 1], CELLS, ends)
    smooth = gaussian_filter(counts, 2.5)
    falling = np.sort(smooth.ravel())[::-1]
    held = np.cumsum(falling) / falling.sum()
    levels = [falling[np.searchsorted(held, share)] for share in WITHIN]
    if levels[0] < levels[1]:
        middles = [(e[1:] + e[:-1]) / 2 for e in edges]
        ax.contour(*middles, smooth.T, levels, colors="black", linewidths=0.9)
