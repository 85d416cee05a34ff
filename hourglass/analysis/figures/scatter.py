"""Points by class, and the classes' names among them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from ..snapshot import Snapshot
from .canvas import lay_out
from .classes import Group, groups, name_of

LAYERS = 5            # of dots
FEW, MOST = 10, 100   # classes from and to which names stand among the points


def scatter(ax: Axes, points: np.ndarray, groups: list[Group], size: float = 12_000,
            **options: Any) -> None:
    """Points (N, 2) or (N, 3) in their classes' colours; in the samples' order, so that no class
    lies on top of the others; each ten classes have their own marker."""
    look: dict[str, Any] = {"s": float(np.clip(size / len(points), 4, 40)), "alpha": 0.65,
                            "linewidths": 0}
    for marker in dict.fromkeys(group.marker for group in groups):
        colours = np.full((len(points), 4), np.nan)
        for group in groups:
            if group.marker == marker:
                colours[group.rows] = to_rgba(group.colour)
        own = np.flatnonzero(np.isfinite(colours[:, 0]))
        look["c"] = colours[own]
        ax.scatter(*points[own].T, marker=marker, **{**look, **options})


def dots(ax: Axes, clouds: Sequence[np.ndarray], groups: list[Group], size: float,
         alpha: float) -> None:
    """Clouds (N, 2) of the same samples in several places of one axes, in their classes' colours.

    Points of one look are drawn at once, which takes half the time. A fifth of each class follows
    a fifth of the others, so that no class lies on top.
    """
    for part in range(LAYERS):
        for group in groups:
            rows = group.rows[part::LAYERS]
            points = np.concatenate([cloud[rows] for cloud in clouds])
            ax.plot(*points.T, group.marker, color=group.colour, markersize=size ** 0.5,
                    alpha=alpha, markeredgewidth=0, scalex=False, scaley=False)


def name_medians(axes: list[Axes], clouds: list[np.ndarray], s: Snapshot, rows: np.ndarray) -> None:
    """Where there are many classes, write each one's name at the median of its points, unless it
    would touch another's. To be called last: it lays the figure out."""
    kinds, counts = np.unique(s.y[rows] if len(s.y) else s.y, return_counts=True)
    if not FEW < len(kinds) <= MOST:
        return
    inks = {group.name: group.colour for group in groups(s, rows)}
    lay_out(axes)
    for ax, points in zip(axes, clouds, strict=True):
        taken: list[Bbox] = []
        for kind in kinds[np.argsort(-counts, kind="stable")]:
            name = name_of(s, kind)
            text = _name(ax, np.median(points[s.y[rows] == kind], axis=0), name, inks.get(name))
            box = text.get_window_extent().padded(2)
            if any(box.overlaps(other) for other in taken):
                text.remove()
            else:
                taken.append(box)


def _name(ax: Axes, at: np.ndarray, name: str, colour: str | None) -> Text:
    """A name in its class's colour, darker so that it stands out."""
    ink = 0.55 * np.array(to_rgb(colour or "black"))
    return ax.text(at[0], at[1], name, fontsize=7.5, weight="bold", ha="center", va="center",
                   color=ink, clip_on=True,
                   path_effects=[withStroke(linewidth=2.5, foreground="white")])
