"""What chosen codes decode to: grids, traversals, interpolations, what lies between classes."""

from matplotlib.figure import Figure

from ...core.image_grid import shown
from ...core.registry import figures
from ..snapshot import Lacking, Probe, Snapshot
from .canvas import WIDTH, panels, put_rows

TALLEST = 14   # inches


@figures.add("grid")
def grid(s: Snapshot) -> Figure:
    """What the decoder makes of codes on a square grid. Good: sharp samples everywhere, one kind
    turning into the next; blurred or broken cells are places that no sample's code is near."""
    figure = sheet(find(s, "grid"), square=True)
    if s.codes.shape[1] == 2:
        figure.axes[0].set(xlabel="factor 1", ylabel="factor 2")
    return figure


@figures.add("quantile_grid")
def quantile_grid(s: Snapshot) -> Figure:
    """The two factors at quantiles of the normal distribution: every cell stands for as many draws
    from the prior. Good: all kinds of samples, each with about its share of the cells."""
    figure = sheet(find(s, "quantile_grid"), square=True)
    figure.axes[0].set(xlabel="factor 1", ylabel="factor 2")
    return figure


@figures.add("traversals")
def traversals(s: Snapshot) -> Figure:
    """One factor a row, changed alone. Good: each row changes one thing that you can name, and no
    row leaves the set; rows that change nothing are factors that are not in use."""
    return sheet(find(s, "traversals"))


@figures.add("interpolations")
def interpolations(s: Snapshot) -> Figure:
    """From one sample to another, in a straight line through the code space; the samples themselves
    are at the ends. Good: every step could be a sample; a plain autoencoder's middles are two
    images on top of one another."""
    return sheet(find(s, "interpolations"))


@figures.add("between")
def between(s: Snapshot) -> Figure:
    """Halfway between the middles of two classes; the middles themselves on the diagonal. Good:
    shapes that lie between the two; a blur says that there is a gap between these classes."""
    return sheet(find(s, "between"), square=True)


@figures.add("shells")
def shells(s: Snapshot) -> Figure:
    """Codes at growing distances from the origin, a direction a column. Good: samples up to where
    the codes lie (the row near the median radius), nonsense only far beyond."""
    return sheet(find(s, "shells"))


def find(s: Snapshot, name: str) -> Probe:
    """The probe of that name, of images."""
    if name not in s.probes or s.probes[name].x.ndim != 5:
        raise Lacking(f"images, and a code space with a {name}")
    return s.probes[name]


def sheet(probe: Probe, square: bool = False) -> Figure:
    """A probe's pictures, its rows and columns named; `square` leaves room on both sides."""
    rows, columns, height, width = probe.x.shape[:4]
    across = min(WIDTH, 8.0) if square else WIDTH
    tall = 0.9 + (across - 1) * rows * height / (columns * width)
    figure, (ax,) = panels(1, 1, min(tall, TALLEST))
    put_rows(ax, [shown(row) for row in probe.x], probe.rows, probe.columns)
    ax.tick_params(labelsize=8)
    ax.set_title(probe.about, fontsize=9)
    return figure
