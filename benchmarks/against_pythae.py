"""The same models by pythae and by Hourglass, in alternating rounds: time, errors, likelihoods.

    python3.11 -m venv .venv-pythae
    .venv-pythae/bin/pip install -r benchmarks/pythae-requirements.txt
    python benchmarks/against_pythae.py --peer .venv-pythae/bin/python --results pythae.jsonl

The data is MNIST in grey, [0, 1], with 60,000 training and 10,000 test images. Nothing is held out,
so both sides keep what their trainers keep: pythae the epoch with the least training loss,
Hourglass the last epoch. Vectors use pythae's own MLP, 784-512-16-512-784, which is mlp(512) here.
Tokens use two strided convolutions. Both have batches of 128, Adam at a constant 0.001, float32,
one process, and the same number of threads. Other settings are each side's defaults, except those
that TASKS sets on both. A second row is Hourglass as `hourglass train` runs it, with its own
learning rate, schedule and precision. Every training is a process of its own. Then one file,
pythae_measures.py, measures the networks of both sides. Models in `--results` are not trained
again. `--quick` takes some minutes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hourglass.core.console import say
from hourglass.core.registry import models
from hourglass.data.collect import collect
from hourglass.data.read_image import Reading

HERE = Path(__file__).parent
DIM, K = 16, 10
HALF = 0.5 ** 0.5   # deviation of a normal whose -log p is the squared error plus a constant
GREY_ERROR = f"normal({HALF!r}, bounded=True)"   # theirs ends in a sigmoid
LIKE = {"lr": 1e-3, "schedule": "constant", "precision": "32-true", "initial": "pytorch"}
SIDES = {"pythae": "pythae", "ours": "ours", "default": "ours, its own rate and schedule"}
FIGURES = ("mse", "bce", "nll")


@dataclass(frozen=True)
class Pair:
    """A model as each side says it."""

    options: dict[str, Any]   # of our named model, those that it has
    ours: dict[str, Any]      # our settings
    theirs: dict[str, Any]    # their config's arguments
    about: str


GREY = {"reconstruction_loss": "bce"}
TASKS = {
    "vae": Pair({}, {}, GREY, "binary cross-entropy and KL"),
    "beta_vae": Pair({"beta": 4.0}, {}, {**GREY, "beta": 4.0}, "the KL times 4"),
    "iwae": Pair({"k": K}, {}, {**GREY, "number_samples": K}, f"{K} codes of each image"),
    "factor_vae": Pair({"gamma": 2.0}, {}, {**GREY, "gamma": 2.0},
                       "total correlation times 2, discriminators each side's own"),
    "wae_mmd": Pair({}, {"likelihood": GREY_ERROR, "loss": "recon + 70 * mmd"},
                    {"reg_weight": 10.0}, "squared error and 10 times the MMD of each of 7 scales "
                    "(theirs is 0.03, next to nothing)"),
    "vq_vae": Pair({"words": 512}, {"likelihood": GREY_ERROR,
                                    "backbone": "conv(filters=(32, 64))"},
                   {"num_embeddings": 512}, "squared error, 512 words, 7x7 of them; penalties and "
                   "ways to learn words are each side's own"),
}


def ours(name: str) -> dict[str, Any]:
    """Our settings of a model. Options that the registry does not know are left out, with a note.
    """
    pair, known = TASKS[name], models.options(name)
    options = {"dim": DIM, **pair.options}
    for option in set(options) - set(known):
        say(f"our {name} has no {option}: it keeps its own")
    text = ", ".join(f"{key}={value!r}" for key, value in options.items() if key in known)
    return {"model": f"{name}({text})", "backbone": "mlp(512)", **pair.ours}


def write_data(folder: Path, quick: bool) -> None:
    """train.npy and test.npy, uint8 (N, 28, 28)."""
    collection = collect("mnist", Reading())
    few = {"train": 6000, "test": 1000} if quick else {}
    for part in ("train", "test"):
        rows = collection.parts[part][:few.get(part)]
        np.save(folder / f"{part}.npy", np.asarray(collection.x[rows])[..., 0])


def one(task: dict[str, Any], python: str, script: str) -> dict[str, Any]:
    """Train and measure in a process of its own."""
    threads = {name: str(task["threads"]) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run([python, str(HERE / script), json.dumps(task)], text=True,
                          capture_output=True, env={**os.environ, **threads})
    if done.returncode:
        raise RuntimeError(f"{script} on {task['model']}:\n{done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def rounds(asked: argparse.Namespace, names: list[str], folder: Path) -> list[dict[str, Any]]:
    """Every model by every side, seed by seed, the sides in turn."""
    rows = [json.loads(line) for line in asked.results.read_text().splitlines()] if (
        asked.results and asked.results.is_file()) else []
    common = {"folder": str(folder), "dim": DIM, "batch": 128, "lr": 1e-3, "k": K,
              "threads": asked.threads, "epochs": asked.epochs, "draws": asked.draws,
              "nll_images": asked.nll_images, "own_images": min(100, asked.nll_images)}
    plain = {key: value for key, value in common.items() if key != "folder"} | {
        "quick": asked.quick}
    for seed in range(asked.seeds):
        for name in names:
            for side in asked.sides.split(","):
                mark = {"model": name, "side": side, "seed": seed, **plain}
                if any(mark.items() <= row.items() for row in rows):
                    continue
                say(f"seed {seed}: {name}, {SIDES[side]}")
                task = {**common, "model": name, "seed": seed}
                if side == "pythae":
                    task["theirs"] = TASKS[name].theirs
                else:
                    task["ours"] = ours(name) | (LIKE if side == "ours" else {})
                python = asked.peer if side == "pythae" else sys.executable
                script = "pythae_side.py" if side == "pythae" else "hourglass_side.py"
                try:
                    rows.append({**one(task, python, script), **mark})
                except RuntimeError as error:   # the others' figures stand without it
                    say(str(error))
                    continue
                if asked.results:
                    with asked.results.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    return [row for row in rows if plain.items() <= row.items()]


def cell(values: list[float], form: str = ".1f") -> str:
    """Median and range over seeds."""
    if not values:
        return ""
    if len(values) == 1:
        return format(values[0], form)
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def table(rows: list[dict[str, Any]], names: list[str]) -> None:
    """Time and errors, a row a model and side."""
    print("| model | | s an epoch | pythae's time over this, round by round | squared error | "
          "cross-entropy | -log p(x) |\n|---|---|---|---|---|---|---|")
    for name in names:
        for side, label in SIDES.items():
            by_seed = {row["seed"]: row for row in rows
                       if (row["model"], row["side"]) == (name, side)}
            theirs = {row["seed"]: row["seconds"] for row in rows
                      if (row["model"], row["side"]) == (name, "pythae")}
            ratios = [theirs[seed] / row["seconds"] for seed, row in by_seed.items()
                      if seed in theirs]
            figures = [cell([row[f] for row in by_seed.values() if f in row], ".2f")
                       for f in FIGURES]
            print(f"| {f'`{name}`' if side == 'pythae' else ''} | {label} | "
                  f"{cell([row['seconds'] for row in by_seed.values()], '.2f')} | "
                  f"{'' if side == 'pythae' else cell(ratios, '.2f')} | {' | '.join(figures)} |")


def says_of_itself(rows: list[dict[str, Any]], names: list[str]) -> None:
    """Where pythae's own methods give figures of the same weights that differ."""
    print("\n#### What pythae's own methods say of its models\n\n| model | squared error of "
          "`reconstruct` | from the mean | loss reported on the test set | by our estimator, the "
          "same quantity | `get_nll`, sign changed | ours, the same images |\n"
          "|---|---|---|---|---|---|---|")
    for name in names:
        own = [row for row in rows if (row["model"], row["side"]) == (name, "pythae")]

        def of(key: str, sign: int = 1, own: list[dict[str, Any]] = own) -> str:
            return cell([sign * row[key] for row in own if key in row], ".2f")
        again = of("own_mse") or ", ".join(f"{row['own_rows']:.0%} of the rows" for row in own)
        same = {"vae": of("elbo"), "iwae": of("bound")}.get(name, "")
        print(f"| `{name}` | {again} | {of('mse')} | {of('own_loss')} | {same} | "
              f"{of('own_nll', -1)} | {of('nll_of_few') if of('own_nll') else ''} |")


