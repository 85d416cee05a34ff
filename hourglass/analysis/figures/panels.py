"""Many small panels drawn into one axes, which takes a third of the time of an axes each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .canvas import WIDTH

STEPS = (1, 2, 2.5, 5, 10)   # of ticks
LENGTH = 0.04                # inches of a tick


class Panel(NamedTuple):
    """A rectangle of a figure, in inches, and the values at its edges."""

    left: float
    bottom: float
    width: float
    height: float
    xs: tuple[float, float]
    ys: tuple[float, float]

    def place(self, x: Any, y: Any) -> np.ndarray:
        """Where these values (N,) lie in the figure: inches (N, 2), nan outside the panel."""
        (x0, x1), (y0, y1) = self.xs, self.ys
        shares = np.column_stack([(np.asarray(x, float) - x0) / (x1 - x0),
                                  (np.asarray(y, float) - y0) / (y1 - y0)])
        shares[((shares < 0) | (shares > 1)).any(1)] = np.nan
        return np.asarray(shares * (self.width, self.height) + (self.left, self.bottom))


def sheet(height: float) -> tuple[Figure, Axes]:
    """A figure of the common width with one invisible axes over all of it, whose values are
    inches."""
    figure = Figure(figsize=(WIDTH, height), dpi=110)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, height))
    ax.set_axis_off()
    return figure, ax


def draw_lines(
    ax: Axes, lines: Sequence[np.ndarray], colours: Any, width: float, **look: Any
) -> None:
    """Lines (L, 2) in inches, one colour for all or one for each."""
    drawn = LineCollection(list(lines), colors=colours, linewidths=width, zorder=2, **look)
    ax.add_collection(drawn, autolim=False)


def draw_frames(ax: Axes, panels: Sequence[Panel], left: bool = True) -> None:
    """The lower edge of each panel, and the left one."""
    lines = []
    for p in panels:
        foot = [(p.left, p.bottom), (p.left + p.width, p.bottom)]
        lines.append(np.array([(p.left, p.bottom + p.height), *foot] if left else foot))
    draw_lines(ax, lines, "black", 0.8, capstyle="projecting")


def draw_ticks(ax: Axes, panels: Sequence[Panel], upright: bool, count: int) -> None:
    """About `count` ticks and their values below each panel, or to the left if `upright`."""
    marks = []
    for p in panels:
        values = ticks_within(*(p.ys if upright else p.xs), count)
        start, length = (p.bottom, p.height) if upright else (p.left, p.width)
        low, high = p.ys if upright else p.xs
        for value, text in zip(values, texts_of(values), strict=True):
            at = start + length * (value - low) / (high - low)
            if upright:
                marks.append(np.array([(p.left - LENGTH, at), (p.left, at)]))
                ax.text(p.left - 2 * LENGTH, at, text, fontsize=7, ha="right", va="center")
            else:
                marks.append(np.array([(at, p.bottom - LENGTH), (at, p.bottom)]))
                ax.text(at, p.bottom - 2 * LENGTH, text, fontsize=7, ha="center", va="top")
    draw_lines(ax, marks, "black", 0.8)


def ticks_within(low: float, high: float, count: int) -> np.ndarray:
    """About `count` round numbers from `low` to `high`."""
    values = np.asarray(MaxNLocator(count, steps=STEPS).tick_values(low, high))
    return np.asarray(values[(values >= low) & (values <= high)] + 0.0)   # no "-0"


def texts_of(values: np.ndarray) -> list[str]:
    """Values with the fewest digits that distinguish them."""
    texts: list[str] = []
    for digits in range(6, 18):
        texts = [f"{value:.{digits}g}".replace("-", "\u2212") for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts
