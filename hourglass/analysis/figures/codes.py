"""The samples in the latent space, by a linear projection."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...core.registry import figures
from ..snapshot import Snapshot
from .canvas import COLOURS, panels, plain
from .classes import groups, legend
from .scatter import name_medians, scatter
from .selection import counted, latents, main_axes, some

MOST = 5000   # points, and
WIDE = 1500   # of codes with more factors than that
BARS = 40


@figures.add("codes")
def codes(s: Snapshot) -> Figure:
    """Latent codes, coloured by class: both latent dimensions if there are two, otherwise the first
    two principal components (PCA). The bars show the variance of each component. How to read it:
    classes should form groups. If a few components hold all the variance, the latent space is
    larger than needed."""
    rows = some(s, MOST if s.z[:1].size <= WIDE else WIDE)
    z = latents(s, rows, dimensions=2)
    shares, flat = main_axes(z)
    words = ("first principal component", "second principal component")
    if z.shape[1] == 2:
        flat, words = z, ("latent dimension 1", "latent dimension 2")
    figure, (ax, bars) = panels(1, 2, 5, width_ratios=(1.8, 1))
    classes = groups(s, rows)
    scatter(ax, flat[:, :2], classes)
    ax.set(xlabel=words[0], ylabel=words[1], title=counted(s, rows))
    ax.set_aspect("equal", adjustable="datalim")   # so that a flat cloud looks flat
    bars.bar(np.arange(1, len(shares[:BARS]) + 1), 100 * shares[:BARS], color=COLOURS[0])
    count = len(shares)
    of = (f"first {BARS} of {count} principal components" if count > BARS
          else f"{count} principal components")
    bars.set(xlabel="principal component", ylabel="share of the variance, %", title=of)
    bars.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain([ax, bars])
    legend(figure, classes)
    name_medians([ax], [flat[:, :2]], s, rows)
    return figure
