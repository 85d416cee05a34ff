"""Abnormal steps of the Skoltech Anomaly Benchmark, by the defaults and by PCA: a table.

    python benchmarks/skab.py [--window 30] [--minutes 0.2] [--every 6]

SKAB.zip lies in HOURGLASS_DATA/series. In the first part each experiment's first 400 steps are for
learning (the last 80 of them for the threshold), as the benchmark asks, and the others are scored;
in the second the experiment without anomalies is, and all steps of the others are scored. PCA sees
the same windows on the same scale, has as many components as our code has numbers, and scores a
step by the same mean of squared errors over channels and windows. The threshold is the 99 %
quantile of normal scores. AUROC is of all steps together, scores divided by their threshold, and
the mean of the experiments'; F1 is of steps. `--every` takes each n-th of the 34 experiments.
"""

import argparse
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

import hourglass as hg
from hourglass.core.console import track
from hourglass.inference.window_means import StepMeans
from hourglass.tasks.score_series import score_series

FIRST, HELD, CODE = 400, 80, 32
LABELS = ("anomaly", "changepoint")
Scored = tuple[np.ndarray, float]   # of a series: scores (T,), and the threshold


def experiments(every: int) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """The one without anomalies, and each n-th of the others."""
    place = Path(os.environ["HOURGLASS_DATA"]) / "series" / "SKAB.zip"
    with zipfile.ZipFile(place) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".csv"))
        frames = {name: pd.read_csv(archive.open(name), sep=";") for name in names}
    free = next(frame for name, frame in frames.items() if "free" in name)
    return free, [frame for name, frame in frames.items() if "free" not in name][::every]


def channels(frame: pd.DataFrame) -> np.ndarray:
    return frame.drop(columns=["datetime", *(n for n in LABELS if n in frame)]).to_numpy(float)


def pca(train: np.ndarray, held: np.ndarray, window: int) -> Callable[[np.ndarray], Scored]:
    """Scores series by the error of PCA, learnt from one (T, C)."""
    mean, std = train.mean(0), train.std(0)
    std = np.where(std <= 1e-12 * np.maximum(np.abs(mean), 1), 1, std)

    def windows(values: np.ndarray) -> np.ndarray:
        cut = sliding_window_view((values - mean) / std, window, axis=0)
        return np.swapaxes(cut, 1, 2)

    def scores(values: np.ndarray) -> np.ndarray:
        x = windows(values)
        flat = x.reshape(len(x), -1)
        again = model.inverse_transform(model.transform(flat)).reshape(x.shape)
        means = StepMeans(len(x), window, 1, x.shape[2])
        means.add(0, (again - x) ** 2, np.ones_like(x))
        return means.mean.mean(1)
    first = windows(train)
    model = PCA(CODE, random_state=0).fit(first.reshape(len(first), -1))
    threshold = float(np.quantile(scores(held), 0.99))
    return lambda values: (scores(values), threshold)


def ours(
    train: pd.DataFrame, window: int, minutes: float | None, folder: Path, **settings: Any
) -> Callable[[pd.DataFrame], Scored]:
    """Scores series by a model of our defaults, learnt from one."""
    train = train.drop(columns=[name for name in LABELS if name in train])
    train.to_csv(folder / "train.csv", index=False)
    model = hg.train(folder / "train.csv", kind="series", window=window, minutes=minutes,
                     quiet=True, report=False, device="cpu", out=tempfile.mkdtemp(dir=folder) +
                     "/run", **settings)

    def score(frame: pd.DataFrame) -> Scored:
        scored = score_series(model, frame)
        return scored.score, scored.threshold
    return score


class Figures(NamedTuple):
    """How right the scores of all experiments are."""

    together: float   # AUROC of all steps, scores divided by their threshold
    each: float       # the mean AUROC of the experiments
    f1: float         # of steps
    flagged: float    # share of steps above the threshold
    abnormal: float   # share of steps that are abnormal


def figures_of(found: list[Scored], labels: list[np.ndarray]) -> Figures:
    relative, truth = np.concatenate([s / t for s, t in found]), np.concatenate(labels)
    flags = relative > 1
    return Figures(
        float(roc_auc_score(truth, relative)),
        float(np.mean([roc_auc_score(y, s) for (s, _), y in zip(found, labels, strict=True)])),
        float(2 * (flags & truth).sum() / (flags.sum() + truth.sum())), float(flags.mean()),
        float(truth.mean()))


def row(name: str, part: str, found: list[Scored], labels: list[np.ndarray]) -> str:
    of = figures_of(found, labels)
    return (f"| {part} | {name} | {of.together:.3f} | {of.each:.3f} | {of.f1:.3f} | "
            f"{of.flagged:.0%} of {of.abnormal:.0%} |")


def learnt_from_each(
    frames: list[pd.DataFrame], window: int, minutes: float | None, folder: Path, **settings: Any
) -> dict[str, list[Scored]]:
    """Of each detector, the scores after the first steps of each experiment, which it saw."""
    scored: dict[str, list[Scored]] = {"Hourglass": [], f"PCA({CODE})": []}
    for frame in track(frames, len(frames), "experiments"):
        values, cut = channels(frame), FIRST - HELD
        model = ours(frame[:FIRST], window, minutes, folder, val=HELD, test=0, **settings)
        base = pca(values[:cut], values[cut:FIRST], window)
        for name, (scores, at) in zip(scored, (model(frame), base(values)), strict=True):
            scored[name].append((scores[FIRST:], at))
    return scored


def learnt_from_free(
    free: pd.DataFrame, frames: list[pd.DataFrame], window: int, minutes: float | None,
    folder: Path, **settings: Any
) -> dict[str, list[Scored]]:
    """Of each detector, the scores of all steps, by what it saw in the one without anomalies."""
    model = ours(free, window, minutes, folder, val=0.1, test=0, **settings)
    values = channels(free)
    cut = round(0.9 * len(values))
    base = pca(values[:cut], values[cut:], window)
    return {"Hourglass": [model(frame) for frame in frames],
            f"PCA({CODE})": [base(channels(f)) for f in frames]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--window", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=0.2, help="of each training of the first "
                        "part; five times as long in the second")
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    free, frames = experiments(options.every)
    truth = [frame.anomaly.to_numpy() > 0 for frame in frames]
    print("| learnt from | detector | AUROC | mean of experiments | F1 | steps flagged |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        own = learnt_from_each(frames, options.window, options.minutes, folder)
        for name, scored in own.items():
            print(row(name, f"first {FIRST} steps", scored, [y[FIRST:] for y in truth]))
        others = learnt_from_free(free, frames, options.window, 5 * options.minutes, folder)
        for name, scored in others.items():
            print(row(name, "no anomalies", scored, truth))


if __name__ == "__main__":
    sys.exit(main())
