"""The best model of a search by AUROC, and the default model, on tables with outliers (ODDS).

    .venv/bin/python benchmarks/search_anomalies.py [--only cardio,letter] [--trials 30]

Both are trained on the same normal rows and measured on the same holdout: normal rows that neither
has seen, and the half of the outliers that the search has not used.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import baseline_measures as by
import pandas as pd

from hourglass.inference.trained import load
from hourglass.searching.auroc_objective import auroc
from hourglass.searching.study import Study

TABLES = ("cardio", "letter", "pima", "satellite", "vowels")
SPLITS = ["--only", "0", "--val", "0.2", "--test", "0.2", "--holdout", "0.2"]
SPACE = ["--model", "ae({2..32})", "--backbone", "mlp({16..256})", "--lr", "{3e-4..1e-2}",
         "--corruption", "{none|drop(0.2)|noise(0.3)}"]


def told(words: list[str], folder: Path) -> None:
    """Give a command in this folder."""
    done = subprocess.run([sys.executable, "-m", "hourglass", *words], cwd=folder,
                          capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-1000:])


def measured(name: str, trials: int, folder: Path) -> str:
    """The row of one table."""
    x, y = by.odds(name)
    pd.DataFrame(x).add_prefix("column ").assign(y=y).to_csv(folder / "rows.csv", index=False)
    data = "table('rows.csv', label='y')"
    told(["train", data, *SPLITS, "--no-report", "--out", "usual"], folder)
    told(["search", data, *SPLITS, *SPACE, "--metric", "auroc", "--trials", str(trials),
          "--workers", str(os.cpu_count() or 1), "--out", "study"], folder)
    usual = load(folder / "usual")
    source = usual.source()
    study = Study(folder / "study")
    best = {value.split: value for value in study.splits.values}
    _, val = auroc(usual, source, "val")
    _, own = auroc(usual, source, "holdout")
    last = best["holdout"]
    return (f"| {name} | {val.value:.3f} | {best['val'].value:.3f} | {own.value:.3f} "
            f"({own.low:.3f} to {own.high:.3f}) | {last.value:.3f} ({last.low:.3f} to "
            f"{last.high:.3f}) | {study.best.params} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(TABLES))
    parser.add_argument("--trials", type=int, default=30)
    given = parser.parse_args()
    print("| table | default, val | best of search, val | default, holdout | best, holdout | its "
          "settings |\n|---|---|---|---|---|---|")
    for name in given.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            print(measured(name, given.trials, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
