"""What a model makes of each step of a series: the means over all windows that cover it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.console import say, track
from ..core.contracts import Collection
from ..data.series import Series
from ..data.source import Split
from ..data.windows import in_own_units
from ..inference.trained import Trained
from ..inference.window_means import StepMeans

FILE = "detectors/steps.safetensors"
CHUNK = 2048   # windows that are looked at together


@dataclass(frozen=True)
class SeriesSteps:
    """What a model makes of a series, step by step."""

    error: np.ndarray     # (T, C) mean |error|, in deviations of the training part; NaN: unknown
    squares: np.ndarray   # (T, C) mean squared error, likewise
    recon: np.ndarray     # (T, C) the mean reconstruction, in the model's scale

    @property
    def score(self) -> np.ndarray:
        """(T,) the mean |error| over channels; NaN where nothing is known."""
        return over_channels(self.error)

    @property
    def parts(self) -> np.ndarray:
        """(T, C) what a step's score is the mean of: the |error| of a single channel; of several
        the squared error of each, so that a large error of one is not lost among the others."""
        return self.error if self.error.shape[1] == 1 else self.squares


class NormalScores(NamedTuple):
    """What steps that are known to be normal score."""

    scores: np.ndarray   # (M,) sorted
    part: str            # of the run's own series


def over_channels(parts: np.ndarray) -> np.ndarray:
    """(T,) the mean of what is known of the channels (T, C); NaN where nothing is."""
    there = np.isfinite(parts)
    total = np.where(there, parts, 0).sum(1) / np.maximum(there.sum(1), 1)
    return np.where(there.any(1), total, np.nan)


def by_step(model: Trained, windows: np.ndarray, stride: int, causal: bool = False) -> SeriesSteps:
    """Windows (N, W, C) in order, `stride` apart, NaN where a value is missing, step by step."""
    count, window, channels = windows.shape
    errors, squares, recons = (StepMeans(count, window, stride, channels) for _ in range(3))
    starts = range(0, count, CHUNK)
    for start in track(starts, len(starts), "scoring"):
        x = np.array(windows[start:start + CHUNK])
        recon = model.reconstruct(Collection(x))
        counts = np.ones_like(x)
        if causal:   # but for the first window, before which there is none
            counts[(0 if start else 1):, :window - stride] = 0
        known = counts * np.isfinite(x)
        error = np.abs(np.nan_to_num(x) - recon)
        errors.add(start, error, known)
        squares.add(start, error**2, known)
        recons.add(start, recon, counts)
    return SeriesSteps(errors.mean, squares.mean, recons.mean)


def steps_of(model: Trained, series: Series, causal: bool = False) -> SeriesSteps:
    """All steps of a series, unit by unit; those of a unit shorter than a window are unknown."""
    encoding = model.description.encoding
    scaled = ((series.values - encoding["mean"]) / encoding["std"]).astype(np.float32)
    error, squares, recon = (np.full(scaled.shape, np.nan) for _ in range(3))
    for block in series.blocks:
        if block.stop - block.start >= encoding["window"]:
            windows = sliding_window_view(scaled[block], encoding["window"], axis=0)
            found = by_step(model, np.swapaxes(windows, 1, 2), 1, causal)
            error[block], squares[block] = found.error, found.squares
            recon[block] = found.recon
    return SeriesSteps(error, squares, in_own_units(encoding, recon))


def normal_steps(model: Trained, causal: bool = False, part: str = "") -> NormalScores:
    """The scores of the steps of a part of the run's own series: the validation part if there is
    one, else the training part. They are kept with the run. Raises ValueError where the data is
    needed and gone, or has no such part."""
    kept = model.cache.kept_tensors(FILE, lambda held, _: {
        name: scores.numpy() for name, scores in held.items()}) or {}
    key = "causal" if causal else "mean"
    if not kept.get(f"{part or 'val'}:{key}:scores", np.empty(0)).size:
        source = model.source()
        part = part or ("val" if "val" in source.splits else "train")
        if part not in source.splits:
            raise ValueError(f"the run's series has no part {part!r}; it has "
                             f"{', '.join(source.splits)}")
        each = _by_run(model, source.splits[part], causal)
        every = np.concatenate([over_channels(steps.parts) for steps in each])
        kept[f"{part}:{key}:scores"] = np.sort(every[np.isfinite(every)])
        model.cache.keep_tensors(FILE, kept, {})
    part = part or "val"
    if part == "train":
        say("the threshold is from the part that the model was trained on, which scores lower "
            "than new data")
    return NormalScores(kept[f"{part}:{key}:scores"], part)


def _by_run(model: Trained, split: Split, causal: bool) -> list[SeriesSteps]:
    """The steps of a split, for each run of windows that follow one another."""
    encoding = model.description.encoding
    apart = encoding["stride"] if "id" in encoding else 1   # from index to index
    index = split.index.cpu().numpy()
    runs = np.split(index, np.flatnonzero(np.diff(index) != apart) + 1)
    return [by_step(model, split.x[int(run[0]):int(run[-1]) + 1:apart].numpy(),  # type: ignore[index, union-attr]
                    encoding["stride"], causal) for run in runs]
