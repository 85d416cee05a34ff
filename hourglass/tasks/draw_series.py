"""A scored series as a picture: what it was, what came back, the score, the labelled windows."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..data.series import Spans
from ..figures.canvas import COLOURS, panels, plain
from .pictures import save_figure
from .score_series import ScoredSeries, labelled_steps, runs

CHANNELS = 5   # that are drawn


def draw_series(scored: ScoredSeries, out: Path, labelled: Spans = ()) -> None:
    """Write a picture: a panel a channel with its reconstruction, and below them the score of each
    step with the threshold; abnormal steps are red, labelled windows shaded."""
    series, labelled = scored.series, labelled or scored.series.labelled
    times: Any = series.times
    shown = list(range(len(series.columns)))[:CHANNELS]
    figure, axes = panels(len(shown) + 1, 1, 1.2 + 1.7 * (len(shown) + 1), sharex=True)
    shaded = runs(labelled_steps(series, labelled))
    for ax, channel in zip(axes, shown, strict=False):
        ax.plot(times, series.values[:, channel], color="#888888", linewidth=0.9,
                label=series.columns[channel])
        ax.plot(times, scored.recon[:, channel], color=COLOURS[0], linewidth=0.8, label="again")
        red = np.where(scored.verdict, series.values[:, channel], np.nan)
        ax.plot(times, red, color=COLOURS[1], linewidth=1.2, marker=".", markersize=4,
                label="abnormal")   # a dot, for a single step makes no line
    last = axes[-1]
    last.plot(times, scored.score, color=COLOURS[0], linewidth=0.8, label="score")
    last.axhline(scored.threshold, color=COLOURS[1], linestyle="--", linewidth=1,
                 label=f"threshold {scored.threshold:.3g}, of {scored.normal}")
    for ax in axes:
        _shade(ax, times, shaded)
        ax.margins(x=0.005)
        ax.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.97), ncols=4,
                  borderaxespad=0)
    last.set_ylabel("mean |error|")
    hidden = len(series.columns) - len(shown)
    if hidden:
        axes[0].set_title(f"{hidden} more channels are scored, but not drawn", fontsize=9,
                          loc="left")
    plain(axes)
    save_figure(out, figure)


def _shade(ax: Axes, times: Any, shaded: list[tuple[int, int]]) -> None:
    for number, (first, end) in enumerate(shaded):
        ax.axvspan(times[first], times[end - 1], color=COLOURS[4], alpha=0.25, linewidth=0,
                   label="labelled" if not number else None)
