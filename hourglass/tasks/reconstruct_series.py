"""Reconstruct a series, or an array of vectors or windows, and write the result."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.figures.canvas import COLOURS, panels, plain
from ..core.console import say
from ..core.contracts import Collection
from ..data.sources.series import Series
from ..data.windows import in_own_units
from ..inference.series_steps import SeriesSteps, steps_of
from ..inference.trained import Trained
from .tables import NAME, SUFFIXES, save_table
from .write_images import check_name, save_array, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARRAY = "reconstruction.npy"   # in a folder
CHANNELS = 5                   # most channels in a picture


def reconstruct_series(model: Trained, data: str, out: Path) -> list[str]:
    """Write the reconstruction of a series as a table of its times, units and channels, in their
    own units, and a picture of both next to it. In a folder, the files are reconstruction.csv and
    .png. Windows and vectors of an array are written as .npy. Returns lines to print. Raises
    ValueError."""
    collection = model.read(data)
    for note in collection.notes:
        say(note)
    series = collection.raw
    if not isinstance(series, Series):
        return _reconstruct_array(model, collection, out)
    out = out if out.suffix else out / NAME
    check_name(out, SUFFIXES)
    steps = steps_of(model, collection.encoding, series, doing="reconstructing")
    save_table(out, series.as_frame(steps.recon))
    picture = out.with_suffix(".png")
    draw(series, steps, picture)
    unknown = int(np.isnan(steps.recon).all(1).sum())
    short = [f"{unknown:,} steps have no reconstruction: their units are shorter than a window of "
             f"{series.window}"] * (unknown > 0)
    return [f"{len(series.values):,} steps in {out}, and a picture in {picture}", *short,
            *_errors(series, steps.recon)]


def _errors(series: Series, recon: np.ndarray) -> list[str]:
    """The error of each channel in its own units."""
    lines = []
    for name, x, reconstruction in zip(series.columns, series.values.T, recon.T, strict=True):
        known = np.isfinite(x) & np.isfinite(reconstruction)
        if known.any():
            lines.append(f"{name}: RMSE {np.sqrt(np.square(x - reconstruction)[known].mean()):.4g}")
    return lines


def _reconstruct_array(model: Trained, collection: Collection, out: Path) -> list[str]:
    """Write the reconstructions of vectors (N, D) or windows (N, T, C), in their own units."""
    out = out if out.suffix else out / ARRAY
    check_name(out, (".npy",))
    seen = np.asarray(collection.x, np.float32) * np.float32(model.scale_of(collection.x))
    x, recon = (in_own_units(model.description.encoding, values)
                for values in (seen, model.reconstruct(collection)))
    save_array(out, recon)
    error = float(np.nanmean(np.square(recon - x)))
    return [f"{len(recon):,} samples in {out}, mean squared error {error:.5g}"]


def draw(series: Series, steps: SeriesSteps, out: Path) -> None:
    """Draw a panel for each channel with its reconstruction; of many channels, those with the
    largest errors. Units follow one another."""
    errors = np.nan_to_num(np.nanmean(np.where(np.isnan(steps.error).all(0), 0, steps.error), 0))
    most = np.argsort(-errors, kind="stable")[:CHANNELS]
    total = len(series.columns)
    shown = range(total) if total <= CHANNELS else most.tolist()
    times: Any = series.times if series.units is None else np.arange(len(series.times))
    figure, axes = panels(len(shown), 1, 1.2 + 1.7 * len(shown), sharex=True)
    for ax, channel in zip(axes, shown, strict=True):
        draw_channel(ax, series, steps.recon, times, channel)
        finish_panel(ax, series)
    if total > CHANNELS:
        axes[0].set_title(f"the {CHANNELS} of {total} channels with the largest errors",
                          fontsize=9, loc="left")
    plain(axes)
    save_figure(out, figure)


def draw_channel(
    ax: "Axes", series: Series, recon: np.ndarray, times: Any, channel: int
) -> None:
    """Draw a channel's values and its reconstruction."""
    ax.plot(times, series.values[:, channel], color="#888888", linewidth=0.9,
            label=series.columns[channel])
    ax.plot(times, recon[:, channel], color=COLOURS[0], linewidth=0.8, label="reconstruction")


def finish_panel(ax: "Axes", series: Series) -> None:
    """Draw the borders of units and the legend, above the panel."""
    for block in series.blocks[1:]:
        ax.axvline(block.start, color="#cccccc", linewidth=0.8)
    ax.margins(x=0.005)
    ax.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.97), ncols=4,
              borderaxespad=0)
