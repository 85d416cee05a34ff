"""Defects and odd photographs by pretrained features: magnetic tiles, DeepPCB, and one class
of CIFAR-10 against the others, by every detector of features, and by PCA, neighbours and pyod.

    python benchmarks/feature_defects.py [--sets tiles boards cifar] [--size 320] [--good 400]
        [--test 492] [--classes bird cat horse] [--detectors] [--sheet FOLDER]

The sets are HOURGLASS_DATA/inspection/*.zip and cifar10-jpeg.zip. `--good` and `--test` are the
most normal and test images that are used, evenly spread. Features are computed once for all
detectors, and their seconds are said alone. Baselines: PCA and 5 neighbours on pixels at 64x64;
where pyod is installed, its KNN, LOF and IForest on the extractor's vectors. `--detectors` alone
gives the baselines, and with texts such as "patch_knn(seed=1)" these detectors.
"""

import argparse
import importlib
import importlib.util
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from defects import boards

from hourglass.analysis.metrics.bootstrap import Estimate
from hourglass.analysis.metrics.detection import separation
from hourglass.analysis.metrics.regions import count, edges_of, pixel_separation
from hourglass.core.features import as_images, features, resized
from hourglass.data.photos import LazyImages, open_photos
from hourglass.tasks.defect_kinds import kinds_in_words
from hourglass.tasks.detect import DetectOptions, detected
from hourglass.tasks.masks import find_masks, with_masks

DETECTORS = ("patch_knn(size={size})", "patch_gaussian(size={size})",
             "combined(('patch_knn(size={size})', 'patch_gaussian(size={size})'))",
             "patch_knn(size={size}, unit=False)", "patch_knn(size={size}, strides=(32,))",
             "feature_autoencoder(size={size}, strides=(16, 32))", "feature_knn(size={size})")
OF_CLASSES = ("feature_knn", "feature_knn(whiten=False)")
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
FIGURES = ("auroc", "average_precision", "pixel_auroc", "region_overlap")
PYOD = ("knn.KNN", "lof.LOF", "iforest.IForest")
AUROC = FIGURES[0]


def remember(extractor) -> dict[str, float]:
    """Let an extractor keep what it found for each input, and count the seconds that it took."""
    forward, kept, spent = extractor.network.forward, {}, {"seconds": 0.0, "images": 0}

    def looked(x: torch.Tensor):
        outputs = []
        for one in x.split(1):
            key = (tuple(one.shape), hash(one.numpy().tobytes()))
            if key not in kept:
                begun = time.process_time()
                kept[key] = forward(one)
                spent["seconds"] += time.process_time() - begun
                spent["images"] += 1
            outputs.append(kept[key])
        return (tuple(map(torch.cat, zip(*(maps for maps, _ in outputs), strict=True))),
                torch.cat([vector for _, vector in outputs]))
    extractor.network.forward = looked
    return spent


def some(photos: LazyImages, most: int) -> LazyImages:
    """At most `most` images, evenly spread, so that the classes keep their shares."""
    if len(photos) <= most:
        return photos
    return photos.some(np.linspace(0, len(photos) - 1, most).astype(int))


def balanced(photos: LazyImages, most: int, normal: str) -> LazyImages:
    """At most `most` images, a third of them normal."""
    good = photos.y == photos.classes.index(normal)
    rows = [np.flatnonzero(part) for part in (good, ~good)]
    kept = [part[np.linspace(0, len(part) - 1, min(len(part), count)).astype(int)]
            for part, count in zip(rows, (most // 3, most - most // 3), strict=True)]
    return photos.some(np.sort(np.concatenate(kept)))


def baselines(good: LazyImages, new: LazyImages, y: np.ndarray, size: int) -> Iterator[
        tuple[str, dict[str, Estimate]]]:
    """Figures of PCA and neighbours on pixels, and of pyod on vectors."""
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors
    train, test = (np.concatenate([resized(as_images(one[None]), (64, 64)).flatten(1).numpy()
                                   for one in photos]) for photos in (good, new))
    fitted = PCA(min(100, len(train) // 2)).fit(train)
    errors = np.square(test - fitted.inverse_transform(fitted.transform(test)))
    yield "PCA of pixels", separation(errors.mean(1), y) | of_pixels(errors, new, y)
    away, near = NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)
    apart = np.square(test - train[near].mean(1))
    yield "5 neighbours of pixels", separation(away.mean(1), y) | of_pixels(apart, new, y)
    if importlib.util.find_spec("pyod"):
        extractor = features("efficientnet_lite0")
        with torch.inference_mode():
            train, test = (np.concatenate([extractor.vector(one[None], size).numpy()
                                           for one in photos]) for photos in (good, new))
        for name in PYOD:
            module, _, kind = name.partition(".")
            kinds = importlib.import_module(f"pyod.models.{module}")
            seed = {"random_state": 0} if kind == "IForest" else {}
            scores = getattr(kinds, kind)(**seed).fit(train).decision_function(test)
            yield f"pyod {kind} on vectors", separation(scores, y)


def of_pixels(errors: np.ndarray, photos: LazyImages, y: np.ndarray) -> dict[str, Estimate]:
    """Figures of maps (N, C * 64 * 64) at the masks' sizes; {} without masks."""
    with ExitStack() as stack:
        masks = find_masks(photos.place, "", stack)
        of_rows = {} if masks is None else with_masks(photos.names, y, masks)
    if not of_rows:
        return {}
    maps = torch.from_numpy(errors).float().unflatten(1, (-1, 64, 64)).mean(1, keepdim=True)

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for row, mask in of_rows.items():
            mask = np.zeros(photos[row].shape[:2], bool) if mask is None else mask
            yield resized(maps[row : row + 1], mask.shape)[0, 0].numpy(), mask
    return pixel_separation(count(pairs(), edges_of(errors[:, ::4].ravel(), len(of_rows))))


def table(name: str, good: LazyImages, new: LazyImages, options: argparse.Namespace,
          detectors: tuple[str, ...], normal: str, sheet: Path | None = None,
          size: int = 320) -> dict[str, float]:
    """Print a row for each detector; AUROC by its name."""
    spent = remember(features("efficientnet_lite0"))
    y = (new.y != new.classes.index(normal)).astype(int)
    print(f"\n### {name}: {len(good)} normal images, {len(new)} new ones, {y.sum()} of them "
          f"abnormal\n\n| detector | {' | '.join(FIGURES)} | seconds |\n|{'---|' * 6}", flush=True)
    auroc, kinds = {}, {}
    for text in detectors:
        text = text.format(size=size)
        begun, before = time.process_time(), spent["seconds"]
        maps = sheet / f"{name} {len(auroc)}" if sheet and not auroc else None
        detection = detected(good, new, DetectOptions(text, normal=normal), heatmaps=maps)
        taken = time.process_time() - begun - (spent["seconds"] - before)
        auroc[text] = detection.metrics[AUROC].value
        kinds |= {text: detection.kinds} if detection.kinds else {}
        print(f"| `{text}` | {cells(detection.metrics)} | {taken:.0f} |", flush=True)
    for text, metrics in baselines(good, new, y, size):
        auroc[text] = metrics[AUROC].value
        print(f"| {text} | {cells(metrics)} | |", flush=True)
    for text, found in kinds.items():
        print(f"\nEach kind by `{text}`:", *kinds_in_words(found), sep="\n", flush=True)
    print(f"\nFeatures: {spent['images'] / max(spent['seconds'], 1e-9):.1f} images a second.",
          flush=True)
    return auroc


def cells(metrics: dict[str, Estimate]) -> str:
    """The figures with their intervals, as cells of a row."""
    return " | ".join(f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f})" if (e := metrics.get(name))
                      else "" for name in FIGURES)


def classes_of_cifar(archive: Path, stack: ExitStack, options: argparse.Namespace) -> None:
    """One class as normal, the others as abnormal."""
    every = open_photos(archive, stack)
    mean: dict[str, list[float]] = {}
    for kind in options.classes:
        own = every.y == every.classes.index(kind)
        train, test = (np.isin(np.arange(len(every)), every.splits[part]) for part in
                       ("train", "test"))
        aurocs = table(f"CIFAR-10, {kind}", some(every.some(np.flatnonzero(own & train)),
                                                 options.good),
                       balanced(every.some(np.flatnonzero(test)), options.test, kind), options,
                       OF_CLASSES, kind, None, 128)
        for text, value in aurocs.items():
            mean.setdefault(text, []).append(value)
    for text, values in mean.items():
        print(f"mean of {len(values)} classes, {text}: {np.mean(values):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--sets", nargs="+", default=["tiles", "boards", "cifar"])
    parser.add_argument("--size", type=int, default=320, help="pixels of the longer side")
    parser.add_argument("--good", type=int, default=400, help="most normal images")
    parser.add_argument("--test", type=int, default=492, help="most test images")
    parser.add_argument("--classes", nargs="+", default=CLASSES)
    parser.add_argument("--detectors", nargs="*", default=list(DETECTORS))
    parser.add_argument("--sheet", type=Path, help="folder for heat maps of the first detector")
    options = parser.parse_args()
    source = Path(os.environ["HOURGLASS_DATA"])
    with TemporaryDirectory() as folder, ExitStack() as stack:
        for name in options.sets:
            if name == "cifar":
                classes_of_cifar(source / "cifar10-jpeg.zip", stack, options)
                continue
            place = source / "inspection" / "magnetic_tile.zip" if name == "tiles" else boards(
                source / "inspection" / "deeppcb.zip", Path(folder) / "boards")
            every = open_photos(place, stack)
            train, test = (every.some(every.splits[part]) for part in ("train", "test"))
            table(name, some(train, options.good), balanced(test, options.test, "good"), options,
                  tuple(options.detectors), "good", options.sheet, options.size)


if __name__ == "__main__":
    main()
