"""How like the set are draws from each prior, and of the class that was asked for? A table.

    python benchmarks/priors.py RUN [RUN ...]

A run's data must have labels: the features are of a classifier trained on them
(hourglass/analysis/feature_extractor.py).
"""

import sys
from pathlib import Path

from hourglass.analysis.report import write_report
from hourglass.analysis.snapshot import load_snapshot
from hourglass.run.folder import open_run, read_toml

PRIORS = ("own", "uniform", "per_class", "per_class(scale=0.5)", "kde", "mixture", "flow",
          "diffusion", "diffusion(guidance=2)")
COLUMNS = ("asked", "frechet", "kernel", "precision", "recall", "density", "coverage")


def cell(metrics: dict, intervals: dict, name: str) -> str:
    if name not in metrics:
        return ""
    low, high = intervals.get(name, (None, None))
    around = "" if low is None else f" ({low:.3g} to {high:.3g})"
    return f"{metrics[name]:.3g}{around}"


def main() -> None:
    for run in map(Path, sys.argv[1:]):
        folder = open_run(run)
        write_report(folder, PRIORS)
        record, snapshot = folder.read_record(), load_snapshot(folder.snapshot)
        metrics, intervals = record["metrics"], record["intervals"]
        print(f"\n{read_toml(folder.settings)['model']}, {record['epochs']} epochs; "
              f"{snapshot.judge}\n")
        print(f"| prior | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 1)}")
        for prior in PRIORS:
            cells = [cell(metrics, intervals, f"{prior}/{name}") for name in COLUMNS]
            print(f"| `{prior}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
