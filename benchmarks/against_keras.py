"""The tutorials' networks by Keras on TensorFlow and by Hourglass, in alternating rounds.

    make bench                                          # five rounds of images/s, and our time
    .venv/bin/python benchmarks/against_keras.py --goal # and Keras' time to 0.1405: 20 minutes more
    .venv/bin/python benchmarks/against_keras.py --faces # VAE on faces: 4 minutes a round

Each process measures its own time: the best epoch after the first of three, on MNIST with batches
of 128. The goal is the tutorial's best validation BCE per value after its 200 epochs. On 5,000
faces, the loss is the mean over the third epoch, steps 81 to 120.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
KERAS = os.environ.get("KERAS_PYTHON", str(HERE.parent / ".venv-keras" / "bin" / "python"))
GOAL = 0.1405
OURS = {"fp32": ["--precision", "32-true"], "bf16": ["--precision", "bf16-mixed"],
        "bf16 compiled": ["--precision", "bf16-mixed", "--compile"]}


def keras(*words: str) -> dict:
    done = subprocess.run([KERAS, HERE / "keras_side.py", *words], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def hourglass(*words: str) -> list[dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        subprocess.run([sys.executable, "-m", "hourglass", "train", *words, "--out", out],
                       check=True, capture_output=True)
        from hourglass.run.folder import RunFolder
        return list(RunFolder(out).read_history())


def speed(*words: str) -> float:
    rows = hourglass("--recipe", "tutorial_cae", "--epochs", "3", *words)
    return max(row["images_per_second"] for row in rows[1:])


def prepared_faces(folder: Path) -> Path:
    """5,000 faces of 96x96x3, decoded."""
    import numpy as np
    place = folder / "all.npy"
    subprocess.run([sys.executable, "-m", "hourglass", "data", "prepare", "celeba", "--size", "96",
                    "-o", place], check=True, capture_output=True)
    np.save(folder / "faces.npy", np.load(place, mmap_mode="r")[:5000])
    return folder / "faces.npy"


def against_faces(rounds: int) -> None:
    measurements: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        images = prepared_faces(Path(folder))
        words = [str(images), "--recipe", "tutorial_faces", "--loss", "recon + kl", "--schedule",
                 "constant", "--val", "0", "--test", "0", "--epochs", "3", "--stop", "none"]

        def ours(*more: str) -> dict[str, float]:
            rows = hourglass(*words, *more)
            return {"images_per_second": max(row["images_per_second"] for row in rows[1:]),
                    "loss": rows[-1]["train_loss"]}
        sides = {"keras": lambda: keras("--faces", str(images)),
                 "keras bf16": lambda: keras("--faces", str(images), "--policy",
                                             "mixed_bfloat16"),
                 "fp32": lambda: ours("--precision", "32-true"),
                 "bf16": lambda: ours("--precision", "bf16-mixed")}
        for number in range(1, rounds + 1):
            for name, measure in sides.items():
                measurements.setdefault(name, []).append(measure())
            print(f"round {number}: " + ", ".join(
                f"{name} {v[-1]['images_per_second']:,.0f} (loss {v[-1]['loss']:,.0f})"
                for name, v in measurements.items()), flush=True)
    table({name: [v["images_per_second"] for v in values] for name, values in measurements.items()})
    for name, values in measurements.items():
        losses = [v["loss"] for v in values]
        print(f"{name}: loss in the third epoch {min(losses):,.0f} to {max(losses):,.0f}")


def table(found: dict[str, list[float]]) -> None:
    print("| | images/s: min | median | max | against keras, run by run: median (min-max) |")
    print("|---|---|---|---|---|")
    for name, values in found.items():
        ratios = [v / k for v, k in zip(values, found["keras"], strict=True)]
        print(f"| {name} | {min(values):,.0f} | {statistics.median(values):,.0f} | "
              f"{max(values):,.0f} | {statistics.median(ratios):.2f} "
              f"({min(ratios):.2f}-{max(ratios):.2f}) |")


def time_to_goal(seed: int) -> tuple[int, float]:
    from hourglass.run.settings import make_settings, read_recipe
    from hourglass.training.setup import prepare
    from hourglass.training.train import run
    settings = make_settings({**read_recipe("fast_cae"), "seed": seed})
    with tempfile.TemporaryDirectory() as folder:
        for progress in run(prepare(settings, out=Path(folder) / "run")):
            if progress.row and progress.row["val_bce"] <= GOAL:
                return progress.epoch, progress.row["seconds"]
    raise RuntimeError(f"fast_cae, seed {seed}, never reached {GOAL}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--goal", action="store_true", help=f"also train Keras to {GOAL}")
    parser.add_argument("--faces", action="store_true", help="the VAE on faces instead")
    given = parser.parse_args()
    if given.faces:
        against_faces(given.runs)
        return
    rates: dict[str, list[float]] = {}
    for run in range(given.runs):
        sides = {"keras": lambda: keras()["images_per_second"],
                 "keras bf16": lambda: keras("--policy", "mixed_bfloat16")["images_per_second"],
                 **{name: lambda words=words: speed(*words) for name, words in OURS.items()}}
        for name, measure in sides.items():
            rates.setdefault(name, []).append(measure())
        print(f"run {run + 1}: " + ", ".join(f"{n} {v[-1]:,.0f}" for n, v in rates.items()),
              flush=True)
    table(rates)
    ours = [time_to_goal(seed) for seed in range(given.runs)]
    print(f"fast_cae reaches {GOAL} in (epoch, seconds): "
          + ", ".join(f"({e}, {s:.1f})" for e, s in ours), flush=True)
    if given.goal:
        epoch, seconds = keras("--epochs", "400", "--until", str(GOAL))["reached"] or (400, 0)
        ratio = seconds / statistics.median(s for _, s in ours)
        print(f"keras, as printed, reaches it in epoch {epoch}, {seconds:.0f} s: {ratio:.0f} times")


if __name__ == "__main__":
    main()
