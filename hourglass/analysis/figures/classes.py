"""The samples of each class, and the colour of each class in all figures."""

from collections import Counter
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..snapshot import Snapshot
from .canvas import COLOURS, WIDTH, keep_free

LONGEST = 16    # characters of a class's name
TEN = 10        # classes that a marker and a way of drawing lines is for
MARKERS = ("o", "^", "s", "D")
DASHES = ("-", "--", ":", "-.")
# matplotlib's ten, then each as far as can be, in CIELAB, from all before it and from white
PALETTE = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f",
    "#bcbd22", "#17becf", "#0000ff", "#ff21ff", "#16430b", "#37009b", "#00e900", "#ffbc85",
    "#a6d39b", "#ff007a", "#640043", "#006fff", "#7a6400", "#d3c8ff", "#00e9a6", "#a6009b",
    "#ff8590", "#003743", "#6f0000", "#002c7a", "#009064", "#a659ff", "#bc642c", "#ffbc00",
    "#90de2c", "#e9bcbc", "#594364", "#ff00b1", "#b1214e", "#432c00", "#ff7aff", "#648537")


class Group(NamedTuple):
    """Samples of one class, or all of them under no name."""

    name: str
    colour: str
    rows: np.ndarray   # which of those that are drawn
    marker: str = MARKERS[0]   # of its points, and
    dashes: str = DASHES[0]    # of its lines: others after ten classes, whose colours are alike


def name_of(s: Snapshot, kind: int, longest: int = LONGEST) -> str:
    """A class's name, cut to at most `longest` characters, or its number if it has no name."""
    known = 0 <= kind < len(s.classes)
    short = short_names(tuple(s.classes), longest)[kind] if known else str(kind)
    return short.replace("$", r"\$")   # or matplotlib reads a formula


@lru_cache(maxsize=8)
def short_names(names: tuple[str, ...], longest: int = LONGEST) -> tuple[str, ...]:
    """The names, each cut to at most `longest` characters. Names that would then look the same are
    cut in the middle instead, or at the beginning, or end with their number."""
    half = longest // 2
    short = list(names)
    for cut in (lambda name: f"{name[:longest - 1]}…",
                lambda name: f"{name[:longest - half - 1]}…{name[-half:]}",
                lambda name: f"…{name[1 - longest:]}"):
        taken = Counter(short)
        short = [cut(name) if len(name) > longest and (len(own) > longest or taken[own] > 1)
                 else own for name, own in zip(names, short, strict=True)]
    taken = Counter(short)
    return tuple(own if taken[own] == 1 or len(name) <= longest
                 else f"{own[:longest - 1 - len(str(i))]}…{i}"
                 for i, (name, own) in enumerate(zip(names, short, strict=True)))


def groups(s: Snapshot, rows: np.ndarray) -> list[Group]:
    """These samples by class. Without classes, with one, or with too many: all in one group."""
    kinds = np.unique(s.y)
    if not 2 <= len(kinds) <= len(PALETTE):
        return [Group("", COLOURS[0], np.arange(len(rows)))]
    classes = [Group(name_of(s, kind), colour, np.flatnonzero(s.y[rows] == kind),
                     MARKERS[i // TEN], DASHES[i // TEN])
               for i, (kind, colour) in enumerate(zip(kinds, PALETTE, strict=False))]
    return [group for group in classes if len(group.rows)]


def legend(figure: Figure, groups: list[Group], share: float = 1.0, **place: Any) -> None:
    """The classes' names and colours, in as many columns as fit into this share of the width. By
    default, the legend lies below the panels."""
    if len(groups) < 2:
        return
    columns = _columns(groups, share)
    handles = [Line2D([], [], color=group.colour, marker=group.marker, linestyle="", markersize=6,
                      label=f" {group.name}") for group in groups]   # "_" first would hide it
    look = {"loc": "lower center", "fontsize": 8, "handletextpad": 0.1, "columnspacing": 1.0,
            "frameon": False, **place}
    if not place:
        keep_free(figure, bottom=legend_room(groups))
    figure.legend(handles=handles, ncols=min(columns, len(groups)), **look)


def legend_room(groups: list[Group]) -> float:
    """Height in inches of the legend below the panels; 0 without classes."""
    return 0.1 + 0.17 * -(-len(groups) // _columns(groups)) if len(groups) > 1 else 0.0


def _columns(classes: list[Group], share: float = 1.0) -> int:
    """The number of columns of a legend in this share of the figure's width."""
    letters = max(len(group.name) for group in classes)
    return int(share * WIDTH / (0.42 + 0.075 * letters))   # inches
