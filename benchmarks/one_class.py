"""One class of CIFAR-10 as normal against the nine others, by whole images in pretrained features.

    python benchmarks/one_class.py [--good 500] [--test 2000] [--size 128] [--vectors FILE.npz]

The images are the first `--good` training images of each class, and `--test` test images, evenly
spread, of HOURGLASS_DATA/cifar10-jpeg.zip. Vectors are computed once, and kept in FILE to be used
again. Each row is the mean AUROC of ten classes, on each half of the test images and on all.
"""

import argparse
import os
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from hourglass.core.features import as_images, features
from hourglass.data.photos import open_photos
from hourglass.inference.detectors.feature_neighbours import as_kept, whitening
from hourglass.inference.detectors.latent_distance import distance_to

NEIGHBOURS, TOGETHER = (2, 5), 16


@torch.inference_mode()
def vectors(options: argparse.Namespace) -> dict[str, np.ndarray]:
    """Vectors of unit length and classes of training and test images."""
    extractor, found = features(options.features), {}
    with ExitStack() as stack:
        every = open_photos(Path(os.environ["HOURGLASS_DATA"]) / "cifar10-jpeg.zip", stack)
        train, test = (every.splits[part] for part in ("train", "test"))
        first = [train[every.y[train] == kind][:options.good] for kind in range(10)]
        some = test[np.linspace(0, len(test) - 1, options.test).astype(int)]
        for name, rows in (("train", np.concatenate(first)), ("test", some)):
            found[name] = np.concatenate([extractor.vector(
                torch.cat([as_images(every[row][None]) for row in part]),
                (options.size, options.size)).numpy()
                for part in np.split(rows, range(TOGETHER, len(rows), TOGETHER))])
            found[f"{name}_y"] = every.y[rows]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--good", type=int, default=500, help="normal images of a class")
    parser.add_argument("--test", type=int, default=2000, help="test images")
    parser.add_argument("--size", type=int, default=128, help="pixels of the longer side")
    parser.add_argument("--features", default="efficientnet_lite0", help="extractor")
    parser.add_argument("--vectors", type=Path, help="file that keeps the vectors")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kept = options.vectors is not None and options.vectors.exists()
    found = dict(np.load(options.vectors)) if kept else vectors(options)
    if options.vectors is not None and not kept:
        np.savez(options.vectors, **found)
    train, test = (found[part] / np.linalg.norm(found[part], axis=1, keepdims=True)
                   for part in ("train", "test"))
    half = np.arange(len(test)) % 2
    halves = (half == 0, half == 1, half < 2)
    aurocs: dict[str, list[list[float]]] = {}
    for kind in range(10):
        own, odd = train[found["train_y"] == kind], found["test_y"] != kind
        for white in (False, True):
            state = {"mean": own.mean(0), "white": whitening(own)} if white else {}
            known, new = as_kept(own, state), as_kept(test, state)
            for k in NEIGHBOURS:
                away = distance_to(known, new, k)
                aurocs.setdefault(f"feature_knn(k={k}, whiten={white})", []).append(
                    [roc_auc_score(odd[rows], away[rows]) for rows in halves])
    print("| detector | first half | second half | all | worst class |\n|---|---|---|---|---|")
    for name, values in aurocs.items():
        mean = " | ".join(f"{value:.3f}" for value in np.mean(values, 0))
        print(f"| `{name}` | {mean} | {np.min(values, 0)[-1]:.3f} |")


if __name__ == "__main__":
    main()
