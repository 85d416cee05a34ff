"""What the model makes of draws from each prior."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..snapshot import Drawn, Lacking, Snapshot
from ..spec import figures
from .canvas import WIDTH, panels, shown, tile
from .classes import name_of

COLUMNS = 8


@figures.add("samples")
def samples(s: Snapshot) -> Figure:
    """Decoded draws, a panel a prior; priors that know classes draw a class a row. Good: they could
    be samples of the set, and differ. Own and uniform draws of a plain autoencoder seldom are, for
    nothing fills the space between its codes; priors fitted to the codes keep to where they lie."""
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
    height = drawn.x.shape[1]
    gap = max(1, height // 24)
    whole = len(drawn.x) - len(drawn.x) % COLUMNS
    rows = shown(drawn.x[:whole]).reshape(-1, COLUMNS, *drawn.x.shape[1:3], 3)
    ax.imshow(tile(list(rows), gap=gap), interpolation="nearest")
    kinds = np.unique(drawn.of)[:len(rows)]
    names = [name_of(s, kind) for kind in kinds]
    ax.set_yticks((np.arange(len(names)) + 0.5) * (height + 2 * gap), names, fontsize=7)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(name, fontsize=10)
    ax.set_anchor("N")   # panels of fewer rows hang from the top
