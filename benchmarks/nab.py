"""Anomalies in the series of the Numenta benchmark: ours, pyod's, and a moving z-score. A table.

    python benchmarks/nab.py [--peers PYTHON] [--quick] [--window 32]

Each detector learns from a series' first 15 % (at most 750 steps), as the benchmark asks, without
labels, and then scores every step by what came before it; "centred" alone may look ahead, by less
than a window. Ours and pyod's see the same windows of the first four fifths of that part, on the
same scale. All scores are brought to one measure, as the benchmark's authors do it: how rare each
is among the scores of the 8,000 steps before it, by a Gaussian (their anomaly likelihood).

The benchmark's score takes one threshold for all series: for each profile, the one with the best
score. That is its rule, and it favours all detectors equally. Precision, recall and F1 use a
threshold that no label chose: scores as rare as one in 100,000, as its authors do. Intervals are by
bootstrap over series, 2,000 draws, with the threshold fixed. `--peers` is a Python that has pyod
and numpy; pyod has its own defaults, except the seed. The moving z-score is the benchmark's
windowed Gaussian, whose published scores are 39.6, 20.9 and 47.4.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nab_score import PROFILES, normalised, raw_score
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import log_ndtr

import hourglass as hg
from hourglass.core.console import track
from hourglass.data.sources.nab import nab_names, read_nab
from hourglass.data.sources.series import Series
from hourglass.tasks.score_series import labelled_steps, runs, score_series

SHARE, MOST = 0.15, 750   # of a series, to learn from
VAL = 0.2                 # of that
BACK = 8000               # steps that a score is held against
RARE = 1e-5
DRAWS = 2000
QUICK = ("art_daily_jumpsup", "ec2_request_latency_system_failure", "speed_7578", "nyc_taxi",
         "art_daily_small_noise")


@dataclass
class Case:
    """A series of the benchmark, and what detectors say of its steps."""

    name: str
    series: Series
    begin: int                          # steps before are for learning
    windows: list[tuple[int, int]]      # labelled, from and to, both with
    rarity: dict[str, np.ndarray]       # of each method, (T,) -log of the share of rarer steps


def case_of(name: str) -> Case:
    series = read_nab(name)
    begin = int(min(SHARE * len(series.values), MOST))
    windows = []
    for span in series.labelled:
        at = np.flatnonzero(labelled_steps(series, (span,)))
        windows.append((int(at[0]), int(at[-1])))
    return Case(name, series, begin, windows, {})


def learnt(case: Case) -> int:
    """How many of the first steps detectors are trained on; the others up to `begin` are normal
    ones that they have not seen."""
    return case.begin - round(VAL * case.begin)


def put(case: Case, method: str, scores: np.ndarray) -> None:
    """Store how rare scores (T,) are among those of the steps before (Lavin & Ahmad, 2015)."""
    scores, steps = np.nan_to_num(scores).astype(float), np.arange(len(scores))
    first = np.maximum(0, steps - BACK)
    count = np.maximum(steps - first, 1)
    sums, squares = (np.concatenate([[0.0], np.cumsum(v)]) for v in (scores, scores**2))
    mean = (sums[steps] - sums[first]) / count
    variance = (squares[steps] - squares[first]) / count - mean**2
    deviation = np.sqrt(np.maximum(variance, 0)).clip(min=1e-6 * np.abs(mean) + 1e-9)
    case.rarity[method] = -log_ndtr((mean - scores) / deviation)


def write(path: Path, series: Series, steps: int) -> str:
    rows = [f"{t},{v}" for t, v in zip(range(steps), series.values[:steps, 0], strict=True)]
    path.write_text("\n".join(["t,value", *rows]) + "\n")
    return str(path)


def ours(case: Case, window: int, folder: Path, epochs: int) -> None:
    """Train on the first part, by the public interface alone, and score the whole."""
    first = write(folder / "first.csv", case.series, case.begin)
    whole = write(folder / "whole.csv", case.series, len(case.series.values))
    model = hg.train(
        f"series({first!r}, window={window}, time='t')", out=folder / case.name, quiet=True,
        report=False, backbone="conv1d((32, 16), dropout=0.2)", bottleneck="plain(8)",
        epochs=epochs, batch_size=64, val=VAL, test=0, device="cpu", precision="32-true")
    for method, causal in (("Hourglass", True), ("Hourglass, centred", False)):
        put(case, method, score_series(model, whole, "largest", causal).score)


def z_score(case: Case) -> None:
    """How rare a value is, up or down, among those before it."""
    values = case.series.values[:, 0]
    put(case, "moving z-score", values)
    up = case.rarity["moving z-score"]
    put(case, "moving z-score", -values)
    case.rarity["moving z-score"] = np.maximum(up, case.rarity["moving z-score"])


def peers(cases: list[Case], window: int, python: str, folder: Path) -> None:
    """pyod's Isolation Forest and AutoEncoder, on windows scaled by the first part."""
    windows = {}
    for i, case in enumerate(cases):
        values = case.series.values[:, 0]
        first = values[:learnt(case)]
        scaled = (values - first.mean()) / max(first.std(), 1e-9)
        windows[f"all_{i}"] = sliding_window_view(scaled, window).astype(np.float32)
        windows[f"train_{i}"] = windows[f"all_{i}"][:learnt(case) - window + 1]
    np.savez(folder / "in.npz", **windows)
    script = Path(__file__).parent / "peers_series.py"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if "PEERS_PATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PEERS_PATH"]
    subprocess.run([python, str(script), str(folder / "in.npz"), str(folder / "out.npz")],
                   check=True, env=environment)
    outputs = np.load(folder / "out.npz")
    for i, case in enumerate(cases):
        for key, method in (("iforest", "pyod Isolation Forest"),
                            ("autoencoder", "pyod AutoEncoder")):
            scores = np.pad(outputs[f"{key}_{i}"], (window - 1, 0), mode="edge")
            put(case, method, scores)


