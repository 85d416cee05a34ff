"""Steps of the Skoltech Anomaly Benchmark told apart: ours by its defaults, and PCA. A table.

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
    with zipfile.ZipFile(place) as held:
        names = sorted(name for name in held.namelist() if name.endswith(".csv"))
        frames = {name: pd.read_csv(held.open(name), sep=";") for name in names}
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
    train: pd.DataFrame, window: int, minutes: float, folder: Path, **shares: float
) -> Callable[[pd.DataFrame], Scored]:
    """Scores series by a model of our defaults, learnt from one."""
    train = train.drop(columns=[name for name in LABELS if name in train])
    train.to_csv(folder / "train.csv", index=False)
    model = hg.train(folder / "train.csv", kind="series", window=window, minutes=minutes,
                     quiet=True, report=False, device="cpu", out=tempfile.mkdtemp(dir=folder) +
                     "/run", **shares)

    def score(frame: pd.DataFrame) -> Scored:
        scored = score_series(model, frame)
        return scored.score, scored.threshold
    return score


def row(name: str, part: str, found: list[Scored], labels: list[np.ndarray]) -> str:
    relative, truth = np.concatenate([s / t for s, t in found]), np.concatenate(labels)
    flags = relative > 1
    f1 = 2 * (flags & truth).sum() / (flags.sum() + truth.sum())
    each = np.mean([roc_auc_score(y, s) for (s, _), y in zip(found, labels, strict=True)])
    return (f"| {part} | {name} | {roc_auc_score(truth, relative):.3f} | {each:.3f} | {f1:.3f} | "
            f"{flags.mean():.0%} of {truth.mean():.0%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--window", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=0.2, help="of each training of the first "
                        "part; five times as long in the second")
    parser.add_argument("--every", type=int, default=1)
    asked = parser.parse_args()
    free, frames = experiments(asked.every)
    truth = [frame.anomaly.to_numpy() > 0 for frame in frames]
    print("| learnt from | detector | AUROC | mean of experiments | F1 | steps flagged |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as held:
        folder, found = Path(held), {"Hourglass": [], f"PCA({CODE})": []}
        for frame in track(frames, len(frames), "experiments"):
            values, cut = channels(frame), FIRST - HELD
            model = ours(frame[:FIRST], asked.window, asked.minutes, folder, val=HELD, test=0)
            base = pca(values[:cut], values[cut:FIRST], asked.window)
            for name, (scores, at) in zip(found, (model(frame), base(values)), strict=True):
                found[name].append((scores[FIRST:], at))
        for name, scored in found.items():
            print(row(name, f"first {FIRST} steps", scored, [y[FIRST:] for y in truth]))
        model = ours(free, asked.window, 5 * asked.minutes, folder, val=0.1, test=0)
        values = channels(free)
        cut = round(0.9 * len(values))
        base = pca(values[:cut], values[cut:], asked.window)
        print(row("Hourglass", "no anomalies", [model(frame) for frame in frames], truth))
        print(row(f"PCA({CODE})", "no anomalies", [base(channels(f)) for f in frames], truth))


if __name__ == "__main__":
    sys.exit(main())
