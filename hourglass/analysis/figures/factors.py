"""What each factor of the code carries."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...core.registry import figures
from ..snapshot import Lacking, Snapshot
from .canvas import COLOURS, panels, plain


@figures.add("factors")
def factors(s: Snapshot) -> Figure:
    """Left: KL of each latent dimension in nats, largest first, for the weights that are kept.
    Right: KL by epoch. How to read it: some dimensions should carry much. All at 0 is posterior
    collapse."""
    if not len(s.kl):
        raise Lacking("a posterior")
    figure, (bars, ax) = panels(1, 2, 3.6)
    bars.bar(np.arange(1, len(s.kl) + 1), np.sort(s.kl)[::-1], color=COLOURS[0], width=0.9)
    bars.set(title=f"KL of {len(s.kl)} latent dimensions, {s.kl.sum():.4g} nats in all",
             xlabel="latent dimension, by KL", ylabel="KL, nats")
    bars.xaxis.set_major_locator(MaxNLocator(integer=True))
    if s.factors:
        epochs = [row["epoch"] for row in s.factors]
        kl_by_epoch = np.array([[v for k, v in row.items() if k != "epoch"] for row in s.factors])
        shares = np.quantile(kl_by_epoch, [0.1, 0.5, 0.9], axis=1)
        ax.fill_between(epochs, shares[0], shares[2], color=COLOURS[0], alpha=0.25, linewidth=0,
                        label="80 % of the dimensions")
        marker = "." if len(epochs) < 25 else ""
        ax.plot(epochs, shares[1], color=COLOURS[0], label="median", marker=marker)
        ax.plot(epochs, kl_by_epoch.max(1), color=COLOURS[1], label="largest", marker=marker)
        ax.legend(frameon=False)
    active = [row["active_units"] for row in s.history if "active_units" in row]
    words = f", {active[-1]:.0f} of {len(s.kl)} active" if active else ""
    ax.set(title=f"KL by epoch{words}", xlabel="epoch", ylabel="KL, nats")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain([bars, ax])
    return figure
