"""Forecasts of series beside the season before and the last value: a table.

    python benchmarks/forecasts.py [--epochs 60] [--only taxi,water]

Data of HOURGLASS_DATA: taxi rides in New York every half hour and an office's temperature every
hour (nab.zip), and the eight sensors of a water circuit every second (series/SKAB.zip, the
experiment without anomalies). Each is split by time: 80 % for training, 10 % for the choice of the
mix, 10 % for the errors below, which are root mean squares over channels in standard deviations of
the training part. The model is the default one, trained with the corruption future(AHEAD).
"""

import argparse
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np

import hourglass as hg
from hourglass.inference.forecasting import WAYS, fit_forecaster

SETS = {   # archive, member, its separator, window, steps ahead
    "taxi": ("nab.zip", "data/realKnownCause/nyc_taxi.csv", ",", 432, 48),
    "office": ("nab.zip", "data/realKnownCause/ambient_temperature_system_failure.csv", ",", 216,
               24),
    "water": ("series/SKAB.zip", "anomaly-free/anomaly-free.csv", ";", 96, 12)}


def measured(name: str, epochs: int, folder: Path) -> list[float]:
    """The errors of each way and of the mix."""
    archive, member, sep, window, ahead = SETS[name]
    with zipfile.ZipFile(Path(os.environ["HOURGLASS_DATA"]) / archive) as file:
        text = file.read(member).decode()
    (folder / f"{name}.csv").write_text(text.replace(sep, ","))
    model = hg.train(f"series('{folder / name}.csv', window={window})", epochs=epochs,
                     corruption=f"future({ahead})", out=folder / name, report=False, quiet=True)
    rows = fit_forecaster(model.trained, model.source(), ahead).measurements["rows"]
    std = np.array(model.source().encoding["std"])
    errors = np.array([[float(error) for error in row[2:6]] for row in rows]) / std[:, None]
    return np.sqrt(np.square(errors).mean(0)).tolist()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--only", default=",".join(SETS))
    args = parser.parse_args()
    print(f"| series | steps ahead | {' | '.join(WAYS)} | as forecast |")
    print("|---" * (len(WAYS) + 3) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only.split(","):
            errors = measured(name, args.epochs, Path(folder))
            print(f"| {name} | {SETS[name][4]} | {' | '.join(f'{e:.3f}' for e in errors)} |",
                  flush=True)


if __name__ == "__main__":
    main()
