"""Which factors say the same, and how many axes the codes fill."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...core.registry import figures
from ..snapshot import Snapshot
from .canvas import COLOURS, headline, panels, plain
from .selection import ACTIVE, counted, latents, main_axes, some, widest

MOST = 10_000   # samples, and
WIDE = 1500     # of codes with more factors than that
SHOWN = 64      # factors


@figures.add("correlation")
def correlation(s: Snapshot) -> Figure:
    """Left: correlation of each pair of latent dimensions. Right: variance held by the first
    principal components together. How to read it: colours off the diagonal should be pale, and the
    curve should rise slowly. Dark squares are dimensions with the same information. A curve at once
    at 100 % means more dimensions than needed."""
    rows = some(s, MOST if s.z[:1].size <= WIDE else WIDE)
    z = latents(s, rows, dimensions=2)
    widest(z, 1)
    figure, (ax, curve) = panels(1, 2, 4.6)
    _matrix(ax, figure, z)
    _explained(curve, main_axes(z)[0])
    active = int((z.var(0) > ACTIVE).sum())
    headline(figure, f"{counted(s, rows)}: {active} of {z.shape[1]} latent dimensions are active "
                     f"(variance above {ACTIVE:g})")
    return figure


def correlations(z: np.ndarray) -> np.ndarray:
    """Pearson's correlations (D, D) of codes (N, D); nan where a factor does not vary."""
    centred = z - z.mean(0)
    scale = np.where(np.ptp(z, axis=0) > 0, np.sqrt(np.square(centred).sum(0)), np.nan)
    unit = centred / scale
    return unit.T @ unit


def _matrix(ax: Axes, figure: Figure, z: np.ndarray) -> None:
    count = z.shape[1]
    shown = np.arange(count) if count <= SHOWN else np.sort(widest(z, SHOWN))
    ax.set_facecolor("#bbbbbb")   # seen where a factor does not vary
    ends = (0.5, len(shown) + 0.5)
    picture = ax.imshow(correlations(z[:, shown]), cmap="RdBu_r", vmin=-1, vmax=1,
                        interpolation="nearest", extent=(*ends, *ends[::-1]))
    figure.colorbar(picture, ax=ax, shrink=0.9)
    few = len(shown) < count
    ax.set(xlabel="latent dimension" if not few else "those dimensions, in order", ylabel="",
           title=f"correlation of {'the ' if few else ''}{len(shown)}"
                 f"{f' of {count}' if few else ''} dimensions{' that vary most' if few else ''}")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _explained(ax: Axes, shares: np.ndarray) -> None:
    cumulative = np.concatenate([[0], 100 * np.cumsum(shares)])
    ax.plot(np.arange(len(cumulative)), cumulative, color=COLOURS[0],
            marker="." if len(cumulative) < 40 else "")
    needed = {share: int(np.argmax(cumulative >= share - 1e-9)) for share in (90, 99)}
    for share, axes in needed.items():
        ax.plot([axes, axes, 0], [0, share, share], color=COLOURS[1], linewidth=1)
    ax.set(xlabel="principal components", ylabel="share of the variance, %", xlim=(0, None),
           ylim=(0, 102), title=f"90 % of the variance in {needed[90]} components, "
                                f"99 % in {needed[99]}")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain([ax])
