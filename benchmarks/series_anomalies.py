"""Abnormal steps of series: the same defaults for four public sets, beside three baselines.

    python benchmarks/series_anomalies.py [--only ucr,smap_msl] [--minutes 0.2]

HOURGLASS_DATA has the sets: four blood pressures of the UCR anomaly archive, seven channels of
NASA's telemetry SMAP and MSL, six experiments of SKAB, and ten series of Numenta's benchmark with
two labelled stretches or more. Each detector learns from a series' training part without labels: of
the first three the part that the set names, of Numenta's the first 15 %. It scores the rest.

Windows have 64 steps, and 32 of SKAB and Numenta, whose training parts are short. PCA sees the same
windows on the same scale, has as many components as our code has numbers, and scores a step by the
mean squared error over channels and windows. The isolation forest scores
windows, and a step has the mean of those that cover it. The z-score is the largest deviation of a
step's channels from their training means.

Figures are means over series: VUS-PR with buffers up to 100 steps (a random score has about the
share of abnormal steps), AUROC of steps, and the F1 of stretches. Its threshold is the 99 % point
of the last fifth of the training part, which no detector learns from. Flagged stretches with up to
half a window between them are one. A labelled stretch is found if a step of it is flagged; a
flagged stretch that touches none is wrong.
"""

import argparse
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

import hourglass as hg
from hourglass.core.console import track
from hourglass.inference.surface_precision import vus_pr
from hourglass.inference.window_means import StepMeans
from hourglass.tasks.score_series import runs, score_series

HELD, CODE, BUFFER = 0.2, 32, 100
QUANTILE = 0.99
Score = Callable[[np.ndarray], np.ndarray]   # of a series (T, C): (T,)


class Part(NamedTuple):
    """A series: what is learnt from (T, C), what is scored (S, C), and which steps are abnormal."""

    name: str
    train: np.ndarray
    test: np.ndarray
    abnormal: np.ndarray


def ucr(home: Path) -> Iterator[Part]:
    with zipfile.ZipFile(home / "series/UCR_Anomaly.zip") as held:
        for name in sorted(held.namelist()):
            values = np.array(held.read(name).split(), float)[:, None]
            end, first, last = map(int, name.removesuffix(".txt").split("_")[-3:])
            steps = np.arange(1, len(values) + 1)
            yield Part(name, values[:end], values[end:], ((steps >= first) & (steps <= last))[end:])


def smap_msl(home: Path) -> Iterator[Part]:
    with zipfile.ZipFile(home / "series/SMAP_MSL.zip") as held:
        spans = pd.read_csv(held.open("labeled_anomalies.csv")).set_index("chan_id")
        for name in sorted(n for n in held.namelist() if n.startswith("train/")):
            train, test = (np.load(io.BytesIO(held.read(f"{part}/{Path(name).name}")))
                           for part in ("train", "test"))
            abnormal = np.zeros(len(test), bool)
            for first, last in json.loads(spans.loc[Path(name).stem, "anomaly_sequences"]):
                abnormal[first:last + 1] = True
            yield Part(name, train, test, abnormal)


