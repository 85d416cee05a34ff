"""Where the samples lie in the latent space."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..snapshot import Lacking, Snapshot
from ..spec import figures
from .canvas import COLOURS, panels, plain

MOST = 5000   # points


@figures.add("codes")
def codes(s: Snapshot) -> Figure:
    """The codes on their two main axes (PCA), coloured by class, and how much of their variance
    each axis holds. Good: classes form groups, and no few axes hold everything."""
    z = s.z.reshape(len(s.z), -1).astype(np.float64)
    if z.shape[1] < 2 or len(z) < 3 or not np.isfinite(z).all():
        raise Lacking("two factors")
    z = z[:MOST] - z[:MOST].mean(0)
    _, scale, axes_of = np.linalg.svd(z, full_matrices=False)
    flat, shares = z @ axes_of[:2].T, scale**2 / max(float((scale**2).sum()), 1e-12)
    figure, (ax, bars) = panels(1, 2, 4.6)
    kinds, size = np.unique(s.y[:MOST]), float(np.clip(10_000 / len(z), 4, 40))
    if 2 <= len(kinds) <= 40:
        colours = colormaps["tab10" if len(kinds) <= 10 else "gist_ncar"]
        for i, kind in enumerate(kinds):
            points = flat[s.y[:MOST] == kind]
            colour = colours(i) if len(kinds) <= 10 else colours(i / len(kinds))
            ax.scatter(points[:, 0], points[:, 1], s=size, alpha=0.6, color=colour, linewidths=0,
                       label=s.classes[kind] if kind < len(s.classes) else str(kind))
        ax.legend(frameon=False, markerscale=(60 / size) ** 0.5, fontsize=8,
                  ncols=-(-len(kinds) // 16), loc="center left", bbox_to_anchor=(1, 0.5))
    else:
        ax.scatter(flat[:, 0], flat[:, 1], s=size, alpha=0.5, color=COLOURS[0], linewidths=0)
    of = f"{len(z):,} of {s.total:,}" if len(z) < s.total else f"{len(z):,}"
    ax.set(xlabel="first axis", ylabel="second axis", title=f"{of} {s.split} samples")
    ax.set_aspect("equal", adjustable="datalim")   # a flat cloud shall look flat
    bars.bar(np.arange(1, len(shares[:40]) + 1), shares[:40], color=COLOURS[0])
    bars.set(xlabel="axis", ylabel="share of the variance", title=f"{z.shape[1]} factors")
    bars.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain([ax, bars])
    return figure
