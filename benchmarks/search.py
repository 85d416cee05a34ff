"""What a search costs: trials an hour with and without pruning, the time around each training, and
the page of a large study. What kills lose is in search_kills.py.

    .venv/bin/python benchmarks/search.py pruning --trials 30 --pruners none,asha
    .venv/bin/python benchmarks/search.py overhead
    .venv/bin/python benchmarks/search.py page --trials 2000
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SMALL = ["digits", "--model", "ae({2..30})", "--lr", "{1e-4..1e-1}", "--backbone", "mlp({16..128})",
         "--precision", "32-true"]


def searched(folder: Path, *flags: str) -> list[dict[str, str]]:
    """Search with these flags; the rows of its table."""
    subprocess.run([sys.executable, "-m", "hourglass", "search", *flags, "--out", str(folder)],
                   check=True, stdout=subprocess.DEVNULL)
    return rows_of(folder)


def rows_of(folder: Path) -> list[dict[str, str]]:
    """The rows of a study's table."""
    with open(folder / "trials.csv", newline="") as table:
        return list(csv.DictReader(table))


def pruning(given: argparse.Namespace, place: Path) -> None:
    """The same search with each pruner, up to a number of trials or minutes: the best value, and
    the trials per hour of CPU time, which other programs do not change."""
    print("pruner     trials  finished  epochs  CPU s  trials/CPU hour  best val_mse")
    until = ["--trials", str(given.trials)] if not given.minutes else [
        "--minutes", str(given.minutes)]
    for prune in given.pruners.split(","):
        before = spent()
        table = searched(place / prune, *SMALL, "--epochs", "27", "--stop", "none", "--metric",
                         "mse", *until, "--prune", prune, "--seed", str(given.seed))
        took = spent() - before
        ended = [row for row in table if row["state"] in ("finished", "pruned")]
        done = [float(row["val_mse"]) for row in table if row["state"] == "finished"]
        epochs = sum(int(row["epochs"]) for row in ended)
        print(f"{prune:10} {len(ended):6} {len(done):9} {epochs:7} {took:6.1f} "
              f"{3600 * len(ended) / took:16,.0f} {min(done, default=float('nan')):13.5f}",
              flush=True)


def spent() -> float:
    """The processor's seconds of all commands so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def overhead(given: argparse.Namespace, place: Path) -> None:
    """The seconds of a trial and of its training, from the ends of successive trials. Also the CPU
    seconds of a trial of one epoch, which other programs do not change."""
    took = []
    for trials in (12, 32):   # the page shows ten trials in each
        before = spent()
        searched(place / f"cpu{trials}", *SMALL, "--epochs", "1", "--prune", "none", "--trials",
                 str(trials))
        took.append(spent() - before)
    print(f"a trial of one epoch (10 steps) takes {(took[1] - took[0]) / 20:.2f} s of CPU in all",
          flush=True)
    table = searched(place / "study", *SMALL, "--epochs", str(given.epochs), "--stop", "none",
                     "--prune", "none", "--trials", str(given.trials))
    journal = (place / "study" / "journal.log").read_text().splitlines()
    ends = [line["datetime_complete"] for line in map(json.loads, journal)
            if line["op_code"] == 6 and line.get("datetime_complete")]
    from datetime import datetime
    times = [datetime.fromisoformat(end).timestamp() for end in ends]
    training = [float(row["seconds"]) for row in table if row["state"] == "finished"][1:]
    around = np.diff(times)[:len(training)] - np.array(training)
    print(f"{len(training)} trials of {np.median(training):.2f} s of training: "
          f"{np.median(around):.2f} s around each (median), {around.max():.2f} s at most; load "
          f"{os.getloadavg()[0]:.1f}")


def page(given: argparse.Namespace, place: Path) -> None:
    """The page of a large study: its size, and the seconds to write it and to open it."""
    from hourglass.searching.aims import Aim
    from hourglass.searching.page import write_page
    from hourglass.searching.records import Records, TrialRecord
    from hourglass.searching.study_folder import SearchOptions, new_study
    random_ = np.random.default_rng(0)
    folder = new_study(place / "study", SearchOptions(metric="val_mse", trials=given.trials),
                       {"data": "digits"})
    holes = {"model.dim": "2 to 30", "lr": "0.0001 to 0.1, log scale", "backbone": "mlp or conv",
             **{f"loss.term{i}": "0.0 to 1.0" for i in range(6)}}

    def trial(number: int) -> TrialRecord:
        params = {"model.dim": int(random_.integers(2, 31)), "lr": float(10 ** random_.uniform(
            -4, -1)), "backbone": str(random_.choice(["mlp", "conv"])),
            **{f"loss.term{i}": float(random_.random()) for i in range(6)}}
        pruned = bool(random_.random() < 0.6)
        curve = {e: 1 / (e + params["model.dim"]) + 0.01 * random_.random() for e in range(1, 10)}
        return TrialRecord(number, "pruned" if pruned else "finished", () if pruned else (
            curve[9],), params, {"lr": f"{params['lr']:.4g}"}, (1000, 1000, 1000), 9, 1.0,
            reported=dict(list(curve.items())[:3 if pruned else 9]))
    records = Records(folder, (Aim("val_mse"),), tuple(map(trial, range(given.trials))), holes)
    started = time.perf_counter()
    path = write_page(records)
    print(f"{given.trials:,} trials: written in {time.perf_counter() - started:.1f} s, "
          f"{path.stat().st_size / 2**20:.1f} MiB; opened in {opened(path)}")


def opened(path: Path) -> str:
    """How long Chromium takes to load a page, with all its pictures."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return "(needs playwright)"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium",
                                         args=["--no-sandbox"])
        tab, started = browser.new_page(), time.perf_counter()
        tab.goto(f"file://{path}")
        tab.wait_for_load_state("load")
        took = time.perf_counter() - started
        browser.close()
    return f"{took:.2f} s"


WAYS: dict[str, Callable[[argparse.Namespace, Path], None]] = {
    "pruning": pruning, "overhead": overhead, "page": page}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=WAYS)
    parser.add_argument("--minutes", type=float, default=0.0, help="of each pruner; 0: --trials")
    parser.add_argument("--pruners", default="none,asha,hyperband,median")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        WAYS[given.what](given, Path(folder))


if __name__ == "__main__":
    main()
