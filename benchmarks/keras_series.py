"""Keras' example of anomalies in time series, with our parts: threshold and anomalous windows.

    python benchmarks/keras_series.py [--seeds 3] [--quick]

Trains the recipe `keras_series` on art_daily_small_noise (HOURGLASS_DATA/nab.zip), takes the
largest mean absolute error of a window of it as the threshold, as the example does, and counts the
windows of art_daily_jumpsup above it. There: 0.1233 and 394 windows, numbers 1654 and 2702 to 3094.
The example's validation part is the last tenth of overlapping windows, here it is the last tenth of
the steps; both scale by the mean and deviation of the training series.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import hourglass as hg
from hourglass.core.contracts import Collection


def errors(model: hg.Trained, name: str) -> np.ndarray:
    """(N,) mean absolute error of each window."""
    x = np.array(model.read(f"nab({name!r})").x)
    return np.abs(model.reconstruct(Collection(x)) - x).mean((1, 2))


def stretches(numbers: np.ndarray) -> str:
    """Numbers as people write them: "1654, 2702-3094"."""
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    texts = [f"{p[0]}-{p[-1]}" if len(p) > 1 else f"{p[0]}" for p in parts if len(p)]
    return ", ".join(texts if len(texts) < 8 else [*texts[:3], "...", *texts[-3:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one seed, two epochs")
    options = parser.parse_args()
    print("| | parameters | epochs | threshold | windows above it | which |")
    print("|---|---|---|---|---|---|")
    print("| published | 9,505 | | 0.1233 | 394 | 1654, 2702-3094 |")
    for seed in range(1 if options.quick else options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            model = hg.train(recipe="keras_series", seed=seed, out=Path(folder) / "run", quiet=True,
                             report=False, **({"epochs": 2} if options.quick else {}))
            epochs = len(model.folder.read_history())
            threshold = errors(model, "art_daily_small_noise").max()
            above = np.flatnonzero(errors(model, "art_daily_jumpsup") > threshold)
        count = sum(p.numel() for p in model.model.parameters() if p.requires_grad)
        print(f"| here, seed {seed} | {count:,} | {epochs} | {threshold:.4f} | {len(above)} | "
              f"{stretches(above)} |", flush=True)


if __name__ == "__main__":
    main()
