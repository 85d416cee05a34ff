"""Methods of a trained model that write files or take several steps: export, neighbours, ..."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.console import say
from ..inference.trained import Trained
from . import disentangle as disentanglement
from .duplicates import find_doubles
from .embed import Embedded, codes_of
from .export import export
from .find_similar import nearest_to
from .pick_samples import one_class, picked
from .score_series import ScoredSeries, StretchOptions, score_series


@dataclass(frozen=True)
class Neighbours:
    """The samples nearest to each of M queries, the nearest first."""

    distances: np.ndarray   # (M, n), of codes
    index: np.ndarray       # (M, n), in the samples that were searched
    names: np.ndarray       # (M, n)


@dataclass(frozen=True)
class Duplicates:
    """Groups of samples that occur twice, exactly or nearly; the largest group first."""

    groups: list[np.ndarray]      # index of each sample in the data
    names: list[list[str]]
    distances: list[np.ndarray]   # of pixels, from the first sample of the group

    def __len__(self) -> int:
        return len(self.groups)


def export_of(model: Trained, path: str | Path = "", half: str = "encoder") -> Path:
    """Write the encoder or the decoder (`half`) as ONNX, for batches of any size. The default
    `path` is encoder.onnx or decoder.onnx; it is returned. Raises ValueError."""
    out = Path(path or f"{half}.onnx")
    for line in export(model.folder.path, half, out)[:-1]:
        say(line)
    return out


def nearest_of(
    model: Trained, data: Any, queries: Sequence[Any], n: int = 10, label: str = ""
) -> Neighbours:
    """Find the `n` samples of `data` whose codes are nearest to each query's. A query is an image
    (H, W) or (H, W, C), a file, or the number of a test sample; `label` is the class of all, for
    a conditional model. Raises ValueError."""
    if isinstance(queries, str | Path) or not isinstance(queries, Sequence | np.ndarray):
        queries = [queries]
    collection = picked(model, queries)
    z = model.encode(collection, one_class(model, collection, label))
    return neighbours_in(codes_of(model, data, label or None), z, n)


def neighbours_in(embedded: Embedded, z: np.ndarray, n: int) -> Neighbours:
    """The n samples nearest to each of the codes z (M, ...)."""
    distances, rows = nearest_to(embedded, z.reshape(len(z), -1), n)
    return Neighbours(distances, rows, np.array(embedded.names)[rows])


def duplicates_of(model: Trained, data: Any, within: float = 0.3) -> Duplicates:
    """Find samples of `data` that occur twice, exactly or nearly. `within` is the largest distance
    between duplicates, as a share of the distance to the tenth neighbour. Raises ValueError."""
    return doubles_in(codes_of(model, data), within)


def doubles_in(embedded: Embedded, within: float) -> Duplicates:
    """Samples that occur twice. Raises ValueError for one sample alone."""
    if len(embedded.z) < 2:
        raise ValueError("one sample can have no duplicate; give two or more")
    doubles = find_doubles(embedded, within)
    names = [[embedded.names[i] for i in group] for group in doubles.groups]
    return Duplicates(doubles.groups, names, doubles.apart)


def disentangle_of(
    model: Trained, leave_out: Sequence[str] = (), samples: int = disentanglement.SAMPLES,
    seeds: int = disentanglement.SEEDS,
) -> disentanglement.Disentangled:
    """Measure how well latent dimensions separate the known factors of its data, except those in
    `leave_out`, in `seeds` random draws of `samples` samples. Raises ValueError for data without
    known factors."""
    return disentanglement.disentangle(model, samples, seeds, leave_out=leave_out)


def score_steps_of(
    model: Trained, data: Any = None, threshold: str = "", causal: bool = False, label: str = "",
    merge: int | None = None, shortest: int = 1,
) -> ScoredSeries:
    """Score each step of a series by all windows that cover it: `score`, `probability` and
    `verdict` (T,), and the `stretches` [(from, to)] of abnormal steps. `data` is a file or a data
    frame; by default the series that it was trained on.

    `causal` scores a step from earlier steps alone. `label` names a column that marks abnormal
    steps. Stretches at most `merge` steps apart are joined, and those of fewer than `shortest`
    steps are ignored. Raises ValueError for a model of other data.
    """
    if model.description.kind != "series":
        raise ValueError("this model was not trained on a series; model.score scores its samples")
    scored = score_series(model, model.data if data is None else data, threshold, causal,
                          label=label, stretching=StretchOptions(merge, shortest))
    for note in scored.notes:
        say(note)
    return scored
