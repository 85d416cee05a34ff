"""How the losses fell."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from ...core.registry import figures
from ..snapshot import Lacking, Snapshot
from .canvas import COLOURS, panels, plain

NATS, PER_VALUE = {"loss", "recon", "kl"}, {"bce", "mse", "mae"}   # units; others: per sample
NARROW = 3   # times the least loss, up to which ticks are evenly spaced


@figures.add("curves")
def curves(s: Snapshot) -> Figure:
    """Training and validation loss by epoch. Losses that fall have a logarithmic axis. The dashed
    line marks the epoch whose weights are kept. How to read it: both curves should fall and stay
    together. A rising validation loss means overfitting."""
    if not s.history:
        raise Lacking("a history")
    keys = [key.removeprefix("train_") for key in s.history[0] if key.startswith("train_")]
    names = [key for key in keys if key != "loss"] if len(keys) > 2 else ["loss"]
    names = (["loss"] if "loss" not in names else []) + names
    names = [n for n in names if not (n == "recon" and "kl" not in names)][:4]
    figure, axes = panels(1, len(names), 3.6)
    for ax, name in zip(axes, names, strict=True):
        _curve(ax, s, name)
    plain(axes)
    axes[0].legend(frameon=False)
    return figure


def _curve(ax: Axes, s: Snapshot, name: str) -> None:
    epochs = [row["epoch"] for row in s.history]
    lowest = np.inf
    for split, colour in zip(("train", "val"), COLOURS, strict=False):
        values = [row.get(f"{split}_{name}", np.nan) for row in s.history]
        if not np.isnan(values).all():
            ax.plot(epochs, values, color=colour, label=split,
                    marker="." if len(epochs) < 25 else "")
            lowest = min(lowest, np.nanmin(values))
    if lowest > 0 and name != "kl":   # which rises
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        # a narrow range, as of one epoch, has no round numbers for a log scale's ticks
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)) if high > NARROW * low
                                   else MaxNLocator(5))
        ax.yaxis.set_major_formatter("{x:.4g}")
        ax.yaxis.set_minor_locator(NullLocator())
    if s.best_epoch:
        ax.axvline(s.best_epoch, color="#999999", linewidth=1, linestyle="--",
                   label=f"kept: epoch {s.best_epoch:g}")
    unit = "nats per sample" if name in NATS else "per value" if name in PER_VALUE else "per sample"
    ax.set(title=name, xlabel="epoch", ylabel=unit)
    if len(epochs) == 1:
        ax.set_xlim(epochs[0] - 1, epochs[0] + 1)
        ax.set_xticks(epochs)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.25, which="both")