def skab(home: Path, count: int = 6) -> Iterator[Part]:
    with zipfile.ZipFile(home / "series/SKAB.zip") as held:
        names = sorted(n for n in held.namelist() if n.endswith(".csv") and "free" not in n)
        for name in names[::-(-len(names) // count)]:
            frame = pd.read_csv(held.open(name), sep=";")
            values = frame.drop(columns=["datetime", "anomaly", "changepoint"]).to_numpy(float)
            yield Part(name, values[:400], values[400:], frame.anomaly.to_numpy()[400:] > 0)


def nab(home: Path, count: int = 10) -> Iterator[Part]:
    with zipfile.ZipFile(home / "nab.zip") as held:
        spans = json.loads(held.read("labels/combined_windows.json"))
        names = [name for name, found in sorted(spans.items()) if len(found) > 1]
        for name in names[::len(names) // count][:count]:
            frame = pd.read_csv(held.open(f"data/{name}"), parse_dates=["timestamp"])
            abnormal = np.zeros(len(frame), bool)
            for first, last in spans[name]:
                abnormal |= frame.timestamp.between(first, last).to_numpy()
            cut = round(0.15 * len(frame))
            yield Part(name, frame[["value"]].to_numpy(float)[:cut],
                       frame[["value"]].to_numpy(float)[cut:], abnormal[cut:])


SETS = {"ucr": (ucr, 64), "smap_msl": (smap_msl, 64), "skab": (skab, 32), "nab": (nab, 32)}


def scaled(train: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Brings each channel to mean 0 and deviation 1 by the training part."""
    mean, std = train.mean(0), train.std(0)
    std = np.where(std <= 1e-12 * np.maximum(np.abs(mean), 1), 1, std)
    return lambda values: (values - mean) / std


def windows_of(values: np.ndarray, window: int) -> np.ndarray:
    return np.swapaxes(sliding_window_view(values, window, axis=0), 1, 2)


def over_steps(errors: np.ndarray) -> np.ndarray:
    """The mean (T,) over channels and windows of errors (N, W, C)."""
    count, window, channels = errors.shape
    means = StepMeans(count, window, 1, channels)
    means.add(0, errors, np.ones_like(errors))
    return means.mean.mean(1)


def pca(train: np.ndarray, window: int, minutes: float) -> Score:
    scale = scaled(train)
    first = windows_of(scale(train), window)
    model = PCA(min(CODE, len(first) - 1, first[0].size), random_state=0).fit(
        first.reshape(len(first), -1))

    def score(values: np.ndarray) -> np.ndarray:
        x = windows_of(scale(values), window)
        flat = x.reshape(len(x), -1)
        return over_steps((model.inverse_transform(model.transform(flat)).reshape(x.shape) - x)**2)
    return score


def forest(train: np.ndarray, window: int, minutes: float) -> Score:
    scale = scaled(train)
    first = windows_of(scale(train), window)
    model = IsolationForest(random_state=0).fit(first.reshape(len(first), -1))

    def score(values: np.ndarray) -> np.ndarray:
        x = windows_of(scale(values), window)
        each = -model.score_samples(x.reshape(len(x), -1))
        return over_steps(np.broadcast_to(each[:, None, None], (*x.shape[:2], 1)).copy())
    return score


def z_score(train: np.ndarray, window: int, minutes: float) -> Score:
    scale = scaled(train)
    return lambda values: np.abs(scale(values)).max(1)


def ours(train: np.ndarray, window: int, minutes: float) -> Score:
    names = [f"c{i}" for i in range(train.shape[1])]
    with tempfile.TemporaryDirectory() as folder:
        model = hg.train(pd.DataFrame(train, columns=names), kind="series", window=window,
                         minutes=minutes, val=0.25, test=0, quiet=True, report=False,
                         out=Path(folder) / "run")
        return lambda values: score_series(model, pd.DataFrame(values, columns=names)).score


DETECTORS = {"Hourglass": ours, "PCA": pca, "isolation forest": forest, "z-score": z_score}


def f1_of_stretches(flagged: np.ndarray, abnormal: np.ndarray, gap: int) -> float:
    """F1 of stretches: those that a flag touches, and flags that touch none. Flags with up to `gap`
    steps between them are one."""
    true, made = runs(abnormal), list[tuple[int, int]]()
    for a, b in runs(flagged):
        if made and a - made[-1][1] <= gap:
            made[-1] = made[-1][0], b
        else:
            made.append((a, b))
    found = sum(flagged[a:b].any() for a, b in true)
    wrong = sum(not abnormal[a:b].any() for a, b in made)
    return 2 * found / max(len(true) + found + wrong, 1)


def figures(make: Callable[..., Score], part: Part, window: int, minutes: float) -> list[float]:
    """VUS-PR, AUROC and F1 of stretches on one series."""
    cut = round((1 - HELD) * len(part.train))
    score = make(part.train[:cut], window, minutes)
    limit = np.nanquantile(score(part.train[cut:]), QUANTILE)
    found = score(part.test)
    known = np.isfinite(found)
    found, abnormal = found[known], part.abnormal[known]
    return [vus_pr(found, abnormal, BUFFER), float(roc_auc_score(abnormal, found)),
            f1_of_stretches(found > limit, abnormal, window // 2)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--minutes", type=float, default=0.2, help="of each of our trainings")
    args = parser.parse_args()
    home = Path(os.environ["HOURGLASS_DATA"])
    print("| set | detector | VUS-PR | AUROC | F1 of stretches |\n|---|---|---|---|---|")
    for name in args.only.split(","):
        read, window = SETS[name]
        parts = list(read(home))
        share = np.mean([part.abnormal.mean() for part in parts])
        for detector, make in DETECTORS.items():
            found = np.mean([figures(make, part, window, args.minutes) for part in track(
                parts, len(parts), f"{detector} on {name}")], 0)
            print(f"| {name}, {len(parts)} series, {share:.1%} abnormal | {detector} | "
                  f"{' | '.join(f'{value:.3f}' for value in found)} |", flush=True)


if __name__ == "__main__":
    main()
