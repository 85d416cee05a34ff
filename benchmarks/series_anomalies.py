"""Abnormal steps of series: the same defaults for five public sets, beside three baselines.

    python benchmarks/series_anomalies.py [--only ucr,smap_msl] [--minutes 0.2] [--seeds 1]
        [--most 2]   # series of each set, to try it

HOURGLASS_DATA has the sets: four blood pressures of the UCR anomaly archive, seven channels of
NASA's telemetry SMAP and MSL, the 34 experiments of SKAB, and the series of Numenta's benchmark
with labels. Each detector learns from a series' training part without labels: of the first three
the part that the set names, of Numenta's the first 15 %. It scores the rest. Of ECG5000, each of
500 heartbeats is a window: 200 normal ones are for learning, the others are scored as wholes.

Windows have 64 steps, and 32 of SKAB and Numenta, whose training parts are short. PCA sees the same
windows on the same scale, has as many components as our code has numbers, but at most half as many
as a window has values, and scores a step by the mean squared error over channels and windows. Our
network learns from three quarters of what PCA sees, and stops by the rest: PCA of that part is
beside. The isolation forest scores windows, and a step has the mean of those that cover it. The
z-score is the largest deviation of a step's channels from their training means. "Model and PCA" is
Fisher's sum of the two: how rare each error is among the steps of the validation part.

Figures are means over series: VUS-PR with buffers up to 100 steps (a random score has about the
share of abnormal steps; of heartbeats it is the average precision), AUROC of steps, and the F1 of
stretches. The last column says in how many series Hourglass has more VUS-PR, and its mean lead
with the standard error. The threshold of F1 is the 99 % point of the last fifth of the training
part, which no detector learns from. Flagged stretches with up to half a window between them are
one. A labelled stretch is found if a step of it is flagged; a flagged stretch that touches none is
wrong.
"""

import argparse
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

import hourglass as hg
from hourglass.core.console import track
from hourglass.inference.detectors.tail_probability import log_survival
from hourglass.inference.pca import PCA as Components
from hourglass.inference.series_steps import Reconstructing, over_channels, steps_of
from hourglass.inference.surface_precision import vus_pr
from hourglass.inference.window_means import StepMeans
from hourglass.tasks.score_series import runs, score_series

HELD, CODE, BUFFER = 0.2, 32, 100
VALIDATION = 0.25   # of the steps that detectors learn from: our network stops by them
QUANTILE = 0.99
BEATS, HELD_BEATS = 200, 40   # of heartbeats: normal ones for learning, those for the threshold
Score = Callable[[np.ndarray], np.ndarray]   # of a series (T, C): (T,)


@dataclass
class Asked:
    """Where our trainings are kept, how long each takes, and their seed."""

    folder: Path
    minutes: float
    seed: int
    count: int = 0

    def settings(self, name: str) -> dict[str, Any]:
        """The settings of the next training."""
        self.count += 1
        return {"minutes": self.minutes, "seed": self.seed, "quiet": True, "report": False,
                "out": self.folder / f"{name}-{self.count}"}


@dataclass(frozen=True)
class Linear:
    """PCA of a model's training windows, which reconstructs windows as the model does."""

    pca: Components

    def reconstruct(self, x: Any, y: Any = None) -> np.ndarray:
        windows = np.asarray(x.x)
        return self.pca.decode(self.pca.encode(windows)).reshape(windows.shape)


class Part(NamedTuple):
    """A series: what is learnt from (T, C), what is scored (S, C), and which steps are abnormal."""

    name: str
    train: np.ndarray
    test: np.ndarray
    abnormal: np.ndarray


def ucr(home: Path) -> Iterator[Part]:
    with zipfile.ZipFile(home / "series/UCR_Anomaly.zip") as archive:
        for name in sorted(archive.namelist()):
            values = np.array(archive.read(name).split(), float)[:, None]
            end, first, last = map(int, name.removesuffix(".txt").split("_")[-3:])
            steps = np.arange(1, len(values) + 1)
            yield Part(name, values[:end], values[end:], ((steps >= first) & (steps <= last))[end:])


def smap_msl(home: Path) -> Iterator[Part]:
    with zipfile.ZipFile(home / "series/SMAP_MSL.zip") as archive:
        spans = pd.read_csv(archive.open("labeled_anomalies.csv")).set_index("chan_id")
        for name in sorted(n for n in archive.namelist() if n.startswith("train/")):
            train, test = (np.load(io.BytesIO(archive.read(f"{part}/{Path(name).name}")))
                           for part in ("train", "test"))
            abnormal = np.zeros(len(test), bool)
            for first, last in json.loads(spans.loc[Path(name).stem, "anomaly_sequences"]):
                abnormal[first:last + 1] = True
            yield Part(name, train, test, abnormal)


