"""Errors and reconstructions of the steps of a series: means over the windows that cover a step."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.console import track
from ..core.contracts import Collection
from ..data.sources.series import Series
from ..data.windows import in_own_units
from .window_means import StepMeans

CHUNK = 2048   # windows that are looked at together


class Reconstructing(Protocol):
    """An object that reconstructs samples, such as `hourglass.Trained`."""

    def reconstruct(self, x: Any, y: Any = None) -> Any: ...


@dataclass(frozen=True)
class SeriesSteps:
    """Errors and reconstructions of a series, step by step."""

    error: np.ndarray     # (T, C) mean |error|, in deviations of the training part; NaN: unknown
    squares: np.ndarray   # (T, C) mean squared error, likewise
    recon: np.ndarray     # (T, C) the mean reconstruction, in the model's scale

    @property
    def score(self) -> np.ndarray:
        """(T,) the mean |error| over channels; NaN where nothing is known."""
        return over_channels(self.error)

    @property
    def parts(self) -> np.ndarray:
        """(T, C) errors whose mean is a step's score. They are |error| for a single channel, and
        squared errors for several, so that a large error of one channel counts."""
        return self.error if self.error.shape[1] == 1 else self.squares


def over_channels(parts: np.ndarray) -> np.ndarray:
    """(T,) the mean of the known channels (T, C); NaN where none is known."""
    there = np.isfinite(parts)
    total = np.where(there, parts, 0).sum(1) / np.maximum(there.sum(1), 1)
    return np.where(there.any(1), total, np.nan)


def by_step(
    model: Reconstructing, windows: np.ndarray, stride: int, causal: bool = False,
    doing: str = "scoring",
) -> SeriesSteps:
    """Windows (N, W, C) in order, `stride` apart, NaN where a value is missing, step by step."""
    count, window, channels = windows.shape
    errors, squares, recons = (StepMeans(count, window, stride, channels) for _ in range(3))
    starts = range(0, count, CHUNK)
    for start in track(starts, len(starts), doing):
        x = np.array(windows[start:start + CHUNK])
        recon = model.reconstruct(Collection(x))
        counts = np.ones_like(x)
        if causal:   # the first window has none before it, so all of it counts
            counts[(0 if start else 1):, :window - stride] = 0
        known = counts * np.isfinite(x)
        error = np.abs(np.nan_to_num(x) - recon)
        errors.add(start, error, known)
        squares.add(start, error**2, known)
        recons.add(start, recon, counts)
    return SeriesSteps(errors.mean, squares.mean, recons.mean)


def steps_of(
    model: Reconstructing, encoding: dict[str, Any], series: Series, causal: bool = False,
    doing: str = "scoring",
) -> SeriesSteps:
    """All steps of a series on the scale of the model's `encoding`, unit by unit. Steps of a unit
    shorter than a window are NaN."""
    scaled = ((series.values - encoding["mean"]) / encoding["std"]).astype(np.float32)
    error, squares, recon = (np.full(scaled.shape, np.nan) for _ in range(3))
    for block in series.blocks:
        if block.stop - block.start >= encoding["window"]:
            windows = sliding_window_view(scaled[block], encoding["window"], axis=0)
            steps = by_step(model, np.swapaxes(windows, 1, 2), 1, causal, doing)
            error[block], squares[block] = steps.error, steps.squares
            recon[block] = steps.recon
    return SeriesSteps(error, squares, in_own_units(encoding, recon))
