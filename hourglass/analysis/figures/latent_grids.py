"""Decodings of chosen codes: grids, traversals, interpolations, paths between classes."""

from matplotlib.figure import Figure

from ...core.image_grid import shown
from ...core.registry import figures
from ..snapshot import Lacking, Probe, Snapshot
from .canvas import WIDTH, panels, put_rows

TALLEST = 14   # inches


@figures.add("grid")
def grid(s: Snapshot) -> Figure:
    """Decoded codes on a square grid. How to read it: images should be sharp everywhere and change
    gradually. Blurred or broken images are far from the code of any sample."""
    figure = sheet(find(s, "grid"), square=True)
    if s.codes.shape[1] == 2:
        figure.axes[0].set(xlabel="latent dimension 1", ylabel="latent dimension 2")
    return figure


@figures.add("quantile_grid")
def quantile_grid(s: Snapshot) -> Figure:
    """Decoded codes at quantiles of the normal distribution, in two latent dimensions. Each image
    stands for an equal share of the prior. How to read it: all kinds of samples should appear, each
    with about its share of the images."""
    figure = sheet(find(s, "quantile_grid"), square=True)
    figure.axes[0].set(xlabel="latent dimension 1", ylabel="latent dimension 2")
    return figure


@figures.add("traversals")
def traversals(s: Snapshot) -> Figure:
    """One latent dimension changes along each row; the others stay. How to read it: each row should
    change one thing that you can name. Rows without a change are unused dimensions."""
    return sheet(find(s, "traversals"))


@figures.add("interpolations")
def interpolations(s: Snapshot) -> Figure:
    """Straight lines in the latent space from one sample to another. The inputs themselves are at
    both ends. How to read it: each step should look like a sample. In a plain autoencoder, the
    middle often shows two images on top of each other."""
    return sheet(find(s, "interpolations"))


@figures.add("between")
def between(s: Snapshot) -> Figure:
    """Decoded codes halfway between the median codes of two classes. The medians themselves are on
    the diagonal. How to read it: shapes should lie between both classes. A blurred image means a
    gap between these classes."""
    return sheet(find(s, "between"), square=True)


@figures.add("shells")
def shells(s: Snapshot) -> Figure:
    """Decoded codes at growing distances from the origin, one direction per column. How to read it:
    images should look like samples up to the median distance of the codes, and break only far
    beyond it."""
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
