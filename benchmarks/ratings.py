"""Recommenders on MovieLens 100k: Mult-DAE, Mult-VAE, RecVAE, EASE and popularity.

    python benchmarks/ratings.py /path/to/ml-100k.zip [--seeds 5] [--only RecVAE] [--folder results]
    python benchmarks/ratings.py /path/to/ml-100k.zip --explicit [--seeds 5] [--folder results]
    python benchmarks/ratings.py --memory 10000000 [--folder results]

Each seed draws the users that are held out (10 % for validation, 10 % for the test), and the 80 %
of their items that a model sees. Epochs and the penalty of EASE are chosen on the validation users.
Results are kept in the folder, a file for each seed and model, and are not measured again. --table
alone prints them. --explicit measures the error of predicted stars by rating_ae, soft-impute, 80
neighbours and means. --memory N writes a file of N ratings of 100,000 users and 50,000 items, reads
it, and takes training steps on it, with the peak of memory after each."""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import csv

from hourglass.analysis.metrics.bootstrap import of_mean
from hourglass.analysis.ranking import MEASURES, judge
from hourglass.data.collect import collect, split
from hourglass.data.image_options import Reading
from hourglass.run.folder import RunFolder
from hourglass.run.settings import make_settings
from hourglass.training.setup import Training, prepare
from hourglass.training.train import run

MODELS = {   # name in the table: settings
    "Mult-DAE": {"model": "mult_dae", "epochs": 100},
    "Mult-VAE": {"model": "mult_vae", "epochs": 100},
    "RecVAE": {"model": "rec_vae", "epochs": 100, "lr": 0.003, "stop": "none"},
}
OTHERS = ("EASE", "popularity")
STARS = "`rating_ae`"
RESAMPLED = 2000   # times that users are drawn for an interval
USERS, ITEMS = 100_000, 50_000
STEPS = 20
NAMES = ("user", "item", "rating", "timestamp")


def trained(settings: dict) -> tuple[Training, float]:
    """A training that is over, with the best epoch's weights, and the CPU seconds that it took."""
    with tempfile.TemporaryDirectory() as place:
        training = prepare(make_settings(settings), out=Path(place) / "run")
        begun = time.process_time()   # other work on the machine does not count
        for _ in run(training):
            pass
        took = time.process_time() - begun
    if training.state.kept:
        training.step.load_state_dict(training.state.kept)
    training.step.objective.at(None)
    return training, took


def measured(data: str, name: str, seed: int) -> dict:
    """Train a model with a seed; its measures of each test user, and those of the other methods."""
    training, took = trained({"data": f"ratings({data!r})", "seed": seed, **MODELS[name]})
    state = training.state
    judgement = judge(training.step.model, training.source, alone=name != next(iter(MODELS)))
    return {"seed": seed, "best_epoch": state.best_epoch, "epochs": len(state.history),
            "seconds_an_epoch": took / len(state.history), "about": judgement.about,
            "val_ndcg": 1 - state.history[state.best_epoch - 1]["val_missed_ndcg"],
            "users": {name if method == "model" else method: judgement.users[i].tolist()
                      for i, method in enumerate(judgement.methods)}}


def table(folder: Path) -> list[str]:
    """The table of all that was measured, in Markdown; intervals are over the test users of all
    seeds."""
    runs = [json.loads(file.read_text()) for file in sorted(folder.glob("*-*.json"))
            if not file.name.startswith("stars-")]
    lines = ["| method | seeds | NDCG@100 | recall@20 | recall@50 | NDCG@100 less EASE's "
             "| CPU s an epoch |", "|---|---|---|---|---|---|---|"]
    ease_of = {one["seed"]: one["users"]["EASE"] for one in runs if "EASE" in one["users"]}
    for name in (*MODELS, *OTHERS):
        own = [one for one in runs if name in one["users"]]
        if not own:
            continue
        users = np.concatenate([np.array(one["users"][name]) for one in own])
        ease = np.concatenate([np.array(ease_of[one["seed"]]) for one in own])
        cells = [words(users[:, MEASURES.index(measure)])
                 for measure in ("ndcg@100", "recall@20", "recall@50")]
        gap = "-" if name == "EASE" else words(users[:, 0] - ease[:, 0], "+.3f")
        took = np.mean([one["seconds_an_epoch"] for one in own]) if name in MODELS else None
        lines.append(f"| {name} | {len(own)} | {' | '.join(cells)} | {gap} | "
                     f"{'-' if took is None else f'{took:.2f}'} |")
    return lines


def of_stars(data: str, seed: int) -> dict:
    """Train rating_ae with a seed; the squared errors of each test user's held-out ratings, by
    method, in stars, and how many they are."""
    training, took = trained({"data": f"ratings({data!r}, explicit=True)", "seed": seed})
    judgement = judge(training.step.model, training.source)
    return {"seed": seed, "seconds_an_epoch": took / len(training.state.history),
            "about": judgement.about, "counts": judgement.counts.tolist(), "errors": {
                STARS if method == "model" else method: judgement.errors[i].tolist()
                for i, method in enumerate(judgement.methods)}}


