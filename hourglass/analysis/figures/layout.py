"""A layout of a figure's panels that measures each panel once."""

from collections import defaultdict
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.layout_engine import LayoutEngine
from matplotlib.transforms import Bbox

EDGE = 0.07    # inches at the figure's edges, and
APART = 0.14   # between panels, in addition to their texts
LEAST = 0.2    # share of the figure that panels keep, whatever their texts need


class OneLook(LayoutEngine):
    """Makes room for the texts around panels. Constrained layout of matplotlib measures every text
    three times, which takes as long as drawing; this one measures once."""

    _adjust_compatible = True
    _colorbar_gridspec = True

    def __init__(self) -> None:
        super().__init__()
        self.room = np.array([EDGE, EDGE, EDGE, EDGE])   # inches: left, bottom, right, top

    def set(self, *, left: float = 0, bottom: float = 0, right: float = 0, top: float = 0) -> None:
        """Keep this many inches more free at an edge, as for a legend of the whole figure."""
        self.room = np.add(self.room, (left, bottom, right, top))

    def execute(self, fig: Figure) -> None:
        """Place the panels of a figure that has one grid."""
        cells = _cells(fig)
        if not cells:
            return
        self._lay_out(fig, cells)
        if any(ax.get_adjustable() == "datalim" and ax.get_aspect() != "auto" for ax in fig.axes):
            self._lay_out(fig, cells)   # its limits, and so its ticks, follow from its size

    def _lay_out(self, fig: Figure, cells: "dict[SubplotSpec, list[Any]]") -> None:
        size = np.asarray(fig.get_size_inches(), float)
        grid = next(iter(cells)).get_gridspec()
        need = np.zeros(4)
        inner = np.zeros(4)
        for cell, axes in cells.items():
            outer = np.array([cell.is_first_col(), cell.is_last_row(), cell.is_last_col(),
                              cell.is_first_row()])
            texts = _overhang(fig, axes)
            need = np.maximum(need, np.where(outer, texts, 0))
            inner = np.maximum(inner, np.where(outer, 0, texts))
        margins = (self.room + need) / np.tile(size, 2)
        gaps = (inner[:2] + inner[2:] + APART) / size
        _place(fig, grid.ncols, grid.nrows, margins, gaps)


def _cells(fig: Figure) -> dict[SubplotSpec, list[Any]]:
    """The panels by their cell of the figure's grid; a colour bar shares its panel's."""
    cells: dict[SubplotSpec, list[Any]] = defaultdict(list)
    for ax in fig.axes:
        spec = ax.get_subplotspec()
        if spec is not None and ax.get_visible() and ax.get_in_layout():
            cells[spec.get_topmost_subplotspec()].append(ax)
    return cells


def _overhang(fig: Figure, axes: list[Any]) -> np.ndarray:
    """Inches (4,) that the texts of panels reach beyond these: left, bottom, right, top."""
    get = getattr(fig.canvas, "get_renderer", None)
    renderer = get() if get else RendererAgg(*fig.bbox.size, fig.dpi)
    texts = Bbox.union([ax.get_tightbbox(renderer, for_layout_only=True) for ax in axes])
    box = Bbox.union([ax.get_position() for ax in axes])   # where images are: they keep their
    box = box.transformed(fig.transFigure)                 # aspect, which the above sees to
    far = np.array([box.x0 - texts.x0, box.y0 - texts.y0, texts.x1 - box.x1, texts.y1 - box.y1])
    return np.maximum(far, 0) / fig.dpi


def _place(fig: Figure, columns: int, rows: int, margins: np.ndarray, gaps: np.ndarray) -> None:
    """Margins (left, bottom, right, top) and gaps (across, down) as shares of the figure."""
    left, bottom, right, top = margins
    count = np.array([columns, rows])
    whole = np.array([1 - left - right, 1 - bottom - top])
    across, down = gaps / (np.maximum(whole - gaps * (count - 1), LEAST) / count)
    fig.subplots_adjust(left, bottom, max(1 - right, left + LEAST), max(1 - top, bottom + LEAST),
                        across, down)
