"""Draw a scored series: values, reconstruction, score and labelled windows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.figures.canvas import COLOURS, panels, plain
from ..data.series import Spans
from .score_series import ScoredSeries, runs
from .series_words import labels_of
from .write_images import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHANNELS = 5   # most channels in a picture


def draw_series(scored: ScoredSeries, out: Path, labelled: Spans = ()) -> None:
    """Draw a panel for each channel that causes the score of abnormal steps, with its
    reconstruction; below, the score of each step with the threshold. Abnormal steps are red,
    labelled windows shaded. Units follow one another."""
    series = scored.series
    times: Any = series.times if series.units is None else np.arange(len(series.times))
    shown, title = chosen(scored)
    figure, axes = panels(len(shown) + 1, 1, 1.2 + 1.7 * (len(shown) + 1), sharex=True)
    each = labels_of(scored, labelled)
    shaded = runs(np.any(each, axis=0)) if each else []
    for ax, channel in zip(axes, shown, strict=False):
        ax.plot(times, series.values[:, channel], color="#888888", linewidth=0.9,
                label=series.columns[channel])
        ax.plot(times, scored.recon[:, channel], color=COLOURS[0], linewidth=0.8,
                label="reconstruction")
        red = np.where(scored.verdict, series.values[:, channel], np.nan)
        ax.plot(times, red, color=COLOURS[1], linewidth=1.2, marker=".", markersize=4,
                label="abnormal")   # a dot, because a single step makes no line
    last = axes[-1]
    last.plot(times, scored.score, color=COLOURS[0], linewidth=0.8, label="score")
    last.axhline(scored.threshold, color=COLOURS[1], linestyle="--", linewidth=1,
                 label=f"threshold {scored.threshold:.3g}, of {scored.normal}")
    for ax in axes:
        _shade(ax, times, shaded)
        for block in series.blocks[1:]:
            ax.axvline(block.start, color="#cccccc", linewidth=0.8)
        ax.margins(x=0.005)
        ax.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.97), ncols=4,
                  borderaxespad=0)
    last.set_ylabel("mean |error|" if len(series.columns) == 1 else "mean squared error")
    if title:
        axes[0].set_title(title, fontsize=9, loc="left")
    plain(axes)
    save_figure(out, figure)


def chosen(scored: ScoredSeries) -> tuple[list[int], str]:
    """The channels to draw: those that contribute most to the score of abnormal steps or, without
    any, of all steps; and a note if there are more."""
    total = len(scored.series.columns)
    bad = scored.verdict if scored.verdict.any() else np.ones(len(scored.score), bool)
    share = scored.causes(bad)
    most = np.argsort(-share, kind="stable")[:CHANNELS]
    if total <= CHANNELS:
        return list(range(total)), ""
    of = "abnormal steps" if scored.verdict.any() else "all steps (none is abnormal)"
    return most.tolist(), (f"the {CHANNELS} of {total} channels that make {share[most].sum():.0%} "
                           f"of the score of {of}, the largest share first")


def _shade(ax: "Axes", times: Any, shaded: list[tuple[int, int]]) -> None:
    for number, (first, end) in enumerate(shaded):
        ax.axvspan(times[first], times[end - 1], color=COLOURS[4], alpha=0.25, linewidth=0,
                   label="labelled" if not number else None)
