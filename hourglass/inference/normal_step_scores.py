"""The scores of the normal steps of a run's own series, which other scores are compared with."""

from typing import NamedTuple

import numpy as np

from ..data.split_data import Split
from .series_steps import SeriesSteps, by_step, over_channels
from .trained import Trained

FILE = "detectors/steps.safetensors"


class NormalScores(NamedTuple):
    """Scores of steps that are known to be normal."""

    scores: np.ndarray   # (M,) sorted
    part: str            # of the run's own series


def normal_steps(model: Trained, causal: bool = False, part: str = "") -> NormalScores:
    """The scores of the steps in a part of the run's own series: by default the validation part,
    otherwise the training part. They are kept with the run. Raises ValueError if the data is
    needed and gone, or has no such part."""
    kept = model.cache.kept_tensors(FILE, lambda tensors, _: {
        name: scores.numpy() for name, scores in tensors.items()}) or {}
    key = "causal" if causal else "mean"
    splits = model.folder.read_record().get("data", {}).get("splits", {"val": 0})
    part = part or ("val" if "val" in splits else "train")
    if not kept.get(f"{part}:{key}:scores", np.empty(0)).size:
        source = model.source()
        if part not in source.splits:
            raise ValueError(f"the run's series has no part {part!r}; it has "
                             f"{', '.join(source.splits)}")
        series_steps = _by_run(model, source.splits[part], causal)
        every = np.concatenate([over_channels(steps.parts) for steps in series_steps])
        kept[f"{part}:{key}:scores"] = np.sort(every[np.isfinite(every)])
        model.cache.keep_tensors(FILE, kept, {})
    return NormalScores(kept[f"{part}:{key}:scores"], part)


def keep_normal_steps(model: Trained) -> None:
    """Keep these scores with a run whose data will be gone."""
    for causal in (False, True):
        normal_steps(model, causal)


def _by_run(model: Trained, split: Split, causal: bool) -> list[SeriesSteps]:
    """The steps of a split, for each run of windows that follow one another in a series."""
    stride = model.description.encoding["stride"]
    index = split.index.cpu().numpy()
    apart = np.diff(index) != 1
    for i in np.flatnonzero(~apart):   # neighbours may be of two units or series
        apart[i] = not _overlap(split, int(index[i]), stride)
    return [by_step(model, split.x[int(run[0]):int(run[-1]) + 1].numpy(),  # type: ignore[index, union-attr]
                    stride, causal) for run in np.split(index, np.flatnonzero(apart) + 1)]


def _overlap(split: Split, row: int, stride: int) -> bool:
    """Whether the window after this one begins `stride` steps later in the same series."""
    first, second = split.x[row:row + 2].numpy()   # type: ignore[index, union-attr]
    return stride < len(first) and np.array_equal(first[stride:], second[:-stride], equal_nan=True)
