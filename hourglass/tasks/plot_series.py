"""Draw a scored series: values, reconstruction, score and labelled windows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.figures.canvas import COLOURS, panels, plain
from ..data.sources.series import Spans
from .reconstruct_series import CHANNELS, draw_channel, finish_panel
from .score_series import ScoredSeries, runs
from .series_words import labels_of
from .write_images import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_series(scored: ScoredSeries, out: Path, labelled: Spans = ()) -> None:
    """Draw a panel for each channel that causes the score of abnormal steps, with its
    reconstruction; below, the score of each step with the threshold. Abnormal steps are red,
    labelled windows shaded. Units follow one another."""
    series = scored.series
    times: Any = series.times if series.units is None else np.arange(len(series.times))
    shown, title = chosen(scored)
    figure, axes = panels(len(shown) + 1, 1, 1.2 + 1.7 * (len(shown) + 1), sharex=True)
    label_masks = labels_of(scored, labelled)
    shaded = runs(np.any(label_masks, axis=0)) if label_masks else []
    for ax, channel in zip(axes, shown, strict=False):
        draw_channel(ax, series, scored.recon, times, channel)
        red = np.where(scored.verdict, series.values[:, channel], np.nan)
        ax.plot(times, red, color=COLOURS[1], linewidth=1.2, marker=".", markersize=4,
                label="abnormal")   # a dot, because a single step makes no line
    last = axes[-1]
    last.plot(times, scored.score, color=COLOURS[0], linewidth=0.8, label="score")
    last.axhline(scored.threshold, color=COLOURS[1], linestyle="--", linewidth=1,
                 label=f"threshold {scored.threshold:.3g}, of {scored.normal}")
    for ax in axes:
        _shade(ax, times, shaded)
        finish_panel(ax, series)
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
