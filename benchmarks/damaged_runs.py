"""Damage the files of a run in many ways, give commands to it, and count what happens.

    nice python benchmarks/damaged_runs.py [--count 10000] [--seed 0] [--only "report run"]

Each time, one file of a run's folder, or of that of a classifier made of it, is cut short, flipped
in places, emptied, replaced by another file's content, by text or by zeros, replaced by a link, a
pipe or a folder, or removed. Then a command is given to it, in a process that is forked for it, as
is a use of it from Python, and a server that loads it and answers.
Outcomes:

- right: what was written is what the whole run writes;
- told: it is not, and a line says which file is damaged or what was done instead;
- refused: exit code 2, and a line or two;
- wrong: other results without a word; traceback; hang (a minute of work); outside: another file
  than those of the run and the output has changed.

The last four are faults. Each is printed with the number that `--number` runs again.
"""

import argparse
import asyncio
import collections
import contextlib
import filecmp
import importlib
import io
import os
import pickle
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import types
import warnings
from pathlib import Path

import forked
import numpy as np
from PIL import Image

import hourglass as hg
from hourglass.analysis.snapshot import Outdated, load_snapshot
from hourglass.cli.main import main as command_line
from hourglass.inference.trained import load
from hourglass.run.folder import open_run, read_settings
from hourglass.run.settings import make_settings

KINDS = ("cut", "flip", "empty", "swap", "text", "zeros", "link", "pipe", "folder", "remove")
LONGEST = 60   # seconds of the processor's time, or ten times as many of waiting: a hang
PYTHON, SERVER = "python run", "server run"   # the use from Python, and by a server
FOLDERS = ("run", "sorter")   # the run, and the classifier that is made of it
COMMANDS = {   # what is given to the run, and how often; all write into out/, which is compared
    PYTHON: 30, "embed run x.npy -o out/z.csv": 12, "score run x.npy -o out/s.csv": 12,
    "reconstruct run x.npy -o out": 6, "generate run -n 4 -o out/g.png": 12,
    "generate run -n 4 --prior mixture(2) -o out/g.png": 8,
    "embed run x.npy --duplicates -o out/d.csv": 6, "compress run x.npy -o out/x.hg": 3,
    "evaluate run --nll 4 --limit 8 -o out/e.csv": 3, "report run": 0.3,
    SERVER: 8, "restore run photos -o out": 5, "classify sorter x.npy -o out/k.csv": 5,
    "finetune run x.npz --steps 10 -o out/f": 3, "embed sorter x.npy -o out/k.csv": 2,
    "compare run other -o out/c.html": 0.3, "explore run -o out/x.html": 0.3, "summary run": 3,
    "train run --resume --epochs 3 --no-report": 4,
}
FINE = (0, 1)   # `score` ends with 1 where something is abnormal
WORDS = (r"damaged|again|no whole|not kept|anew|cannot be|stopped after|was stopped|has no "
         r"|is not|is gone|left out|no longer|changed|not of the same|differ")   # say what is amiss
FAULTS = ("wrong", "traceback", "hang", "outside")


