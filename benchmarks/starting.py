"""How long commands take to start, as multiples of an interpreter that does nothing.

    .venv/bin/python benchmarks/starting.py [--rounds 9]

Each command runs in turn with `python -c pass`, and the figure is the median over rounds of the
ratio of their processor times (user and system). The commands that apply a model also stand beside
`python -c "import torch"`, which none of them can do without. The first round is not counted: in
it Python compiles the modules.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

BARE = ["-c", "pass"]
TORCH = ["-c", "import torch"]
STARTS = {"hourglass --help": ["-m", "hourglass", "--help"],
          "hourglass train --help": ["-m", "hourglass", "train", "--help"],
          "import hourglass": ["-c", "import hourglass"], "import torch": TORCH}
APPLIED = {"embed": ["embed", "run", "digits", "-o", "codes.csv"],
           "reconstruct": ["reconstruct", "run", "digits", "-o", "again"],
           "generate": ["generate", "run", "-n", "4", "-o", "drawn.png"],
           "score": ["score", "run", "digits", "-o", "scores.csv"]}


def seconds(words: list[str], folder: str) -> tuple[float, float]:
    """Processor and wall seconds of a Python process with these arguments."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, *words], cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):   # score: 1 where some are abnormal
        raise SystemExit(f"{' '.join(words)} failed")
    return used.ru_utime + used.ru_stime, time.monotonic() - begun


def ratios(words: list[str], other: list[str], rounds: int, folder: str) -> tuple[float, float]:
    """The median ratios of processor and of wall time, the two in turn."""
    pairs = [(seconds(words, folder), seconds(other, folder)) for _ in range(rounds + 1)][1:]
    cpu, wall = (statistics.median(a[i] / b[i] for a, b in pairs) for i in (0, 1))
    return cpu, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "hourglass", "train", "digits", "--no-report",
                        "--epochs", "2", "--out", "run"], cwd=folder, check=True,
                       capture_output=True)
        print(f"{'':24}{'cpu':>8}{'wall':>8}   times python -c pass")
        for name, words in STARTS.items():
            cpu, wall = ratios(words, BARE, rounds, folder)
            print(f"{name:24}{cpu:8.2f}{wall:8.2f}")
        print(f"{'':24}{'cpu':>8}{'wall':>8}   times import torch")
        for name, words in APPLIED.items():
            cpu, wall = ratios(["-m", "hourglass", *words], TORCH, rounds, folder)
            print(f"{'hourglass ' + name:24}{cpu:8.2f}{wall:8.2f}", flush=True)


if __name__ == "__main__":
    main()
