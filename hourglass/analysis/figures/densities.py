"""How the codes are spread: factor by factor, against the prior, and away from the middle."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ...core.registry import figures
from ..snapshot import Snapshot
from .canvas import COLOURS, headline, keep_free, measure_corners, panels, plain
from .classes import groups, legend
from .selection import ACTIVE, counted, latents, selected, some, widest

MOST = 10_000   # samples
SHOWN = 16      # factors
POINTS = 256    # of a curve


@figures.add("densities")
def densities(s: Snapshot) -> Figure:
    """Density of each latent dimension by class, for the dimensions that vary most. The area below
    each curve is 1. How to read it: classes should differ in some dimensions. Where all curves
    agree, the dimension does not describe the class."""
    rows = some(s, MOST)
    z, found = latents(s, rows), groups(s, rows)
    figure, axes, shown = _multiples(s, z)
    for ax, factor in zip(axes, shown, strict=True):
        grid = span(z[:, factor])
        for group in found:
            ax.plot(grid, density(z[group.rows, factor], grid), group.dashes, color=group.colour,
                    linewidth=1.2 if len(found) <= 10 else 0.8)
        ax.set_ylim(0, None)
    legend(figure, found)
    return figure


@figures.add("histograms")
def histograms(s: Snapshot) -> Figure:
    """Each latent dimension (bars), samples from the posteriors (steps) and the prior N(0, 1)
    (line), for the dimensions that vary most. How to read it: in a variational model, the steps
    should follow the line. A spike of bars at 0 is an unused dimension. A plain autoencoder has no
    reason to follow the prior."""
    rows = some(s, MOST)
    z = latents(s, rows)
    figure, axes, shown = _multiples(s, z)
    drawn = posterior_draws(s, rows)
    for ax, factor in zip(axes, shown, strict=True):
        _against_prior(ax, z[:, factor], drawn[:, factor] if len(drawn) else None)
    axes[0].legend(frameon=False, fontsize=7)
    if not len(s.kl):
        figure.supxlabel("a plain autoencoder has no reason to follow N(0, 1)", fontsize=9)
        keep_free(figure, bottom=0.25)
    return figure


@figures.add("radius")
def radius(s: Snapshot) -> Figure:
    """Length of the latent codes, beside that of samples from the prior N(0, 1) (chi distribution).
    How to read it: in a variational model, samples from the posteriors (steps) should follow the
    line. The bars are posterior means, which are shorter, and the shorter the less they carry.
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


def _against_prior(ax: Axes, values: np.ndarray, drawn: np.ndarray | None) -> None:
    grid = span(values)
    low, high = min(-3.5, float(grid[0])), max(3.5, float(grid[-1]))
    heights, _, _ = ax.hist(values, bars(values), range=(low, high), density=True,
                            histtype="stepfilled", color=COLOURS[0], alpha=0.7, label="codes")
    if drawn is not None:
        steps, _, _ = ax.hist(drawn, bars(drawn), range=(low, high), density=True,
                              histtype="step", color=COLOURS[5], label="posterior")
        heights = np.maximum(heights, steps)
    x = np.linspace(low, high, 8 * POINTS)
    ax.plot(x, np.exp(-x**2 / 2) / np.sqrt(2 * np.pi), color=COLOURS[1], label="N(0, 1)")
    peak = float(np.max(heights))
    ax.set(xlim=(low, high), ylim=(0, 1.15 * max(peak, min(0.4, 4 * peak))))


def _multiples(s: Snapshot, z: np.ndarray) -> tuple[Figure, list[Axes], np.ndarray]:
    """A panel for each of the factors that vary most, with its name."""
    shown = widest(z, SHOWN)
    rows = -(-len(shown) // 4)
    figure, axes = panels(rows, min(len(shown), 4), 1.2 + 1.7 * rows)
    measure_corners(figure)
    for ax in axes[len(shown):]:
        ax.remove()
    for ax, factor in zip(axes, shown, strict=False):
        carries = f", KL {s.kl[factor]:.2g}" if len(s.kl) == z.shape[1] else ""
        ax.set_title(f"dimension {factor + 1}: std {z[:, factor].std():.2g}{carries}", fontsize=9)
        ax.tick_params(axis="x", labelsize=7)
        ax.locator_params(axis="x", nbins=6)
        ax.spines["left"].set_visible(False)
        ax.yaxis.set_major_locator(NullLocator())
    plain(axes[:len(shown)])
    headline(figure, counted(s, np.arange(len(z))) + selected(len(shown), z.shape[1]))
    return figure, axes[:len(shown)], shown