def damage(folder: Path, kind: str, draw: random.Random, outside: Path) -> Path:
    """Do it to one file of the folder; returns which. Each kind of file comes as often."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    groups = collections.defaultdict(list)
    for path in files:
        groups[path.parent.name if path.suffix == ".png" else str(path)].append(path)
    file = draw.choice(groups[draw.choice(sorted(groups))])
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
    elif kind in ("link", "pipe", "folder", "remove"):
        file.unlink()
        if kind == "link":
            file.symlink_to(outside)
        elif kind == "pipe":
            os.mkfifo(file)
        elif kind == "folder":
            file.mkdir()
    else:
        file.write_bytes({"empty": b"", "text": b"=1+1\n" * 9, "zeros": bytes(len(raw))}[kind])
    return file


def use() -> None:
    """What a run answers in Python, written into out/."""
    folder = Path("run")
    run = open_run(folder)
    make_settings(read_settings(run.settings))
    said = repr((run.read_record(), run.read_history(), run.read_factors(),
                 read_settings(run.settings)))
    model = hg.load(folder)
    with contextlib.suppress(Outdated):   # it would be taken anew
        load_snapshot(run.snapshot)
    x = np.load("x.npy")
    np.savez("out/use.npz", model.encode(x), model.sample(3, seed=1, prior="own"),
             model.sample(3, seed=1, prior="mixture"), model.score(x), np.array(said))


def serve() -> None:
    """What a server of the run answers, written into out/."""
    from hourglass.serving.limits import Limits
    from hourglass.serving.service import ModelService
    model = load("run")
    desk, x = ModelService(model, Limits()), model.read("x.npy").x
    wish = types.SimpleNamespace(n=3, seed=1, prior="auto", temperature=1.0)
    np.savez("out/served.npz", desk.encode(x, None), desk.reconstruct(x, None),
             desk.score(x, None), asyncio.run(desk.draw(wish)), repr(desk.settings))


def give(command: str) -> None:
    """Give a command, in this process, and end it."""
    if command in (PYTHON, SERVER):
        try:
            use() if command == PYTHON else serve()
        except (ValueError, OSError) as error:
            print(error, file=sys.stderr)
            sys.exit(2)
        return
    sys.argv = ["hourglass", *command.split()]
    command_line()


def in_child(command: str) -> tuple[int, str]:
    """Give a command in a process of its own; its exit code (below 0 if it hangs) and its words."""
    def act() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))   # which end it
        signal.alarm(10 * LONGEST)   # of a machine that may be busy
        give(command)
    return forked.finish(forked.start(act, Path("../modules.txt")))


def results(command: str) -> dict[str, bytes]:
    """What a command wrote that must be equal where it is right."""
    if command.startswith("train"):
        return {"model": Path("run/model.safetensors").read_bytes()}
    if command.startswith("report"):
        metrics = open_run("run").read_record()["metrics"]
        figures = sorted(p.name for p in Path("run/figures").glob("*.png"))
        return {"metrics": repr(metrics).encode(), "figures": repr(figures).encode()}
    contents = {str(p): p.read_bytes() for p in sorted(Path("out").rglob("*")) if p.is_file()}
    if command.startswith("finetune"):   # whose run.json tells the time
        contents.pop("out/f/run.json")
    if command.startswith(("compare", "explore")):   # which tell times and folders
        return dict.fromkeys(contents, b"")
    return contents


def prepared() -> dict[str, dict[str, bytes]]:
    """A whole run here, in which every command has left what it keeps, another one, and the
    results of each command."""
    rows = np.random.default_rng(0).integers(0, 2, (60, 10, 1), np.uint8) * 200
    x = np.repeat(rows, 10, axis=2)
    np.save("x.npy", x)
    np.savez("x.npz", x=x, y=x[:, 0, 0] // 200)
    Path("photos").mkdir()
    for name, image in zip("abc", x, strict=False):
        Image.fromarray(image).save(f"photos/{name}.png")
    Path("mine.txt").write_text("mine")
    process = os.fork()
    if process == 0:   # so that this process stays fresh
        hg.train("x.npz", out="run", model="vae(2)", backbone="mlp((8,))", epochs=2, quiet=True,
                 report=True, batch_size=16)
        with contextlib.redirect_stderr(io.StringIO()):
            hg.finetune("run", "x.npz", out="sorter", steps=10)
        Path("../modules.txt").write_text("\n".join(list(sys.modules)))
        os._exit(0)
    os.waitpid(process, 0)
    preload()
    shutil.copytree("run", "other")
    right = {}
    for command in COMMANDS:
        if command.startswith("train"):   # the last one: it changes the run
            for name in FOLDERS:
                shutil.copytree(name, f"../{name}.whole")
        shutil.rmtree("out", ignore_errors=True)
        Path("out").mkdir()
        code, said = in_child(command)
        assert code in FINE, (command, code, said)
        right[command] = {**results(command), "said": said.encode()}
        preload()
    return right


def preload() -> None:
    """Import here what the last command imported, so that the next one need not."""
    for name in Path("../modules.txt").read_text().split():
        if name not in sys.modules and name != "__mp_main__":
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def again() -> None:
    """The run and the classifier as they were, and nothing written."""
    for name in (*FOLDERS, "out"):
        shutil.rmtree(name, ignore_errors=True)
    for name in FOLDERS:
        shutil.copytree(f"../{name}.whole", name)
    Path("out").mkdir()


def outcome(command: str, file: Path, right: dict[str, bytes]) -> tuple[str, str]:
    """What comes of giving the command, and the words that were said."""
    code, said = in_child(command)
    there = {"x.npy", "x.npz", "photos", "other", *FOLDERS, "out", "mine.txt", "said.txt"}
    if Path("mine.txt").read_text() != "mine" or set(os.listdir()) != there or not same("other"):
        return "outside", said
    if code in (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL):
        return "hang", said
    if "Traceback" in said or code not in (*FINE, 2):
        return "traceback", said
    if code == 2:
        return ("refused" if said.count("\n") <= 40 else "wrong"), said
    try:
        outputs = {**results(command), "said": right["said"]}
        if outputs == right and (command != "summary run" or said.encode() == right["said"]):
            return "right", said
    except (ValueError, OSError) as error:
        said += f"\nafterwards: {error}"
    usual = set(right["said"].decode().splitlines())
    lines = [line for line in said.splitlines() if line not in usual and re.search(WORDS, line)]
    return ("told" if lines else "wrong"), "\n".join(lines) or said


def same(name: str) -> bool:
    """Whether the weights of the other run are unchanged."""
    return filecmp.cmp(f"{name}/model.safetensors", "../other.safetensors", shallow=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only commands that begin so")
    parser.add_argument("--place", help="folder that keeps the whole run for the next time")
    parser.add_argument("--number", type=int, default=-1, help="only this one, with its words")
    parser.add_argument("--verbose", action="store_true", help="also print the messages")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    commands = {c: n for c, n in COMMANDS.items() if c.startswith(options.only)}
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    times: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        place = options.place or folder
        known = Path(place) / "right.pickle"
        os.makedirs(f"{place}/work", exist_ok=True)
        os.chdir(f"{place}/work")
        if known.is_file():
            right = pickle.loads(known.read_bytes())   # of our own making
            preload()
        else:
            right = prepared()
            shutil.copy("other/model.safetensors", "../other.safetensors")
            known.write_bytes(pickle.dumps(right))
        for number in range(options.count) if options.number < 0 else [options.number]:
            draw = random.Random(options.seed * 1_000_000 + number)
            kind = KINDS[number % len(KINDS)]
            command = draw.choices(list(commands), list(commands.values()))[0]
            again()
            start = time.perf_counter()
            file = damage(Path(command.split()[1]), kind, draw, Path("mine.txt").resolve())
            verdict, said = outcome(command, file, right[command])
            times[command] += time.perf_counter() - start
            counts[command, verdict] += 1
            if verdict in FAULTS or options.number >= 0 or (options.verbose and verdict == "told"):
                print(f"{number}: {kind} of {file}, {command}: {verdict}", flush=True)
                print("    " + "\n    ".join(said.splitlines()[-8:]), flush=True)
            Path("mine.txt").write_text("mine")
            if (number + 1) % 500 == 0:
                faults = sum(count for (_, verdict), count in counts.items() if verdict in FAULTS)
                print(f"{number + 1:,} done, {faults} faults", file=sys.stderr, flush=True)
    for (command, verdict), count in sorted(counts.items()):
        print(f"{command:52} {verdict:10} {count:6,}")
    for command, seconds in times.most_common():
        print(f"{command:52} {seconds:8.1f} s", file=sys.stderr)
    faults = sum(count for (_, verdict), count in counts.items() if verdict in FAULTS)
    print(f"{sum(counts.values()):,} in all, {faults} faults")


if __name__ == "__main__":
    main()