def skab(home: Path) -> Iterator[Part]:
    with zipfile.ZipFile(home / "series/SKAB.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".csv") and "free" not in n)
        for name in names:
            frame = pd.read_csv(archive.open(name), sep=";")
            values = frame.drop(columns=["datetime", "anomaly", "changepoint"]).to_numpy(float)
            yield Part(name, values[:400], values[400:], frame.anomaly.to_numpy()[400:] > 0)


def nab(home: Path) -> Iterator[Part]:
    with zipfile.ZipFile(home / "nab.zip") as archive:
        spans = json.loads(archive.read("labels/combined_windows.json"))
        for name in sorted(spans):
            frame = pd.read_csv(archive.open(f"data/{name}"), parse_dates=["timestamp"])
            abnormal = np.zeros(len(frame), bool)
            for first, last in spans[name]:
                abnormal |= frame.timestamp.between(first, last).to_numpy()
            cut = round(0.15 * len(frame))
            if not abnormal[cut:].any():
                continue
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


def linear(first: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The squared errors of windows (N, W, C) by PCA of the windows `first`, in their shape."""
    model = PCA(min(CODE, len(first) - 1, first[0].size // 2), random_state=0).fit(
        first.reshape(len(first), -1))

    def errors(x: np.ndarray) -> np.ndarray:
        flat = x.reshape(len(x), -1)
        return (model.inverse_transform(model.transform(flat)).reshape(x.shape) - x)**2
    return errors


def trees(first: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Scores (N,) of windows by an isolation forest of the windows `first`."""
    model = IsolationForest(random_state=0).fit(first.reshape(len(first), -1))
    return lambda x: -model.score_samples(x.reshape(len(x), -1))


def without_validation(train: np.ndarray) -> np.ndarray:
    return train[:round((1 - VALIDATION) * len(train))]


def pca(train: np.ndarray, window: int, asked: Asked) -> dict[str, Score]:
    def of(first: np.ndarray) -> Score:
        scale = scaled(first)
        errors = linear(windows_of(scale(first), window))
        return lambda values: over_steps(errors(windows_of(scale(values), window)))
    return {"PCA": of(train), "PCA of our training steps": of(without_validation(train))}


def forest(train: np.ndarray, window: int, asked: Asked) -> dict[str, Score]:
    scale = scaled(train)
    each = trees(windows_of(scale(train), window))

    def score(values: np.ndarray) -> np.ndarray:
        x = windows_of(scale(values), window)
        return over_steps(np.broadcast_to(each(x)[:, None, None], (*x.shape[:2], 1)).copy())
    return {"isolation forest": score}


def z_score(train: np.ndarray, window: int, asked: Asked) -> dict[str, Score]:
    scale = scaled(train)
    return {"z-score": lambda values: np.abs(scale(values)).max(1)}


def ours(train: np.ndarray, window: int, asked: Asked) -> dict[str, Score]:
    def framed(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values, columns=[f"c{i}" for i in range(values.shape[1])])
    model = hg.train(framed(train), kind="series", window=window, val=VALIDATION, test=0,
                     **asked.settings("steps"))

    pca, encoding = Linear(model.pca()), model.description.encoding

    def steps(of: Reconstructing, values: np.ndarray) -> np.ndarray:
        series = model.read(framed(values)).raw
        return over_channels(steps_of(of, encoding, series).parts)
    held_out = train[len(without_validation(train)):]
    normal = [np.sort(errors[np.isfinite(errors)])
              for errors in (steps(of, held_out) for of in (model, pca))]

    def both(values: np.ndarray) -> np.ndarray:
        return -sum(log_survival(known, steps(of, values))
                    for known, of in zip(normal, (model, pca), strict=True))
    return {"Hourglass": lambda values: score_series(model, framed(values)).score,
            "model and PCA": both}


def beats(home: Path, asked: Asked) -> dict[str, np.ndarray]:
    """The figures (1, 3) of each detector on the heartbeats of ECG5000."""
    with zipfile.ZipFile(home / "series/ECG5000.zip") as archive:
        values = np.loadtxt(io.BytesIO(archive.read("ECG5000_TRAIN.txt")))
    x, abnormal = values[:, 1:, None].astype(np.float32), values[:, 0] != 1
    normal = np.flatnonzero(~abnormal)[:BEATS]
    first, rest = x[normal[:-HELD_BEATS]], np.setdiff1d(np.arange(len(x)), normal)
    model = hg.train(first, kind="series", test=0, **asked.settings("beats"))
    own, both = model.detector(), model.detector("combined(('error', 'pca'))")
    errors, each = linear(first), trees(first)
    mean, std = first.mean(0), first.std(0)
    detectors: dict[str, Score] = {
        "Hourglass": own.score, "model and PCA": both.score,
        "PCA": lambda x: errors(x).mean((1, 2)), "isolation forest": each,
        "z-score": lambda x: np.abs((x - mean) / std).max((1, 2))}
    rows = {}
    for name, score in detectors.items():
        limit = np.quantile(score(x[normal[-HELD_BEATS:]]), QUANTILE)
        scores, true = score(x[rest]), abnormal[rest]
        rows[name] = np.array([[average_precision_score(true, scores), roc_auc_score(true, scores),
                                f1_score(true, scores > limit)]])
    return rows


def f1_of_stretches(flagged: np.ndarray, abnormal: np.ndarray, gap: int) -> float:
    """F1 of stretches: those that a flag touches, and flags that touch none. Flags with up to `gap`
    steps between them are one."""
    true, joined = runs(abnormal), list[tuple[int, int]]()
    for a, b in runs(flagged):
        if joined and a - joined[-1][1] <= gap:
            joined[-1] = joined[-1][0], b
        else:
            joined.append((a, b))
    hits = sum(flagged[a:b].any() for a, b in true)
    wrong = sum(not abnormal[a:b].any() for a, b in joined)
    return 2 * hits / max(len(true) + hits + wrong, 1)


def figures(score: Score, part: Part, window: int) -> list[float]:
    """VUS-PR, AUROC and F1 of stretches on one series."""
    limit = np.nanquantile(score(part.train[learnt(part):]), QUANTILE)
    scores = score(part.test)
    known = np.isfinite(scores)
    scores, abnormal = scores[known], part.abnormal[known]
    return [vus_pr(scores, abnormal, BUFFER), float(roc_auc_score(abnormal, scores)),
            f1_of_stretches(scores > limit, abnormal, window // 2)]


def learnt(part: Part) -> int:
    """How many of the first steps detectors learn from; the others of the training part set the
    threshold."""
    return round((1 - HELD) * len(part.train))


def compared(parts: list[Part], window: int, asked: Asked, name: str) -> dict[str, np.ndarray]:
    """The figures (S, 3) of each detector on S series."""
    rows: dict[str, list[list[float]]] = {}
    for part in track(parts, len(parts), name):
        for make in (ours, pca, forest, z_score):
            for detector, score in make(part.train[:learnt(part)], window, asked).items():
                rows.setdefault(detector, []).append(figures(score, part, window))
    return {detector: np.array(each) for detector, each in rows.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join([*SETS, "ecg5000"]))
    parser.add_argument("--minutes", type=float, default=0.2, help="of each of our trainings")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--most", type=int, default=None, help="series of each set")
    args = parser.parse_args()
    home = Path(os.environ["HOURGLASS_DATA"])
    print("| set | detector | VUS-PR | AUROC | F1 of stretches | Hourglass has more VUS-PR |"
          "\n|---|---|---|---|---|---|")
    for name in args.only.split(","):
        if name == "ecg5000":
            title = "ecg5000, 300 heartbeats"
        else:
            read, window = SETS[name]
            parts = list(islice(read(home), args.most))
            share = np.mean([part.abnormal.mean() for part in parts])
            title = f"{name}, {len(parts)} series, {share:.1%} abnormal"
        each = []
        for seed in range(args.seeds):
            with tempfile.TemporaryDirectory() as folder:
                options = Asked(Path(folder), args.minutes, seed)
                each.append(beats(home, options) if name == "ecg5000" else
                            compared(parts, window, options, name))
        mean = {detector: np.mean([means[detector] for means in each], 0) for detector in each[0]}
        for detector, values in mean.items():
            print(f"| {title} | {detector} | {' | '.join(f'{v:.3f}' for v in values.mean(0))} | "
                  f"{lead(mean['Hourglass'][:, 0] - values[:, 0])} |", flush=True)


def lead(apart: np.ndarray) -> str:
    """In how many series the first has more, and by how much in the mean, with standard error."""
    if len(apart) == 1 or not apart.any():
        return ""
    error = apart.std(ddof=1) / np.sqrt(len(apart))
    return f"{(apart > 0).sum()} of {len(apart)}, by {apart.mean():.3f} ± {error:.3f}"


if __name__ == "__main__":
    main()
