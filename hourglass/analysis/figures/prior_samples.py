"""Samples from each prior, decoded."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...core.image_grid import shown
from ...core.registry import figures
from ..snapshot import Drawn, Lacking, Snapshot
from .canvas import WIDTH, panels, put_rows
from .classes import name_of

COLUMNS = 8


@figures.add("samples")
def samples(s: Snapshot) -> Figure:
    """Decoded samples from each prior, one panel per prior. Priors that know classes have one class
    per row. How to read it: images should look like the data, and differ. For a plain autoencoder,
    samples from own and uniform seldom do, because nothing fills the space between its codes.
    Fitted priors stay where the codes are."""
    if not s.drawn or next(iter(s.drawn.values())).x.ndim != 4:
        raise Lacking("images drawn from a prior")
    across = min(3, len(s.drawn))
    down = -(-len(s.drawn) // across)
    height, width = s.x.shape[1:3]
    most = max(len(drawn.x) for drawn in s.drawn.values()) / COLUMNS
    panel = (WIDTH / across - 0.4) * most * height / (COLUMNS * width) + 0.4
    figure, axes = panels(down, across, min(down * panel, 20))
    for ax, (name, drawn) in zip(axes, s.drawn.items(), strict=False):
        _put(ax, s, name, drawn)
    for ax in axes[len(s.drawn):]:
        ax.set_visible(False)
    return figure


def _put(ax: Axes, s: Snapshot, name: str, drawn: Drawn) -> None:
    whole = len(drawn.x) - len(drawn.x) % COLUMNS
    images = shown(drawn.x[:whole])
    rows = images.reshape(-1, COLUMNS, *images.shape[1:])
    put_rows(ax, list(rows), [name_of(s, kind) for kind in np.unique(drawn.of)[:len(rows)]])
    ax.tick_params(labelsize=7)
    ax.set_title(name, fontsize=10)
    ax.set_anchor("N")   # panels of fewer rows hang from the top
