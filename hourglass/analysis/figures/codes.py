"""Where the samples lie in the latent space, seen straight."""

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
    """The codes, coloured by class: the two factors if there are two, else the two main axes
    (PCA); and how much of the variance each main axis holds. Good: classes form groups, and no few
    axes hold everything."""
    rows = some(s, MOST if s.z[:1].size <= WIDE else WIDE)
    z = latents(s, rows, factors=2)
    shares, flat = main_axes(z)
    words = ("first axis", "second axis")
    if z.shape[1] == 2:
        flat, words = z, ("factor 1", "factor 2")
    figure, (ax, bars) = panels(1, 2, 5, width_ratios=(1.8, 1))
    found = groups(s, rows)
    scatter(ax, flat[:, :2], found)
    ax.set(xlabel=words[0], ylabel=words[1], title=counted(s, rows))
    ax.set_aspect("equal", adjustable="datalim")   # a flat cloud shall look flat
    bars.bar(np.arange(1, len(shares[:BARS]) + 1), 100 * shares[:BARS], color=COLOURS[0])
    of = f"first {BARS} of {len(shares)} axes" if len(shares) > BARS else f"{len(shares)} axes"
    bars.set(xlabel="axis", ylabel="share of the variance, %", title=of)
    bars.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain([ax, bars])
    legend(figure, found)
    name_medians([ax], [flat[:, :2]], s, rows)
    return figure