def best_threshold(cases: list[Case], method: str, profile: str) -> tuple[float, np.ndarray]:
    """Where the benchmark's score of all series is best, and each one's raw score there."""
    weights = PROFILES[profile]
    highest = np.concatenate([case.rarity[method][case.begin:] for case in cases])
    tried = np.unique(np.quantile(highest, 1 - np.geomspace(1e-5, 0.1, 100)))
    rows = [np.array([raw_score(case.rarity[method] > at, case.windows, case.begin, weights)
                      for case in cases]) for at in tried]
    best = int(np.argmax([row.sum() for row in rows]))
    return float(tried[best]), rows[best]


def counted(cases: list[Case], method: str) -> np.ndarray:
    """(S, 6) of each series, of scores as rare as RARE: abnormal steps, right ones, labelled ones,
    abnormal stretches, right ones, windows found."""
    rows = []
    for case in cases:
        flags = case.rarity[method] > -np.log(RARE)
        flags[:case.begin] = False
        label = np.zeros(len(flags), bool)
        for first, last in case.windows:
            label[first:last + 1] = True
        stretches = runs(flags)
        rows.append([flags.sum(), (flags & label).sum(), label[case.begin:].sum(), len(stretches),
                     sum(label[a:b].any() for a, b in stretches),
                     sum(flags[a:b + 1].any() for a, b in case.windows)])
    return np.array(rows, float)


def rates(rows: np.ndarray, windows: int) -> list[float]:
    """Precision, recall, F1 of steps; the same of stretches and windows."""
    steps, right, labelled, stretches, good, detected = rows.sum(0)
    point = right / max(steps, 1), right / max(labelled, 1)
    wide = good / max(stretches, 1), detected / max(windows, 1)
    return [*point, f1(*point), *wide, f1(*wide)]


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / max(precision + recall, 1e-12)


def interval(values: list[float], digits: int) -> str:
    low, high = np.quantile(values, (0.025, 0.975))
    return f"({low:.{digits}f} to {high:.{digits}f})"


def table(cases: list[Case]) -> None:
    windows = np.array([len(case.windows) for case in cases])
    random = np.random.default_rng(0)
    draws = [d for d in random.integers(0, len(cases), (DRAWS, len(cases))) if windows[d].sum()]
    heads = [*PROFILES, "precision of steps", "recall", "F1", "precision of stretches",
             "windows found", "F1"]
    print(f"| detector | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    for method in cases[0].rarity:
        cells = []
        for profile, weights in PROFILES.items():
            _, raw = best_threshold(cases, method, profile)
            drawn = [normalised(raw[d], windows[d], weights) for d in draws]
            cells.append(f"{normalised(raw, windows, weights):.1f} {interval(drawn, 1)}")
        rows = counted(cases, method)
        drawn_rates = np.array([rates(rows[d], int(windows[d].sum())) for d in draws])
        cells += [f"{value:.2f} {interval(list(drawn), 2)}" for value, drawn in zip(
            rates(rows, int(windows.sum())), drawn_rates.T, strict=True)]
        print(f"| {method} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default="", help="a Python that has pyod")
    parser.add_argument("--quick", action="store_true", help="five series, few epochs")
    parser.add_argument("--window", type=int, default=32)
    options = parser.parse_args()
    names = QUICK if options.quick else [name.rpartition("/")[2] for name in nab_names()]
    cases = [case_of(name) for name in names]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if options.peers:
            peers(cases, options.window, options.peers, folder)
        for case in track(cases, len(cases), "training"):
            ours(case, options.window, folder, 5 if options.quick else 30)
            z_score(case)
    print(f"\n{len(cases)} series, {sum(len(c.windows) for c in cases)} labelled windows, windows "
          f"of {options.window} steps\n")
    table(cases)


if __name__ == "__main__":
    sys.exit(main())
