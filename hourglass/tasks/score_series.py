"""How abnormal each step of a series is, by the errors of all windows that cover it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import load_tensors, save_tensors
from ..codes import digest
from ..console import say, track
from ..contracts import Collection
from ..data.series import Series, Spans
from ..detectors.tail import log_survival
from ..disk import write_out
from ..overlap import StepMeans
from ..scoring import USUAL_THRESHOLD
from ..spec import thresholds
from ..trained import Trained
from .rows import as_csv

CHUNK = 2048   # windows that are looked at together


@dataclass(frozen=True)
class Steps:
    """What a model makes of a series, step by step."""

    score: np.ndarray   # (T,) mean absolute error, in deviations of the training part; NaN: unknown
    recon: np.ndarray   # (T, C) the mean reconstruction, in the model's scale


@dataclass(frozen=True)
class ScoredSeries:
    """A series with a verdict for each step."""

    series: Series
    recon: np.ndarray         # (T, C) in the owner's units
    score: np.ndarray         # (T,) the higher the more abnormal; NaN where nothing is known
    probability: np.ndarray   # (T,) the share of normal steps that score lower
    threshold: float
    normal: str               # which part of the run's own series the threshold is from

    @property
    def verdict(self) -> np.ndarray:
        """(T,) whether a step is abnormal."""
        return self.score > self.threshold

    @property
    def stretches(self) -> list[tuple[int, int]]:
        """Where abnormal steps follow one another: from, and up to but not with."""
        return runs(self.verdict)


def score_series(
    model: Trained, data: Any, threshold: str = "", causal: bool = False, normal: str = ""
) -> ScoredSeries:
    """Score a series' file, data frame or source, step by step.

    A step's score is the mean absolute error of all windows that cover it, so it knows up to a
    window of what came after; `causal` takes the one window that ends with it. The threshold
    (quantile(0.99), largest, ...) and probabilities are from the `normal` part of the run's own
    series: val, or where there is none, train. Raises ValueError.
    """
    rule = thresholds.make(threshold or USUAL_THRESHOLD)   # may refuse: before all that takes long
    found = model.read(data)
    if not isinstance(found.raw, Series):
        raise ValueError("steps are scored of a series, by a model that was trained on one: "
                         "hourglass train \"series('readings.csv')\"")
    held, part = normal_steps(model, causal, normal)
    steps = by_step(model, found.x, 1, causal)
    recon = steps.recon * found.encoding["std"] + found.encoding["mean"]
    known = np.nan_to_num(steps.score)
    probability = np.where(np.isnan(steps.score), np.nan, -np.expm1(log_survival(held, known)))
    return ScoredSeries(found.raw, recon, steps.score, probability, rule(held, None), part)


def by_step(model: Trained, windows: np.ndarray, stride: int, causal: bool = False) -> Steps:
    """Windows (N, W, C) in order, `stride` apart, NaN where a value is missing, step by step."""
    count, window, channels = windows.shape
    errors, recons = (StepMeans(count, window, stride, channels) for _ in range(2))
    starts = range(0, count, CHUNK)
    for start in track(starts, len(starts), "scoring"):
        x = np.array(windows[start:start + CHUNK])
        recon = model.reconstruct(Collection(x))
        counts = np.ones_like(x)
        if causal:   # but for the first window, before which there is none
            counts[(0 if start else 1):, :window - stride] = 0
        known = counts * np.isfinite(x)
        errors.add(start, np.abs(np.nan_to_num(x) - recon), known)
        recons.add(start, recon, counts)
    each = errors.mean
    there = np.isfinite(each)
    score = np.where(there, each, 0).sum(1) / np.maximum(there.sum(1), 1)
    return Steps(np.where(there.any(1), score, np.nan), recons.mean)


def normal_steps(model: Trained, causal: bool = False, part: str = "") -> tuple[np.ndarray, str]:
    """The sorted scores (M,) of the steps of a part of the run's own series, and which part: the
    validation part if there is one, else the training part. They are kept with the run. Raises
    ValueError where the data is needed and gone, or has no such part."""
    path = model.folder.path / "detectors" / "steps.safetensors"
    kept = _kept(path, digest(model.folder))
    key = "causal" if causal else "mean"
    if not kept.get(f"{part or 'val'}:{key}", np.empty(0)).size:
        source = model.source()
        part = part or ("val" if "val" in source.splits else "train")
        if part not in source.splits:
            raise ValueError(f"the run's series has no part {part!r}; it has "
                             f"{', '.join(source.splits)}")
        split = source.splits[part]
        windows = split.x[int(split.index[0]):int(split.index[-1]) + 1]  # type: ignore[index]
        scores = by_step(model, windows.numpy(), model.about["encoding"]["stride"], causal).score
        kept[f"{part}:{key}"] = np.sort(scores[np.isfinite(scores)])
        _keep(path, kept, digest(model.folder))
    part = part or "val"
    if part == "train":
        say("the threshold is from the part that the model was trained on, which scores lower "
            "than new data")
    return kept[f"{part}:{key}"], part


def _kept(path: Path, mark: str) -> dict[str, np.ndarray]:
    try:
        held, about = load_tensors(path) if path.is_file() else ({}, {})
    except ValueError:   # damaged: they can be found again
        return {}
    return {name: t.numpy() for name, t in held.items()} if about.get("model") == mark else {}


def _keep(path: Path, kept: dict[str, np.ndarray], mark: str) -> None:
    import torch
    try:
        path.parent.mkdir(exist_ok=True)
        save_tensors(path, {k: torch.from_numpy(v) for k, v in kept.items()}, {"model": mark})
    except OSError:   # a folder that cannot be written: they are found again
        pass


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Where flags (T,) are up: from, and up to but not with."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def as_texts(times: np.ndarray) -> list[str]:
    """Times (T,) as people write them; numbers as they are."""
    if times.dtype.kind == "M":
        whole = (times == times.astype("datetime64[s]")).all()
        texts = np.datetime_as_string(times, unit="s" if whole else "ms")
        return [text.replace("T", " ") for text in texts.tolist()]
    return [f"{time:.15g}" for time in times.tolist()]


def read_spans(path: str, data: str = "") -> Spans:
    """From when to when a series is known to be abnormal: a .json of [["from", "to"], ...], or one
    that has such a list for each of several files, as the Numenta benchmark does. Raises
    ValueError."""
    try:
        held = json.loads(Path(path).read_text())
        if isinstance(held, dict):
            name = next((key for key in held if Path(key).stem == Path(data).stem), None)
            if name is None:
                raise ValueError(f"{path} says nothing of {data}")
            held = held[name]
        return tuple((str(start), str(end)) for start, end in held)
    except (TypeError, ValueError, UnicodeDecodeError) as error:
        words = str(error) if "says nothing" in str(error) else (
            f'{path} is no list [["from", "to"], ...] in JSON')
        raise ValueError(words) from None


def labelled_steps(scored: Series, spans: Spans) -> np.ndarray:
    """(T,) whether a step lies in one of the labelled windows (from, to: both with); raises
    ValueError for what is no time of this series."""
    found = np.zeros(len(scored.times), bool)
    for start, end in spans:
        try:
            first, last = (np.datetime64(str(t).strip().replace(" ", "T"), "ns") for t in (
                start, end)) if scored.times.dtype.kind == "M" else (float(start), float(end))
        except ValueError:
            raise ValueError(f"{start!r} to {end!r} are no times such as 2024-05-31 13:45:00"
                             ) from None
        found |= (scored.times >= first) & (scored.times <= last)
    return found


def write_scores(scored: ScoredSeries, path: Path) -> None:
    """A row a step: its time, score, probability and verdict, as csv."""
    rows = []
    for time, score, probability, bad in zip(
            as_texts(scored.series.times), scored.score, scored.probability, scored.verdict,
            strict=True):
        numbers = ("", "", "unknown") if np.isnan(score) else (
            f"{score:.6g}", f"{probability:.6g}", "abnormal" if bad else "normal")
        rows.append([time, *numbers])
    columns = (scored.series.time or "row", "score", "probability", "verdict")
    write_out(path, as_csv(columns, rows))


def in_words(scored: ScoredSeries, spans: Spans = ()) -> list[str]:
    """What was found, in lines: how many steps, where they are, and how that fits the labels."""
    times, stretches = as_texts(scored.series.times), scored.stretches
    lines = [f"{int(scored.verdict.sum()):,} of {len(times):,} steps are abnormal, in "
             f"{len(stretches):,} stretches: their score is above {scored.threshold:.5g}"]
    longest = sorted(stretches, key=lambda ends: ends[0] - ends[1])[:5]
    lines += [f"  {times[a]} to {times[b - 1]}: {b - a} steps, score up to "
              f"{np.nanmax(scored.score[a:b]):.4g}" for a, b in longest]
    if len(stretches) > len(longest):
        lines.append(f"  and {len(stretches) - len(longest):,} shorter ones")
    spans = spans or scored.series.labelled
    if spans:
        each = [labelled_steps(scored.series, (span,)) for span in spans]
        within = np.any(each, axis=0)
        right = scored.verdict & within
        found = sum((scored.verdict & one).any() for one in each)
        precision = right.sum() / max(scored.verdict.sum(), 1)
        recall = right.sum() / max(within.sum(), 1)
        lines.append(f"{found} of {len(each)} labelled windows are found; {precision:.1%} of the "
                     f"abnormal steps lie in one, {recall:.1%} of the steps in them are abnormal")
    return lines
