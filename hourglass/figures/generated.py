"""What the model makes of draws from its own prior."""

import numpy as np
from matplotlib.figure import Figure

from ..snapshot import Lacking, Snapshot
from ..spec import figures
from .canvas import panels, shown, tile

COLUMNS = 10


@figures.add("samples")
def samples(s: Snapshot) -> Figure:
    """Decoded draws from the model's prior, for conditional models a class a row. Good: they could
    be samples of the set, and differ; those of a plain autoencoder seldom are, for nothing fills
    the space between its codes."""
    if s.samples.ndim != 4 or not len(s.samples):
        raise Lacking("images")
    columns = int((s.of == s.of[0]).sum()) if len(s.of) else COLUMNS
    rows = shown(s.samples).reshape(-1, columns, *s.samples.shape[1:3], 3)
    height, width = s.samples.shape[1:3]
    figure, (ax,) = panels(1, 1, min(0.6 + 11 * len(rows) * height / (columns * width), 14))
    ax.imshow(tile(list(rows), gap=max(1, height // 24)), interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    if len(s.of):
        names = [s.classes[kind] for kind in s.of[::columns]]
        ax.set_yticks((np.arange(len(rows)) + 0.5) * (height + 2 * max(1, height // 24)), names)
        ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure
