"""How weights begin: squared errors of validation images after a few epochs, by rule and data set.

    .venv/bin/python benchmarks/initial_weights.py --seeds 2
"""

import argparse
import os
import statistics
import tempfile
from typing import Any

import hourglass as hg
from hourglass.core.console import say

DATA = os.environ.get("HOURGLASS_DATA", ".")
RULES = ("data", "glorot", "pytorch")
SETS: dict[str, tuple[dict[str, Any], int, dict[str, Any]]] = {   # source, images, settings
    "MNIST": ({"data": "mnist"}, 6000, {"epochs": 4}),
    "MNIST, dense": ({"data": "mnist"}, 6000, {"epochs": 6, "backbone": "mlp"}),
    "MNIST, `vae(16)`": ({"data": "mnist"}, 6000, {"epochs": 4, "model": "vae(16)"}),
    "CIFAR-10": ({"data": f"{DATA}/cifar10-jpeg.zip"}, 3000, {"epochs": 8}),
    "faces, 64x64": ({"data": f"{DATA}/celeba10k/img_align_celeba.zip", "size": 64}, 1500,
                     {"epochs": 6}),
    "magnetic tiles, 64x64": ({"data": f"{DATA}/inspection/magnetic_tile.zip", "size": 64}, 150,
                              {"epochs": 40}),
}


def error(rule: str, images: Any, settings: dict[str, Any], seed: int) -> float:
    """The squared error of validation images after the last epoch."""
    with tempfile.TemporaryDirectory() as folder:
        model = hg.train(images, initial=rule, seed=seed, stop="none", report=False, quiet=True,
                         out=f"{folder}/run", **{"model": "ae", **settings})
        return float(model.history["val_mse"][-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--sets", help="names, separated by semicolons", default=";".join(SETS))
    given = parser.parse_args()
    print(f"| data | images | epochs | {' | '.join(RULES)} |")
    print("|---|---|---|" + "---|" * len(RULES))
    for name in given.sets.split(";"):
        source, count, settings = SETS[name]
        images = hg.read(**source).images
        images = images[::max(1, len(images) // count)][:count]
        cells = []
        for rule in RULES:
            errors = [error(rule, images, settings, seed) for seed in range(given.seeds)]
            say(f"{name}, {rule}: {', '.join(f'{e:.5f}' for e in errors)}")
            cells.append(f"{statistics.mean(errors):.4f} ({min(errors):.4f} to {max(errors):.4f})")
        print(f"| {name} | {len(images):,} | {settings['epochs']} | {' | '.join(cells)} |",
              flush=True)


if __name__ == "__main__":
    main()
