"""Kill commands with SIGKILL at random moments, run them again, and compare with undisturbed ones.

    nice python benchmarks/killed.py [--count 100] [--seed 0] [--only train,prior]

Every command runs in a process forked for it, with a checkpoint after every epoch, and is killed
after a random share of the time that it takes. Then all weights in the folder must load, and no
file of the run may be incomplete. The command, given again or with --resume, must end as the
undisturbed one did: the same bytes of weights, arrays, samples and scores, the same epochs, metrics
and figures, the same reason for its end. The moments follow from the seed, which is printed, and
from how busy the machine is. The table says how many kills of each command came before its first
file was written, between two files, and after the last one. If a command ends before its kill,
another one is drawn.
"""

import argparse
import collections
import importlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import forked
import numpy as np
from PIL import Image

from hourglass.cli.main import main as command_line
from hourglass.run.folder import RunFolder, is_run
from hourglass.run.weights import read_model
from hourglass.training import train as training

TRAIN = ("train x.npy --model vae(2) --backbone mlp((8,)) --epochs 30 --batch-size 16 "
         "--precision 32-true --out run --no-report")


class Task(NamedTuple):
    """A command, how it is given again, and what it must have written in the end."""

    command: str
    again: str
    result: Callable[[], dict[str, bytes]]


def of(*names: str) -> Callable[[], dict[str, bytes]]:
    """What files hold."""
    return lambda: {name: Path(name).read_bytes() for name in names}


def trained() -> dict[str, bytes]:
    """The weights, the epochs without their times, and how training ended."""
    run = RunFolder(Path("run"))
    record = run.read_record()
    rows = [{name: value for name, value in row.items() if "second" not in name}
            for row in run.read_history()]
    ended = [record.get(name) for name in ("epochs", "best_epoch", "steps", "ended")]
    return {"history": repr(rows).encode(), "end": repr(ended).encode(),
            **of("run/model.safetensors", "run/codes.safetensors")()}


def is_page(name: str) -> bytes:
    """Whether there is a whole page."""
    return str(Path(name).read_text().rstrip().endswith("</html>")).encode()


def reported() -> dict[str, bytes]:
    """The metrics of a report, the weights that it is for, its figures and its page."""
    figures = sorted(path.name for path in Path("run/figures").glob("*.png"))
    return {"metrics": repr(RunFolder(Path("run")).read_record()["metrics"]).encode(),
            "figures": repr(figures).encode(), "page": is_page("run/report.html"),
            **of("run/model.safetensors")()}


def compared() -> dict[str, bytes]:
    """That there is a page, and that both runs are as they were."""
    return {"page": is_page("c.html"),
            **of("run/model.safetensors", "other/model.safetensors", "run/settings.toml")()}


TASKS = {
    "train": Task(TRAIN, "train run --resume --no-report", trained),
    "resume": Task("train run --resume --epochs 60 --no-report",
                   "train run --resume --epochs 60 --no-report", trained),
    "prepare": Task(*2 * ["data prepare photos -o p.npy --size 8"], of("p.npy", "p.npy.json")),
    "report": Task(*2 * ["report run --priors own"], reported),
    "compare": Task(*2 * ["compare run other -o c.html"], compared),
    "prior": Task(*2 * ["generate run -n 4 --prior mixture(2) -o g.png"], of("g.png")),
    "detector": Task(*2 * ["score run x.npy --detector knn(5) -o s.csv"], of("s.csv")),
}
WEIGHTS = {"train": 4, "resume": 4, "prepare": 2, "report": 3, "compare": 3, "prior": 3,
           "detector": 3}
OVER = re.compile(r"this run has (finished|stopped|used)")   # its training, before the kill


def start(command: str) -> int:
    """Give a command in a process of its own; its number."""
    def act() -> None:
        training.SHORTEST = training.PATIENCE = 0.0   # a checkpoint an epoch
        sys.argv = ["hourglass", *command.split()]
        command_line()
    return forked.start(act, Path("modules.txt"))


def finish(command: str) -> tuple[int, str]:
    """Give a command and wait; its exit code and its words."""
    return forked.finish(start(command))


def folder() -> None:
    """A folder with data and two trained runs; what commands import is imported."""
    rows = np.random.default_rng(0).integers(0, 2, (60, 10, 1), np.uint8) * 200
    images = np.repeat(rows, 10, axis=2)
    np.save("x.npy", images)
    Path("photos").mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(f"photos/{i:03}.png")
    code, said = finish(TRAIN)
    assert code == 0, said
    shutil.copytree("run", "other")


