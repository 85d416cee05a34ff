"""Optimisers in the same minutes: validation losses of a dense and a convolutional VAE, in turn.

    .venv/bin/python benchmarks/optimisers.py --minutes 0.75 --seeds 2
"""

import argparse
import statistics
import tempfile

import hourglass as hg
from hourglass.core.console import say

SETS = {
    "dense: 784-200-200-50, tanh, static MNIST": {
        "data": "binarised_mnist", "model": "vae(50)",
        "backbone": "mlp(widths=(200, 200), activation='tanh')"},
    "convolutional: the usual one, MNIST": {"data": "mnist", "model": "vae(16)"}}
WAYS = [("adam", 0.001, 100), ("adam", 0.002, 128), ("adam", 0.004, 400),
        ("muon", 0.02, 200), ("muon", 0.03, 400)]


def best(settings: dict, folder: str) -> tuple[float, int]:
    """The least validation loss, and how many epochs there were."""
    model = hg.train(**settings, out=folder, report=False, quiet=True)
    history = model.folder.read_history()
    return min(row["val_loss"] for row in history), len(history)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=0.75)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    results: dict[tuple, list[tuple[float, int]]] = {}
    for seed in range(given.seeds):
        for name, settings in SETS.items():
            for optimiser, lr, batch in WAYS:
                with tempfile.TemporaryDirectory() as folder:
                    row = best({**settings, "optimiser": optimiser, "lr": lr, "batch_size": batch,
                                "minutes": given.minutes, "stop": "none", "seed": seed},
                               f"{folder}/run")
                results.setdefault((name, optimiser, lr, batch), []).append(row)
                say(f"{name}, {optimiser} {lr} {batch}: {row[0]:.2f} after {row[1]} epochs")
    print("| network | optimiser | rate | batch | -ELBO, validation | epochs |")
    print("|---|---|---|---|---|---|")
    for (name, optimiser, lr, batch), rows in results.items():
        losses, epochs = zip(*rows, strict=True)
        print(f"| {name} | {optimiser} | {lr} | {batch} | {statistics.mean(losses):.2f} "
              f"({min(losses):.2f} to {max(losses):.2f}) | {round(statistics.mean(epochs))} |")


if __name__ == "__main__":
    main()
