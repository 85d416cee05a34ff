"""Kill workers of a search with SIGKILL at random moments, and compare with an undisturbed search.

    .venv/bin/python benchmarks/search_kills.py --count 10 --storage journal --workers 1
    .venv/bin/python benchmarks/search_kills.py --count 10 --storage postgres --workers 2

A worker is a command of its own, and all share one study. After a random time, one of them is
killed, half of the time together with the process of its trial, and another worker starts. At the
end, no trial may be lost, still running, or reported twice. One worker must end with the table of
the undisturbed search. With several, the order of proposals depends on the time, so all
configurations of a small space are tried: each must have the value that it has in the undisturbed
search, and the best is the same.
PostgreSQL is that of HOURGLASS_POSTGRES, or a server that starts for this.
"""

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres_server

from hourglass.searching.open_records import records_in
from hourglass.searching.study_folder import StudyFolder

ONE = ["--model", "ae({2..30})", "--lr", "{1e-4..1e-1}", "--backbone", "mlp({16..128})"]
SEVERAL = ["--model", "ae({2..9})", "--backbone", "mlp(64)"]   # all 8 are tried
FLAGS = ["digits", "--precision", "32-true", "--epochs", "40", "--stop", "none", "--prune", "none",
         "--metric", "mse"]
LIMIT = 1800.0   # seconds that all may take


def worker(*words: str) -> subprocess.Popen[bytes]:
    """A command that searches, in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "hourglass", "search", *words],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            start_new_session=True)


def children_of(process: int) -> list[int]:
    """The processes that a process has started."""
    return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def is_busy(process: subprocess.Popen[bytes]) -> bool:
    """Whether a worker has begun to train."""
    return process.poll() is None and bool(children_of(process.pid))


def kill(process: subprocess.Popen[bytes], also_trials: bool) -> None:
    """Kill a worker, and the processes of its trials if so asked."""
    victims = children_of(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    for victim in victims if also_trials else ():
        os.kill(victim, signal.SIGKILL)
    process.wait()


def disturbed(given: argparse.Namespace, folder: Path, flags: list[str]) -> int:
    """Search with workers that are killed; how many kills there were."""
    chosen, killed, until = random.Random(given.seed), 0, time.monotonic() + LIMIT
    password = [] if given.url == "" else ["--storage", given.url]
    workers = [worker(*flags, *password, "--out", str(folder))]
    while workers and time.monotonic() < until:
        time.sleep(chosen.uniform(0.2, 4.0) if killed < given.count else 0.5)
        busy = [process for process in workers if is_busy(process)]
        if killed < given.count and busy:
            victim = chosen.choice(busy)
            kill(victim, chosen.random() < 0.5)
            killed += 1
            workers.remove(victim)
            print(f"kill {killed} of {given.count}", file=sys.stderr)
        for ended in [process for process in workers if process.poll() is not None]:
            if ended.returncode and killed < given.count + 1:
                print(ended.stderr.read().decode()[-500:], file=sys.stderr)
                raise SystemExit(f"a worker ended with code {ended.returncode}")
            workers.remove(ended)
        over = not workers and is_over(folder, given)
        while (folder / "trials").is_dir() and len(workers) < given.workers and not over and (
                killed < given.count or not workers):
            workers.append(worker(str(folder), *password))
    return killed


def is_over(folder: Path, given: argparse.Namespace) -> bool:
    """Whether every trial has ended, and no kill can come any more."""
    table = table_of(folder)
    return len([row for row in table if row["state"] == "finished"]) >= given.trials


def table_of(folder: Path) -> list[dict[str, str]]:
    """The rows of a study's table."""
    path = folder / "trials.csv"
    return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []


def compared(given: argparse.Namespace, folder: Path, apart: Path) -> str:
    """What was lost, and whether the results are those of the undisturbed search."""
    records = records_in(StudyFolder(folder))
    trained = records.of_state("finished")
    numbers = [trial.number for trial in records.trials]
    texts = [tuple(trial.texts.items()) for trial in trained]
    lost = len({*range(len(numbers))} - {*numbers}) + len(records.of_state("running", "failed"))
    lost += max(0, given.trials - len(trained))
    undisturbed = records_in(StudyFolder(apart))

    def values(of: Any) -> Any:
        pairs = [(tuple(t.texts.items()), t.values) for t in of.of_state("finished")]
        return pairs if given.workers == 1 else sorted(pairs)
    best, other = records.best, undisturbed.best
    same = best is not None and other is not None and (best.texts, best.values) == (
        other.texts, other.values)
    return (f"{len(trained)} trials trained, lost {lost}, trained twice "
            f"{len(texts) - len(set(texts))}, all values the same: "
            f"{values(records) == values(undisturbed)}, the same best: {same}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--storage", choices=("journal", "postgres"), default="journal")
    given = parser.parse_args()
    if given.workers > 1:
        given.trials = 8
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        given.url, own = "", None
        if given.storage == "postgres":
            given.url = os.environ.get("HOURGLASS_POSTGRES", "")
            if not given.url:
                own = Path(tempfile.mkdtemp(dir="/tmp"))
                given.url = postgres_server.start(own)
            os.environ["HOURGLASS_STORAGE_PASSWORD"] = postgres_server.PASSWORD
        try:
            flags = [*FLAGS, *(ONE if given.workers == 1 else SEVERAL), "--trials",
                     str(given.trials)]
            apart = worker(*flags, "--out", f"{place}/apart")
            if apart.wait():
                raise SystemExit(apart.stderr.read().decode()[-500:])
            killed = disturbed(given, Path(place) / "study", flags)
            print(f"{given.storage}, {given.workers} workers, {killed} kills: "
                  f"{compared(given, Path(place) / 'study', Path(place) / 'apart')}")
        finally:
            if own:
                postgres_server.stop(own)


if __name__ == "__main__":
    main()
