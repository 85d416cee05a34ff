"""How large the errors are, over all samples and class by class."""

import numpy as np
from matplotlib.figure import Figure

from ...core.registry import figures
from ..snapshot import Lacking, Snapshot
from .canvas import COLOURS, panels, plain
from .classes import name_of


@figures.add("errors")
def errors(s: Snapshot) -> Figure:
    """Histogram of the mean squared error per sample. How to read it: one narrow peak is good. A
    long tail on the right holds samples unlike the others."""
    if s.kind == "lines":
        raise Lacking("values, not tokens")
    figure, (ax,) = panels(1, 1, 2.8)
    ax.hist(s.squared, bins=60, color=COLOURS[0], histtype="stepfilled")   # one shape draws fast
    for share, style in ((0.5, "-"), (0.95, "--")):
        value = np.quantile(s.squared, share)
        ax.axvline(value, color=COLOURS[1], linestyle=style,
                   label=f"{share:.0%} are below {value:.3g}")
    ax.set(xlabel="mean squared error of a sample", ylabel="samples")
    ax.legend(frameon=False)
    plain([ax])
    return figure


@figures.add("class_errors")
def class_errors(s: Snapshot) -> Figure:
    """Mean squared error by class. A box holds half of a class, its whiskers 90 %. How to read it:
    classes should be alike. A class with larger errors is rarer or more varied."""
    kinds = np.unique(s.y)
    if s.kind == "lines" or not len(s.y) or not 2 <= len(kinds) <= 60:
        raise Lacking("between 2 and 60 classes")
    groups = [s.squared[s.y == k] for k in kinds]
    order = np.argsort([np.median(g) for g in groups])
    figure, (ax,) = panels(1, 1, 2.2 + 0.2 * len(kinds))
    ax.boxplot([groups[i] for i in order], whis=(5, 95), orientation="horizontal", widths=0.6,
               showfliers=False, patch_artist=True,
               tick_labels=[f"{name_of(s, kinds[i])} ({len(groups[i])})" for i in order],
               boxprops={"facecolor": "#a9c6e4"}, medianprops={"color": COLOURS[1]})
    ax.set(xlabel="mean squared error of a sample")
    ax.grid(alpha=0.25, axis="x")
    plain([ax])
    return figure