def table_of_stars(folder: Path) -> list[str]:
    """The table of the errors of predicted stars, in Markdown; intervals are over the test users of
    all seeds, drawn again."""
    runs = [json.loads(file.read_text()) for file in sorted(folder.glob("stars-*.json"))]
    lines = ["| method | seeds | RMSE, stars | less that of means | CPU s an epoch |",
             "|---|---|---|---|---|"]
    counts = np.concatenate([one["counts"] for one in runs])
    errors = {name: np.concatenate([one["errors"][name] for one in runs])
              for name in runs[0]["errors"]}
    drawn = np.random.default_rng(0).integers(0, len(counts), (RESAMPLED, len(counts)))

    def rmse(name: str, rows: np.ndarray) -> np.ndarray:
        return np.sqrt(errors[name][rows].sum(-1) / counts[rows].sum(-1))

    def told(name: str, less: str, form: str) -> str:
        alone, again = (rmse(name, rows) - (rmse(less, rows) if less else 0)
                        for rows in (np.arange(len(counts)), drawn))
        low, high = np.percentile(again, [2.5, 97.5])
        return f"{alone:{form}} ({low:{form}} to {high:{form}})"
    took = np.mean([one["seconds_an_epoch"] for one in runs])
    for name in errors:
        gap = "-" if name == "means" else told(name, "means", "+.3f")
        lines.append(f"| {name} | {len(runs)} | {told(name, '', '.3f')} | {gap} | "
                     f"{f'{took:.2f}' if name == STARS else '-'} |")
    return lines


def words(values: np.ndarray, form: str = ".3f") -> str:
    """A mean with its interval."""
    estimate = of_mean(values)
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"


def peak() -> float:
    """The peak of this process' memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(count: int, folder: Path) -> None:
    """Write, read and train on ratings of many users, and print what that takes."""
    path = folder / f"synthetic_{count}.csv"
    draw = np.random.default_rng(0)
    if not path.is_file():
        schema = pyarrow.schema([(name, pyarrow.int64()) for name in NAMES])
        with csv.CSVWriter(path, schema) as file:
            for start in range(0, count, 10**6):
                size = min(10**6, count - start)
                rows = (draw.integers(0, USERS, size),
                        (ITEMS * draw.random(size) ** 3).astype(np.int64),
                        draw.integers(3, 6, size), draw.integers(10**9, 2 * 10**9, size))
                file.write_table(pyarrow.table(dict(zip(NAMES, rows, strict=True)), schema))
    print(f"{path.stat().st_size / 2**20:,.0f} MiB of text; before reading {peak():,.0f} MiB")
    begun = time.monotonic()
    collection = collect(f"ratings('{path}')", Reading())
    print(f"read in {time.monotonic() - begun:.0f} s, peak {peak():,.0f} MiB; "
          f"{collection.x.shape[0]:,} users x {collection.x.shape[1]:,} items, "
          f"{collection.x.nbytes / 2**20:,.0f} MiB of rows")
    source = split(collection, {"val": 0.01, "test": 0.01}, 0)
    print(f"split: peak {peak():,.0f} MiB")
    from hourglass.training.setup import _assemble
    settings = make_settings({"data": f"ratings('{path}')", "model": "mult_vae", "epochs": 1})
    training = _assemble(settings, source, RunFolder(folder))
    print(f"model of {training.record['parameters']['whole']:,} parameters: peak "
          f"{peak():,.0f} MiB")
    begun, places = time.monotonic(), []
    for progress in run(training):
        places.append(peak())
        if progress.batch >= STEPS:
            break
    each = (time.monotonic() - begun) / STEPS
    print(f"{STEPS} steps of 128 users, {each:.2f} s each; peak after the 5th"
          f"  {places[4]:,.0f} MiB, after the last {places[-1]:,.0f} MiB")


def main() -> None:
    """Measure what is not measured yet, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?", default="")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default=",".join(MODELS), help="models, separated by commas")
    parser.add_argument("--folder", type=Path, default=Path("ratings-results"))
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--explicit", action="store_true")
    parser.add_argument("--memory", type=int, default=0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.memory:
        memory(given.memory, given.folder)
        return
    for seed in range(0 if given.table else given.seeds):
        for name in ["stars"] if given.explicit else given.only.split(","):
            file = given.folder / f"{name.lower()}-{seed}.json"
            if not file.is_file():
                file.write_text(json.dumps(of_stars(given.data, seed) if given.explicit else
                                           measured(given.data, name, seed)))
                print(f"{name}, seed {seed}: done", flush=True)
    print("\n".join((table_of_stars if given.explicit else table)(given.folder)))


if __name__ == "__main__":
    main()
