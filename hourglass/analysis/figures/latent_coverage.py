"""Whether the space between the codes is filled."""

import numpy as np
from matplotlib.figure import Figure

from ...core.registry import figures
from ..snapshot import Lacking, Snapshot
from .canvas import COLOURS, keep_free, panels, plain


@figures.add("filled")
def filled(s: Snapshot) -> Figure:
    """Distance of a code from itself after decoding and encoding it again: codes of samples, and
    random points of the box around them. How to read it: the two histograms should lie together.
    Where random points move far, that part of the box is empty. In many dimensions, most of a box
    is."""
    if not len(s.trips) or not (np.isfinite(s.trips).all() and np.isfinite(s.box_trips).all()):
        raise Lacking("codes that were decoded and encoded again")
    near = float(np.quantile(s.trips, 0.95))
    share = float((s.box_trips <= near).mean())
    both = np.concatenate([s.trips, s.box_trips])
    least = max(float(both.min()), 1e-4)
    bins = np.geomspace(least, max(float(both.max()), 2 * least), 60)
    figure, (ax,) = panels(1, 1, 3.0)
    for values, colour, label in ((s.trips, COLOURS[0], f"codes of {s.split} samples"),
                                  (s.box_trips, COLOURS[1], "random points of the box")):
        ax.hist(values, bins=bins.tolist(), color=colour, alpha=0.7, label=label,
                histtype="stepfilled")
    ax.axvline(near, color="#444444", linestyle="--", linewidth=1,
               label=f"left of it: 95 % of the samples, {share:.1%} of the box")
    ax.set(xscale="log", ylabel="codes",
           xlabel="distance after decoding and encoding again, in standard deviations of the codes")
    figure.legend(loc="upper center", ncols=3, frameon=False, fontsize=9)
    keep_free(figure, top=0.3)
    plain([ax])
    return figure
