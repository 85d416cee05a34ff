"""How abnormal each step of a series is, by the errors of all windows that cover it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.console import say
from ..core.contracts import Collection
from ..core.csv_text import as_csv
from ..core.files import read_file, write_out
from ..core.registry import thresholds
from ..data.collect import collect_like
from ..data.sources.series import Series, Spans
from ..inference.anomaly import USUAL_THRESHOLD
from ..inference.detectors.tail_probability import log_survival
from ..inference.normal_step_scores import normal_steps
from ..inference.series_steps import by_step, over_channels, steps_of
from ..inference.trained import Trained
from .write_images import check_name

__all__ = ["by_step", "normal_steps"]


@dataclass(frozen=True)
class StretchOptions:
    """How abnormal steps become stretches."""

    merge: int | None = None   # normal steps within a stretch at most; None is half a window
    shortest: int = 1          # steps of a stretch that counts


@dataclass(frozen=True)
class ScoredSeries:
    """A series with a verdict for each step."""

    series: Series
    recon: np.ndarray         # (T, C) in the owner's units
    score: np.ndarray         # (T,) the higher the more abnormal; NaN where nothing is known
    probability: np.ndarray   # (T,) the share of normal steps that score lower
    threshold: float
    normal: str               # which part of the run's own series the threshold is from
    error: np.ndarray         # (T, C) mean |error| of each channel, in deviations of training
    shift: np.ndarray         # (C,) how far the file's means are from training's, in deviations
    stretching: StretchOptions = StretchOptions()
    notes: tuple[str, ...] = ()   # on how the series was read
    parts: np.ndarray | None = None   # (T, C) the score is the mean of these; None: of the errors

    @property
    def verdict(self) -> np.ndarray:
        """(T,) whether a step is abnormal: above the threshold, and in a stretch that counts."""
        above = self.score > self.threshold
        counted = np.zeros(len(above), bool)
        for first, end in self.stretches:
            counted[first:end] = True
        return above & counted

    @property
    def gap(self) -> int:
        """Normal steps that may lie within a stretch."""
        merge = self.stretching.merge
        return self.series.window // 2 if merge is None else merge

    @property
    def stretches(self) -> list[tuple[int, int]]:
        """Ranges of abnormal steps of one unit, joined over short gaps: the first step, and the
        step after the last."""
        joined: list[tuple[int, int]] = []
        for block in self.series.blocks:
            own: list[tuple[int, int]] = []
            for first, end in runs(self.score[block] > self.threshold):
                first, end = first + block.start, end + block.start
                if own and first - own[-1][1] <= self.gap:
                    first = own.pop()[0]
                own.append((first, end))
            joined += own
        return [(a, b) for a, b in joined if b - a >= self.stretching.shortest]

    def save(self, path: str | Path) -> Path:
        """Write a row per step as .csv: score, probability, verdict, stretch and errors."""
        path = Path(path)
        check_name(path, (".csv",))
        write_scores(self, path)
        return path

    def causes(self, steps: np.ndarray) -> np.ndarray:
        """(C,) the share of each channel in the scores of these steps."""
        parts = np.nan_to_num((self.error if self.parts is None else self.parts)[steps])
        total: np.ndarray = parts.sum(0) / max(float(parts.sum()), 1e-12)
        return total


def score_series(
    model: Trained, data: Any, threshold: str = "", causal: bool = False, normal: str = "",
    label: str = "", stretching: StretchOptions | None = None,
) -> ScoredSeries:
    """Score a series' file, data frame or source, step by step.

    A step's score is the mean error of all windows that cover it, so it knows up to a window of
    what came after; `causal` takes the one window that ends with it. Of one channel it is the
    absolute error, of several the mean of their squared errors. The threshold
    (quantile(0.99), largest, ...) and probabilities are from the `normal` part of the run's own
    series: val, or where there is none, train. `label` names a column that says which steps are
    abnormal. Raises ValueError.
    """
    rule = thresholds.make(threshold or USUAL_THRESHOLD)   # may refuse: before all that takes long
    collection = _read(model, data, label)
    if not isinstance(collection.raw, Series):
        raise ValueError("steps are scored of a series, by a model that was trained on one: "
                         "hourglass train \"series('readings.csv')\"")
    series = collection.raw
    normal_scores = normal_steps(model, causal, normal)
    if normal_scores.part == "train":
        say("the threshold is from the part that the model was trained on, which scores lower "
            "than new data")
    steps = steps_of(model, model.description.encoding, series, causal)
    score = over_channels(steps.parts)
    rare = -np.expm1(log_survival(normal_scores.scores, np.nan_to_num(score)))
    probability = np.where(np.isnan(score), np.nan, rare)
    scaled = (series.values - collection.encoding["mean"]) / collection.encoding["std"]
    there = np.isfinite(scaled)
    shift = np.where(there, scaled, 0).sum(0) / np.maximum(there.sum(0), 1)
    return ScoredSeries(series, steps.recon, score, probability, rule(normal_scores.scores, None),
                        normal_scores.part, steps.error, shift, stretching or StretchOptions(),
                        tuple(collection.notes), steps.parts)


def _read(model: Trained, data: Any, label: str) -> Collection:
    """The series with its steps labelled by this column, if one is named; raises ValueError."""
    if not label:
        return model.read(data)
    collection = collect_like(data, {**model.description.encoding, "label": label})
    if not isinstance(collection.raw, Series) or collection.raw.about.get("label") != label:
        raise ValueError(f"{data} has no column {label!r} of labels")
    if label in collection.raw.columns:
        collection.notes.append(f"{label!r} is also a channel of the model, so the model sees "
                                f"the labels. Train without it, as in series('file.csv', "
                                f"label={label!r})")
    return collection


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """The runs of true flags (T,), as pairs of first index and index after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def as_texts(times: np.ndarray) -> list[str]:
    """Times (T,) as people write them; numbers stay numbers."""
    if times.dtype.kind == "M":
        whole = (times == times.astype("datetime64[s]")).all()
        texts = np.datetime_as_string(times, unit="s" if whole else "ms")
        return [text.replace("T", " ") for text in texts.tolist()]
    return [f"{time:.15g}" for time in times.tolist()]