def sizes(rows: list[dict[str, Any]], names: list[str]) -> None:
    """Print a note if encoder, decoder or bottleneck of the sides differ in their weights."""
    for name in names:
        each = {row["side"]: row["network"] for row in rows if row["model"] == name}
        print(f"- `{name}`: {TASKS[name].about}; weights: " + ", ".join(
            f"{side} {each[side]:,}" for side in ("pythae", "ours") if side in each) + ".")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", default=os.environ.get(
        "PYTHAE_PYTHON", str(HERE.parent / ".venv-pythae" / "bin" / "python")),
        help="an interpreter that has pythae")
    parser.add_argument("--models", default=",".join(TASKS), help="some, with commas")
    parser.add_argument("--sides", default=",".join(SIDES), help="some, with commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--draws", type=int, default=500, help="codes an image, for -log p(x)")
    parser.add_argument("--nll-images", type=int, default=2000, help="test images, for the same")
    parser.add_argument("--results", type=Path, help="keep every training's line here")
    parser.add_argument("--quick", action="store_true", help="one epoch of 6,000 images, one seed")
    options = parser.parse_args()
    if options.quick:
        options.epochs, options.seeds, options.draws, options.nll_images = 1, 1, 50, 200
    names = [name.strip() for name in options.models.split(",")]
    for name in [name for name in names if name not in models.parts]:
        say(f"{name} is left out: this Hourglass has no such model")
        names.remove(name)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_data(folder, options.quick)
        rows = rounds(options, names, folder)
    if not rows:
        raise SystemExit("nothing was compared")
    counts = "6,000 images, 1,000" if options.quick else "60,000 images, 10,000"
    print(f"### Comparison with pythae 0.1.2\n\nMNIST, {counts} to test; epochs: {options.epochs}, "
          f"seeds: {options.seeds}, threads: {options.threads}; batches of 128, alternating sides; "
          f"median and range over seeds. Errors are per image, summed over pixels, from the "
          f"posterior's mean; -log p(x) of {options.nll_images:,} test images by {options.draws} "
          f"importance-weighted codes each. Grey values are treated as means of Bernoulli "
          f"variables. This is not a likelihood of grey values, but is the same for both sides.\n")
    table(rows, names)
    print()
    sizes(rows, names)
    says_of_itself(rows, names)


if __name__ == "__main__":
    main()
