"""How the codes are spread: factor by factor, against the prior, and away from the middle."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...core.registry import figures
from ..snapshot import Snapshot
from .canvas import COLOURS, WIDTH, headline, panels, plain
from .classes import groups, legend, legend_room
from .panels import Panel, draw_frames, draw_lines, draw_ticks, sheet
from .selection import ACTIVE, counted, latents, selected, some, widest

MOST = 10_000   # samples
SHOWN = 16      # factors
POINTS = 256    # of a curve
COLUMNS = 4     # of panels, and
EDGE = 0.15     # inches around them, and
APART = 0.2     # between them
TICKS = 6       # of each


@figures.add("densities")
def densities(s: Snapshot) -> Figure:
    """Density of each latent dimension by class, for the dimensions that vary most. The area below
    each curve is 1. How to read it: classes should differ in some dimensions. Where all curves
    agree, the dimension does not describe the class."""
    rows = some(s, MOST)
    z, classes = latents(s, rows), groups(s, rows)
    shown = widest(z, SHOWN)
    grids = [span(z[:, factor]) for factor in shown]
    curves = [[density(z[group.rows, factor], grid) for group in classes]
              for factor, grid in zip(shown, grids, strict=True)]
    ends = [(grid[0], grid[-1], 1.05 * float(np.max(own)))
            for grid, own in zip(grids, curves, strict=True)]
    figure, ax, places = _multiples(s, z, shown, ends, legend_room(classes))
    for place, grid, own in zip(places, grids, curves, strict=True):
        draw_lines(ax, [place.place(grid, curve) for curve in own],
                   [group.colour for group in classes], 1.2 if len(classes) <= 10 else 0.8,
                   linestyles=[group.dashes for group in classes])
    legend(figure, classes)
    return figure


@figures.add("histograms")
def histograms(s: Snapshot) -> Figure:
    """Each latent dimension (bars), samples from the posteriors (steps) and the prior N(0, 1)
    (line), for the dimensions that vary most. How to read it: in a variational model, the steps
    should follow the line. A spike of bars at 0 is an unused dimension. A plain autoencoder has no
    reason to follow the prior."""
    rows = some(s, MOST)
    z = latents(s, rows)
    drawn = posterior_draws(s, rows)
    shown = widest(z, SHOWN)
    panel_bars = [_against_prior(z[:, factor], drawn[:, factor] if len(drawn) else None)
                  for factor in shown]
    figure, ax, places = _multiples(s, z, shown, [bars.ends for bars in panel_bars],
                                    0 if len(s.kl) else 0.25)
    _draw_bars(ax, places, panel_bars)
    if not len(s.kl):
        figure.supxlabel("a plain autoencoder has no reason to follow N(0, 1)", fontsize=9)
    return figure


@figures.add("radius")
def radius(s: Snapshot) -> Figure:
    """Length of the latent codes, and that of samples from the prior N(0, 1) (chi distribution).
    How to read it: in a variational model, samples from the posteriors (steps) should follow the
    line. The bars are posterior means. They are shorter, and shortest where they carry least.
    Codes right of the line lie where the prior never samples. A plain autoencoder has no reason to
    follow the prior."""
    rows = some(s, MOST)
    z = latents(s, rows)
    lengths, count = np.sqrt(np.square(z).sum(1)), z.shape[1]
    used = int((z.var(0) > ACTIVE).sum())
    far = max(float(np.quantile(lengths, 0.999)) * 1.02, float(_chi_quantiles(0.999, count)))
    edges = np.linspace(0, far, bars(lengths) + 1)
    figure, (ax,) = panels(1, 1, 3.6)
    ax.hist(lengths, list(edges), weights=np.full(len(z), 100 / len(z)), color=COLOURS[0],
            histtype="stepfilled", alpha=0.7, label="codes")
    if len(drawn := posterior_draws(s, rows)):
        ax.hist(np.sqrt(np.square(drawn).sum(1)), list(edges), color=COLOURS[5], histtype="step",
                weights=np.full(len(z), 100 / len(z)), label="samples from the posteriors")
    for law, style in {count: "-", **({used: "--"} if 0 < used < count else {})}.items():
        x, shares = chi_shares(law, far, float(edges[1]))
        ax.plot(x, 100 * shares, style, color=COLOURS[1],
                label=f"chi distribution, {law} dimensions"
                      + (", those in use" if law < count else ""))
    low, high = _chi_quantiles(np.array([0.01, 0.99]), count)
    ax.set(xlabel="length of the code, |z|", ylabel="samples, % per bar", xlim=(0, far),
           title=f"{counted(s, rows)}: {100 * (lengths < low).mean():.0f} % shorter and "
                 f"{100 * (lengths > high).mean():.0f} % longer than 99 % of the prior's samples")
    ax.legend(frameon=False)
    plain([ax])
    return figure


def posterior_draws(s: Snapshot, rows: np.ndarray) -> np.ndarray:
    """A draw from the posterior of each of these samples, (N, D); (0, D) without a posterior."""
    if not len(s.std):
        return np.empty((0, s.codes.shape[1]))
    noise = np.random.default_rng(0).standard_normal((len(rows), s.std.shape[1]))
    return np.asarray(s.codes[rows] + s.std[rows] * noise)


def chi_shares(factors: int, far: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Lengths from 0 to `far`, and the shares of N(0, 1)'s draws within a bar of this width around
    each; shares and not a density, so that bars too wide for the law still show it."""
    from scipy.special import gammainc  # scipy.stats has it, too, and takes a second to import
    x = np.linspace(0, far, 8 * POINTS)
    below, above = (gammainc(factors / 2, np.maximum(end, 0) ** 2 / 2)
                    for end in (x - width / 2, x + width / 2))
    return x, above - below


