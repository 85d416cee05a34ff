"""Every default compared with a simple method for the same task: one table.

    python benchmarks/baselines.py --folder runs/baselines
    python benchmarks/baselines.py --quick            # a minute, to see that it works
    python benchmarks/baselines.py --only mnist,odds  # rows whose names begin so

The data lies in HOURGLASS_DATA. Each row trains as a first user does, with only the arguments that
its call shows, and compares unseen samples. A row takes one core some minutes at most. Finished
rows are kept in the folder, so that a run in pieces prints one table. A default is better or worse
than a baseline if all seeds agree. If several baselines are measured, the table shows the one that
did best on the test, which favours it. The last column holds the lines of the first
seed that say how good the model is: of `train`, and of `score` where it is given labels.
"""

import argparse
import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import baseline_measures as by
import numpy as np
from tables import tables

from hourglass.core.console import say

ODDS = ("cardio", "glass", "ionosphere", "letter", "mammography", "pima", "satellite", "thyroid",
        "vowels", "wbc")
ERROR, PSNR, AUROC = "squared error", "PSNR, dB", "AUROC"
CELLS = "error, that of column means being 1"


@dataclass(frozen=True)
class Row:
    """A data set, what is done there, and how both sides are measured."""

    data: str
    job: str
    call: str
    figure: str
    measure: Callable[[by.Asked, int], by.Outcome]
    seeds: int = 1

    @property
    def more(self) -> bool:
        """Whether a larger figure is better."""
        return self.figure in (PSNR, AUROC)


def rows() -> dict[str, Row]:
    """All rows of the table, by name."""
    table = {}
    for name, data, epochs, settings in (
            ("mnist", "mnist()", 2, {}), ("notmnist", "notmnist", 6, {}),
            ("cifar", "{root}/cifar10-jpeg.zip", 6, {}), ("faces", "celeba()", 30, {"size": "48"})):
        said = "".join(f", {key}={value!r}" for key, value in settings.items())
        table[name] = Row(name, "reconstruct", f"hg.train({name!r}{said}, epochs={epochs})", ERROR,
                          by.reconstruct(data, epochs, **settings))
    for name, archive in (("tiles", "magnetic_tile"), ("DeepPCB", "deeppcb")):
        table[name.lower()] = Row(name, "detect", f"hg.train('{archive}.zip', epochs=40)", AUROC,
                                  by.defects(archive, 40), 2)
    series = "hg.train(series, kind='series', window=30)"
    table["skab-each"] = Row("SKAB, first 400 steps", "detect", series, AUROC, by.skab("each"))
    table["skab-free"] = Row("SKAB, no anomalies", "detect", series, AUROC, by.skab("free"))
    table["smap"] = Row("SMAP and MSL, 7 channels", "detect", series, AUROC, by.telemetry)
    table["ecg5000"] = Row("ECG5000, 200 normal beats", "detect",
                           "hg.train(x, kind='series')", AUROC, by.heartbeats, 3)
    for name in ODDS:
        table[f"odds-{name}"] = Row(f"ODDS {name}", "detect", "hg.train(table)", AUROC,
                                    by.outliers(name))
    for name, (make, share) in tables(by.root() / "tables").items():
        table[name] = Row(f"{name}, {share:.0%} hidden", "impute", "hg.train(table)", CELLS,
                          by.impute(make, share))
    table["movielens"] = Row("MovieLens, films with 50 ratings, 10% hidden", "impute",
                             "hg.train(table)", CELLS, by.impute(by.films, 0.1))
    table["noise"] = Row(
        "faces with noise", "denoise", f"hg.train('faces', size='48', corruption='noise({by.NOISE},"
        f" clip=True)', epochs=4)", PSNR, by.denoise("celeba()", 4, size="48"))
    return table


def measured(row: Row, asked: by.Asked) -> dict[str, Any]:
    """A row's figures, as JSON holds them."""
    begun = time.process_time()
    outcomes = [asdict(row.measure(asked, seed)) for seed in range(1 if asked.quick else row.seeds)]
    return {"outcomes": outcomes, "seconds": round(time.process_time() - begun)}


def line(row: Row, held: dict[str, Any]) -> str:
    """The row of the table."""
    outcomes = held["outcomes"]
    ours = np.array([outcome["ours"] for outcome in outcomes])
    others = {name: np.array([outcome["others"][name] for outcome in outcomes])
              for name in outcomes[0]["others"] if all(name in o["others"] for o in outcomes)}
    messages = [text for text in outcomes[0].get("told", [])
                if "fills in these columns" not in text or row.job == "impute"]
    best = (max if row.more else min)(others, key=lambda name: others[name].mean())
    gain = (ours - others[best]) * (1 if row.more else -1)
    verdict = "better" if gain.min() > 0 else "**worse**" if gain.max() < 0 else "even"
    return (f"| {row.data} | {row.job} | `{row.call}` | {row.figure} | {shown(ours)} | {best} "
            f"{shown(others[best])} | {verdict} | {said(messages)} |")


def said(told: list[str]) -> str:
    """Messages to the user, for a cell of the table."""
    lines = (re.sub(r"/\S*/run\b", "RUN", text).replace("|", "/") for text in told)
    return "; ".join(dict.fromkeys(text.rstrip(".") for text in lines)) or "nothing"


def shown(values: np.ndarray) -> str:
    """The mean of the seeds' figures, and their range where there are several."""
    mean = f"{values.mean():.3g}"
    return mean if len(values) == 1 else f"{mean} ({values.min():.3g} to {values.max():.3g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="where rows are kept, to go on from there")
    parser.add_argument("--only", default="", help="rows whose names begin so, with commas")
    parser.add_argument("--quick", action="store_true", help="seconds of everything")
    given = parser.parse_args()
    prefixes = tuple(name for name in given.only.split(",") if name)
    table = {name: row for name, row in rows().items() if not prefixes or name.startswith(prefixes)}
    if not table:
        parser.error(f"no row begins with {given.only}; there are {', '.join(rows())}")
    lines = []
    for name, row in table.items():
        kept = given.folder / f"{name}.json" if given.folder else None
        if kept is not None and kept.is_file():
            figures = json.loads(kept.read_text())
        else:
            figures = measured(row, by.Asked(given.quick))
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(figures, indent=1))
        lines.append(line(row, figures))
        say(f"{lines[-1]} {figures['seconds']} s of a core")
    print("| data | job | our default | figure | ours | best baseline | ours is | what the user is "
          "told |")
    print("|---" * 8 + "|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
