"""Series in requests: windows in own units, or rows over time, and what is answered to them."""

import math
from typing import Any

import numpy as np

from ..core.console import say
from ..core.contracts import Collection
from ..core.hints import did_you_mean
from ..data.rows import as_frame
from ..data.sources.series import Series, from_frame_like
from ..data.windows import in_own_units, over_time, windows_of
from ..inference.imputation import Filler
from ..inference.normal_step_scores import normal_steps
from ..inference.series_gaps import filled
from ..inference.series_steps import steps_of
from ..inference.trained import Trained
from ..tasks.score_series import ScoredSeries, as_texts, score_series
from .limits import Limits

LONGER = 16   # windows of a series in rows, per sample of the limit


def is_over_time(model: Trained) -> bool:
    """Whether a model was trained on a series, or on windows of some."""
    return over_time(model.description.encoding)


def most_steps(model: Trained, limits: Limits) -> int:
    """The most rows of a series in a request."""
    return LONGER * limits.samples + model.shape[-1] - 1


def columns_of(encoding: dict[str, Any]) -> list[dict[str, Any]]:
    """The columns of a served series, as /v1/model lists them."""
    apart = {"time": encoding.get("time"), "unit": encoding.get("id")}
    return [*({"name": name, "kind": kind} for kind, name in apart.items() if name),
            *({"name": name, "kind": "number"} for name in encoding.get("columns", []))]


def from_windows(model: Trained, x: np.ndarray) -> Collection:
    """Windows (N, T, C) that were sent in own units, NaN for null, on the model's scale."""
    return windows_of(x).encode(model.description.encoding)


def from_rows(model: Trained, rows: list[dict[str, Any]]) -> Collection:
    """The windows of a series that was sent as rows. A channel that a row leaves out is missing.
    Raises ValueError for columns that do not exist and for too few rows."""
    encoding = model.description.encoding
    apart = [encoding[name] for name in ("time", "id", "label") if encoding.get(name)]
    known = dict.fromkeys([*apart, *encoding["columns"]])
    wrong = next((name for row in rows for name in row if name not in known), None)
    if wrong is not None:
        raise ValueError(f"there is no column {wrong!r}; {did_you_mean(wrong, known)}")
    there = [name for name in known if name in encoding["columns"] or any(
        name in row for row in rows)]
    frame = as_frame([{name: row.get(name) for name in there} for row in rows])
    for name in encoding["columns"]:   # nothing but null has no type
        if frame[name].isna().all():
            frame[name] = math.nan
    return from_frame_like(frame, encoding).encode(encoding)


def reconstructed(model: Trained, collection: Collection) -> Any:
    """The reconstruction of a series that was sent as rows, as a data frame."""
    series = collection.raw
    assert isinstance(series, Series)
    return series.as_frame(steps_of(model, collection.encoding, series).recon)


def fill_windows(model: Trained, filler: Filler, x: np.ndarray) -> np.ndarray:
    """Windows (N, T, C) on the model's scale -> with gaps filled in, in own units. Raises
    ValueError for a conditional model."""
    if model.model.condition is not None:
        raise ValueError("a conditional model fills no gaps in series; train one without a "
                         "condition")
    collection = Collection(x, encoding=model.description.encoding)
    return np.asarray(filled(model, collection, filler.weights, filler.rounds))


def own_units(model: Trained, x: np.ndarray) -> np.ndarray:
    """Windows (N, T, C) in their own units. Other arrays are returned unchanged."""
    return in_own_units(model.description.encoding, x)


def knows_normal_steps(model: Trained) -> bool:
    """Whether steps of a series can be scored: what normal ones score is read or measured now.
    Says why not."""
    if model.description.kind != "series":
        return False
    try:
        normal_steps(model)
    except (ValueError, OSError) as error:
        say(f"/v1/score takes windows only, and no rows of a series: {error}")
        return False
    return True


def scored(model: Trained, collection: Collection, known: bool) -> dict[str, Any]:
    """The score of each step of a series that was sent as rows, in the order of time. Raises
    ValueError if normal steps are not `known`."""
    if not known:
        raise ValueError("this server cannot score rows of a series, for the run's data is gone; "
                         "send windows (N, T, C)")
    assert isinstance(collection.raw, Series)
    steps: ScoredSeries = score_series(model, collection)
    return {"scores": _numbers(steps.score), "probabilities": _numbers(steps.probability),
            "abnormal": steps.verdict.tolist(), "threshold": steps.threshold,
            "detector": "error of each step", "names": as_texts(collection.raw.times),
            "notes": list(collection.notes)}


def _numbers(values: np.ndarray) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]