def _chi_quantiles(shares: Any, factors: int) -> Any:
    """The lengths below which these shares of N(0, 1)'s draws lie."""
    from scipy.special import gammaincinv
    return np.sqrt(2 * gammaincinv(factors / 2, shares))


def bars(values: np.ndarray) -> int:
    """The number of bars for these values: between 12 and 60, fewer for fewer values."""
    return int(np.clip(len(values) ** 0.5, 12, 60))


def span(values: np.ndarray) -> np.ndarray:
    """Evenly spaced points over nearly all of the values and some room at both ends."""
    low, high = np.quantile(values, (0.001, 0.999))
    if low == high:
        low, high = values.min(), values.max()
    room = 0.15 * (high - low)
    return np.linspace(low - room, high + room, POINTS)


def density(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """A Gaussian kernel's density of values (N,) at evenly spaced points, its width by Scott's
    rule; from a histogram, for speed."""
    from scipy.ndimage import gaussian_filter1d
    step = float(grid[1] - grid[0])
    heights, _ = np.histogram(values, POINTS, (grid[0] - step / 2, grid[-1] + step / 2))
    seen = values[(values >= grid[0]) & (values <= grid[-1])]
    width = float(seen.std()) * len(seen) ** -0.2 / step if len(seen) else 0.0
    return np.asarray(gaussian_filter1d(heights / (len(values) * step), max(width, 1.0),
                                        mode="constant"))


class Bars(NamedTuple):
    """The bars of one latent dimension."""

    edges: np.ndarray               # (N + 1,)
    codes: np.ndarray               # densities (N,)
    drawn: np.ndarray | None        # of draws from the posteriors, with edges of their own
    drawn_edges: np.ndarray | None
    ends: tuple[float, float, float]   # from, to, and the greatest density to be shown


def _against_prior(values: np.ndarray, drawn: np.ndarray | None) -> Bars:
    grid = span(values)
    low, high = min(-3.5, float(grid[0])), max(3.5, float(grid[-1]))
    codes, edges = np.histogram(values, bars(values), (low, high), density=True)
    steps, own_edges = (None, None) if drawn is None else np.histogram(
        drawn, bars(drawn), (low, high), density=True)
    peak = max(float(codes.max()), 0.0 if steps is None else float(steps.max()))
    top = 1.15 * max(peak, min(0.4, 4 * peak))
    return Bars(edges, codes, steps, own_edges, (low, high, top))


def _draw_bars(ax: Axes, places: list[Panel], panel_bars: list[Bars]) -> None:
    """The codes as areas, draws from the posteriors as steps, and the prior as a line."""
    blue, orange, grey = COLOURS[0], COLOURS[1], COLOURS[5]
    areas, steps, laws = [], [], []
    for place, own in zip(places, panel_bars, strict=True):
        areas.append(place.place(*_outline(own.codes, own.edges)))
        if own.drawn is not None and own.drawn_edges is not None:
            steps.append(place.place(*_outline(own.drawn, own.drawn_edges)))
        x = np.linspace(*place.xs, 8 * POINTS)
        laws.append(place.place(x, np.exp(-x**2 / 2) / np.sqrt(2 * np.pi)))
    ax.add_collection(PolyCollection(areas, facecolors=blue, linewidths=0, alpha=0.7, zorder=2),
                      autolim=False)
    draw_lines(ax, steps, grey, 1)
    draw_lines(ax, laws, orange, 1.5)
    kinds = [Patch(facecolor=blue, alpha=0.7, label="codes"),
             *([Line2D([], [], color=grey, linewidth=1, label="posterior")] if steps else []),
             Line2D([], [], color=orange, linewidth=1.5, label="N(0, 1)")]
    ax.legend(handles=kinds, loc="upper right", ncols=3, frameon=False, fontsize=7)


def _outline(heights: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of bars, from the foot of the first to that of the last."""
    return np.repeat(edges, 2), np.concatenate([[0], np.repeat(heights, 2), [0]])


def _multiples(
    s: Snapshot, z: np.ndarray, shown: np.ndarray, ends: list[tuple[float, float, float]],
    below: float
) -> tuple[Figure, Axes, list[Panel]]:
    """A panel for each of the factors that are shown, with its name. `ends` are the least and the
    greatest value and the greatest density of each; `below` is room under all panels in inches."""
    columns = min(len(shown), COLUMNS)
    rows = -(-len(shown) // columns)
    figure, ax = sheet(0.45 + 1.75 * rows + below)
    wide = (WIDTH - 2 * EDGE - APART * (columns - 1)) / columns
    tops = [figure.get_figheight() - 0.35 - 1.75 * (i // columns) for i in range(len(shown))]
    places = [Panel(EDGE + (i % columns) * (wide + APART), top - 1.5, wide, 1.25, (low, high),
                    (0, peak)) for i, (top, (low, high, peak)) in enumerate(zip(tops, ends,
                                                                                strict=True))]
    for place, factor in zip(places, shown, strict=True):
        carries = f", KL {s.kl[factor]:.2g}" if len(s.kl) == z.shape[1] else ""
        ax.text(place.left + wide / 2, place.bottom + place.height + 0.06,
                f"dimension {factor + 1}: std {z[:, factor].std():.2g}{carries}", fontsize=9,
                ha="center", va="bottom")
    draw_frames(ax, places, left=False)
    draw_ticks(ax, places, False, TICKS)
    headline(figure, counted(s, np.arange(len(z))) + selected(len(shown), z.shape[1]))
    return figure, ax, places
