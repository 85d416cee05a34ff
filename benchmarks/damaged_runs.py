"""Damage the files of a run in many ways, use the run, and count what happens.

    python benchmarks/damaged_runs.py [--count 10000] [--seed 0]

Each time, one file of a run's folder is cut short, flipped in places, emptied, replaced by another
file's content, by text or by zeros, replaced by a link, or removed. Then the run is used from
Python: loaded, encoded with, sampled from, its settings read, its snapshot opened. The outcome is
right (the answers of the whole run), refused (ValueError or OSError, as the command line turns
into a line and exit code 2), wrong (other answers without a word), or a crash (any other error).
Files outside the folder are watched: none may change.
"""

import argparse
import collections
import contextlib
import os
import random
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np

import hourglass as hg
from hourglass.analysis.snapshot import Outdated, load_snapshot
from hourglass.run.folder import open_run, read_settings
from hourglass.run.settings import make_settings

KINDS = ("cut", "flip", "empty", "swap", "text", "zeros", "link", "remove")


def damage(folder: Path, kind: str, draw: random.Random, outside: Path) -> Path:
    """Do it to one file of the folder; returns which."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    file = draw.choice(files)
    raw = bytearray(file.read_bytes())
    if kind == "cut":
        file.write_bytes(raw[:draw.randrange(len(raw) + 1)])
    elif kind == "flip":
        for _ in range(draw.choice((1, 1, 8))):
            if raw:
                raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        file.write_bytes(raw)
    elif kind == "swap":
        file.write_bytes(draw.choice(files).read_bytes())
    elif kind == "link":
        file.unlink()
        file.symlink_to(outside)
    elif kind == "remove":
        file.unlink()
    else:
        file.write_bytes({"empty": b"", "text": b"=1+1\n" * 9, "zeros": bytes(len(raw))}[kind])
    return file


def use(folder: Path, x: np.ndarray) -> list[np.ndarray]:
    """What a run answers."""
    run = open_run(folder)
    make_settings(read_settings(run.settings))
    run.read_record()
    run.read_history()
    model = hg.load(folder)
    with contextlib.suppress(Outdated):   # it would be taken anew
        load_snapshot(run.snapshot)
    return [model.encode(x), model.sample(3, seed=1, prior="own"),
            model.sample(3, seed=1, prior="mixture")]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--count", type=int, default=10_000)
    asked.add_argument("--seed", type=int, default=0)
    told = asked.parse_args()
    warnings.simplefilter("ignore")
    draw = random.Random(told.seed)
    rows = np.random.default_rng(0).integers(0, 2, (60, 10, 1), np.uint8) * 200
    x = np.repeat(rows, 10, axis=2)
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        np.save("x.npy", x)
        hg.train("x.npy", out="whole", model="vae(2)", backbone="mlp((8,))", epochs=2, quiet=True,
                 report=True, batch_size=16)
        right = use(Path("whole"), x)
        outside = Path("mine.txt").resolve()
        outside.write_text("mine")
        counts: collections.Counter[tuple[str, str]] = collections.Counter()
        for number in range(told.count):
            kind = KINDS[number % len(KINDS)]
            shutil.rmtree("run", ignore_errors=True)
            shutil.copytree("whole", "run")
            file = damage(Path("run"), kind, draw, outside)
            try:
                found = use(Path("run"), x)
                same = all(np.array_equal(a, b) for a, b in zip(found, right, strict=True))
                outcome = "right" if same else "wrong"
            except (ValueError, OSError):
                outcome = "refused"
            except Exception as error:   # what must not be
                outcome = f"crash: {type(error).__name__} ({file.name})"
            if outside.read_text() != "mine" or set(os.listdir()) != {
                    "x.npy", "whole", "run", "mine.txt"}:
                outcome = "written outside"
                outside.write_text("mine")
            counts[kind, outcome] += 1
            if outcome not in ("right", "refused"):
                print(f"{number}: {kind} of {file}: {outcome}", flush=True)
    for (kind, outcome), count in sorted(counts.items()):
        print(f"{kind:8} {outcome:10} {count:6,}")


if __name__ == "__main__":
    main()
