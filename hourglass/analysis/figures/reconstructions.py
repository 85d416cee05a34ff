"""Samples and their reconstructions."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...core.channels import laid_out
from ...core.image_grid import shown, tile
from ...core.registry import figures
from ..snapshot import Lacking, Snapshot
from .canvas import COLOURS, panels, plain

SHOWN = 8      # samples of each kind
CHANNELS = 6   # of a series
NAMED = 40     # values of a table up to which each is named; of more, each column is, up to
MOST = 60      # columns


def picks(s: Snapshot, count: int = SHOWN) -> dict[str, np.ndarray]:
    """Which samples to show: the best, typical, worst and random ones, by squared error."""
    order, n = np.argsort(s.squared, kind="stable"), len(s.x)
    count, middle = min(count, n), max(0, n // 2 - count // 2)
    random = np.random.default_rng(0).choice(n, count, replace=False)
    return {"best": order[:count], "typical": order[middle:middle + count],
            "worst": order[::-1][:count], "random": random}


@figures.add("reconstructions")
def reconstructions(s: Snapshot) -> Figure:
    """Each row shows the input, its reconstruction, the signed error (red: too bright, blue: too
    dark) and the absolute error. How to read it: errors should be thin outlines. The worst samples
    should be unusual ones."""
    if s.x.ndim != 4:
        raise Lacking("images")
    chosen = picks(s)
    rows = len(chosen["best"])
    height, width = s.x.shape[1:3]
    figure, axes = panels(1, 4, min(1.0 + 2.75 * rows / 4 * height / width, 24))
    for ax, (kind, index) in zip(axes, chosen.items(), strict=True):
        x, recon = laid_out(s.x[index]), laid_out(s.recon[index])
        signed = (recon - x).mean(-1)
        columns = [shown(x), shown(recon), colormaps["bwr"](0.5 + signed / 2)[..., :3],
                   shown(np.abs(recon - x))]
        picture = tile([np.stack(row) for row in zip(*columns, strict=True)],
                       gap=max(1, height // 24))
        ax.imshow(picture, interpolation="nearest")
        ax.set_title(f"{kind}\nmse {s.squared[index].min():.2g} to {s.squared[index].max():.2g}",
                     fontsize=10)
        step = picture.shape[1] / 4
        ax.set_xticks(step / 2 + step * np.arange(4),
                      ["input", "recon-\nstruction", "error", "|error|"], fontsize=8)
        ax.tick_params(length=0)
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
    return figure


@figures.add("lines")
def lines(s: Snapshot) -> Figure:
    """Inputs (grey) and their reconstructions (colour), value by value. Vectors have one line,
    series one line per channel. How to read it: the two lines should lie on each other, except for
    noise."""
    if s.x.ndim not in (2, 3) or s.kind in ("ratings", "lines"):
        raise Lacking("vectors or series")
    count = 2 if s.columns else 3
    chosen = [[(kind, i) for i in index] for kind, index in picks(s, count).items()]
    grid = chosen if s.columns else list(zip(*chosen, strict=True))
    rows, across = len(grid), len(grid[0])
    figure, axes = panels(rows, across, 1.6 + 1.7 * rows)
    for at, (kind, i) in enumerate(cell for row in grid for cell in row):
        ax = axes[at]
        _put_lines(ax, s, i)
        ax.set_title(f"{kind}, mse {s.squared[i]:.2g}", fontsize=9)
        _name_axes(ax, s, first=at % across == 0, lowest=at >= across * (rows - 1))
    plain(axes)
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def _name_axes(ax: Axes, s: Snapshot, first: bool, lowest: bool) -> None:
    """The names of a table's columns below the lowest panels, and the label of the y axis."""
    names = dict(enumerate(s.columns))
    if len(names) > NAMED:   # a category has one value per class: only the first is named
        bases = [name.partition("=")[0] for name in s.columns]
        names = {i: base for i, base in enumerate(bases) if base not in bases[:i]}
    if 0 < len(names) <= MOST:
        ax.set_xticks(list(names), list(names.values()) if lowest else [""] * len(names),
                      rotation=90, fontsize=7)
    elif lowest:
        ax.set_xlabel("step" if s.x.ndim == 3 else f"value, of {s.x.shape[1]}", fontsize=8)
    if first and s.columns:
        ax.set_ylabel("scaled value", fontsize=8)


def _put_lines(ax: Axes, s: Snapshot, i: int) -> None:
    """Sample i, with gaps where values are missing, and its reconstruction."""
    x = np.where(s.known[i], s.x[i], np.nan) if len(s.known) else s.x[i]
    for number, (own, reconstruction) in enumerate(zip(np.atleast_2d(x.T)[:CHANNELS],
                                                       np.atleast_2d(s.recon[i].T), strict=False)):
        ax.plot(own, color="#888888", linewidth=1.2, marker="." if len(s.known) else "",
                markersize=3, label=None if number else "input")
        ax.plot(reconstruction, color=COLOURS[number % len(COLOURS)], linewidth=1,
                label=None if number else "reconstruction")