def read_spans(path: str, data: str = "") -> Spans:
    """From when to when a series is known to be abnormal: a .json of [["from", "to"], ...], or one
    that has such a list for each of several files, as the Numenta benchmark does. Raises
    ValueError."""
    wrong = ValueError(f'{path} is not a list [["from", "to"], ...] in JSON')
    try:
        content = json.loads(read_file(Path(path).expanduser()))
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise wrong from None
    if isinstance(content, dict):
        name = next((key for key in content if Path(key).stem == Path(data).stem), None)
        if name is None:
            raise ValueError(f"{path} has no entry for {data}")
        content = content[name]
    try:
        return tuple((str(start), str(end)) for start, end in content)
    except (TypeError, ValueError):
        raise wrong from None


def labelled_steps(scored: Series, spans: Spans) -> np.ndarray:
    """(T,) whether a step lies in one of the labelled windows, which include both ends. Raises
    ValueError for a time that is not one of this series."""
    labelled = np.zeros(len(scored.times), bool)
    for start, end in spans:
        try:
            first, last = (np.datetime64(str(t).strip().replace(" ", "T"), "ns") for t in (
                start, end)) if scored.times.dtype.kind == "M" else (float(start), float(end))
        except ValueError:
            raise ValueError(f"{start!r} to {end!r} are not times such as 2024-05-31 13:45:00"
                             ) from None
        labelled |= (scored.times >= first) & (scored.times <= last)
    return labelled


def write_scores(scored: ScoredSeries, path: Path) -> None:
    """A row a step, as csv: its time (and unit), score, probability, verdict, the number of the
    stretch that it lies in, and the error of each channel, in deviations of the training part."""
    series = scored.series
    stretch = np.zeros(len(scored.score), int)
    for number, (first, end) in enumerate(scored.stretches, 1):
        stretch[first:end] = number
    units = [[]] * len(stretch) if series.units is None else [
        [series.names[unit]] for unit in series.units]
    rows = []
    for time, unit, score, probability, bad, number, errors in zip(
            as_texts(series.times), units, scored.score, scored.probability, scored.verdict,
            stretch, scored.error, strict=True):
        numbers = ("", "", "unknown") if np.isnan(score) else (
            f"{score:.6g}", f"{probability:.6g}", "abnormal" if bad else "normal")
        rows.append([time, *unit, *numbers, number or "",
                     *("" if np.isnan(error) else f"{error:.5g}" for error in errors)])
    columns = (series.time or "row", *([series.about["id"]] if series.units is not None else []),
               "score", "probability", "verdict", "stretch",
               *(f"error of {name}" for name in series.columns))
    write_out(path, as_csv(columns, rows))