def preload() -> None:
    """Import what the last command imported, so that the next one need not."""
    for name in Path("modules.txt").read_text().split():
        if name not in sys.modules and name not in ("__mp_main__", "__main__"):
            try:
                importlib.import_module(name)
            except Exception:   # modules that need others, or are made at run time
                continue


def fresh(place: Path, name: str) -> None:
    """Here, a copy of that folder, as the task begins with it."""
    for path in Path().iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(place, ".", dirs_exist_ok=True)
    if name == "train":
        shutil.rmtree("run")


def faults(name: str, right: dict[str, bytes]) -> str:
    """What is wrong after a kill, or "" if nothing is."""
    run, task = RunFolder(Path("run")), TASKS[name]
    try:
        if run.model.exists():
            read_model(run)
        if is_run(run.path):
            run.read_record()
        begun = name == "train" and is_run(run.path)
        if name == "train" and not begun:   # killed before the run was one
            shutil.rmtree("run", ignore_errors=True)
        code, said = finish(task.again if begun or name != "train" else task.command)
        if code not in (0, 1) and not OVER.search(said):
            return f"exit code {code}: {said[-300:]}"
        wrong = [key for key, value in task.result().items() if right[key] != value]
        return f"{', '.join(wrong)} differ" if wrong else ""
    except (OSError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}"


def files() -> dict[str, tuple[int, int]]:
    """Every file here, and which one it is: a file that is written whole is another one."""
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in Path().rglob("*") if path.is_file() and path != forked.SAID
            and path.suffix != ".part" and path.name != "lock"}


def moment_of(before: dict[str, tuple[int, int]], killed: bool, last: set[str]) -> str:
    """Between which files a command was killed; `last` are those that an undisturbed one wrote."""
    now = files()
    changed = {name for name in {*before, *now} if before.get(name) != now.get(name)}
    return ("ended" if not killed else "before" if not changed else
            "after" if last <= changed else "between")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="these tasks, with commas")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(TASKS)
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    moments: collections.Counter[tuple[str, str]] = collections.Counter()
    with tempfile.TemporaryDirectory() as root:
        place, work = Path(root) / "whole", Path(root) / "work"
        for path in (place, work):
            path.mkdir()
        os.chdir(place)
        folder()
        preload()
        os.chdir(work)
        right, took, last = {}, {}, {}
        for name in names:
            fresh(place, name)
            finish(TASKS[name].command)
            preload()
            fresh(place, name)
            before, begun = files(), time.monotonic()
            code, said = finish(TASKS[name].command)
            assert code in (0, 1), (name, said)
            took[name], right[name] = time.monotonic() - begun, TASKS[name].result()
            last[name] = {file for file, state in files().items() if before.get(file) != state}
        print(f"seed {options.seed}; seconds of each: "
              f"{', '.join(f'{n} {t:.2f}' for n, t in took.items())}", flush=True)
        draw = random.Random(options.seed)
        number = 0
        while sum(counts.values()) < options.count and number < 4 * options.count:
            number += 1
            name = draw.choices(names, [WEIGHTS[n] for n in names])[0]
            moment = draw.random() * took[name]
            fresh(place, name)
            before, process = files(), start(TASKS[name].command)
            time.sleep(moment)
            os.kill(process, signal.SIGKILL)
            killed = os.WIFSIGNALED(os.waitpid(process, 0)[1])
            moments[name, moment_of(before, killed, last[name])] += 1
            if not killed:
                continue
            wrong = faults(name, right[name])
            counts[name, "wrong" if wrong else "right"] += 1
            if wrong:
                print(f"{number}: {name}, killed after {moment:.3f} s: {wrong}", flush=True)
        os.chdir("/")
    print("| command | killed | before its files | between them | after them | too late | wrong |\n"
          "|---|---|---|---|---|---|---|")
    for name in names:
        row = [moments[name, place] for place in ("before", "between", "after", "ended")]
        print(f"| {name} | {sum(row[:3])} | {' | '.join(map(str, row))} | "
              f"{counts[name, 'wrong']} |")
    wrong = sum(count for (_, verdict), count in counts.items() if verdict == "wrong")
    print(f"{sum(counts.values())} in all, {wrong} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
