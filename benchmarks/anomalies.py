"""How well do detectors find classes that training did not see? Each class of MNIST, then of
CIFAR-10, is the normal one in turn. pyod's AutoEncoder, VAE and Isolation Forest see the same
images.

    python benchmarks/anomalies.py [--peers PYTHON] [--quick] [--validate]

PYTHON is an interpreter in which benchmarks/peers-requirements.txt is installed; without it, ours
alone. CIFAR-10 is HOURGLASS_DATA/cifar10-jpeg.zip. Training sees 2,000 images of the class; the
test is the set's own, all 10,000. Nothing is chosen by it: the settings below were chosen on images
of the training part alone (--validate shows what they get there), each model's weights by its loss
on a tenth of the 2,000, and pyod's are its own defaults.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

SETS = {
    "mnist": {"ae": "ae(16)", "vae": "vae(16)"},
    "cifar10": {"ae": "ae(32)", "vae": "vae(32)"}}
MANNER = {"backbone": "mlp((256, 128))", "epochs": 40, "test": 0, "quiet": True, "report": False}
SEEDS = 3
DRAWS = 4     # of z to estimate the likelihood; the default, 16, takes four times as long
OURS = tuple((kind, text) for kind in ("ae", "vae") for text in (
    "error", f"likelihood({DRAWS})", "knn", "mahalanobis", "combined", "auto", "local", "pca",
    "pca_local"))
PEERS = ("AutoEncoder", "VAE", "IForest")
PEERS_SIDE = Path(__file__).with_name("anomalies_peers.py")


def read_once(name: str, folder: Path) -> None:
    """Keep a set decoded, for all jobs."""
    from hourglass.data.collect import collect
    from hourglass.data.image_options import Reading
    collection = collect(name if name == "mnist" else os.path.join(
        os.environ["HOURGLASS_DATA"], "cifar10-jpeg.zip"), Reading())
    for part in ("x", "y"):
        np.save(folder / f"{part}.npy", getattr(collection, part))
    for part in ("train", "test"):
        np.save(folder / f"{part}.npy", collection.parts[part])


def task(folder: Path, kind: int, seed: int, sizes: tuple[int, int], validate: bool
         ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training images of one class (N, H, W, C), and images to score with 1 for other classes."""
    x, y, train, test = (np.load(folder / f"{name}.npy", mmap_mode="r")
                         for name in ("x", "y", "train", "test"))
    train = np.random.default_rng(1000 * kind + seed).permutation(train)
    own, others = train[y[train] == kind], train[y[train] != kind]
    test = test[:sizes[1]]
    if validate:   # of the training part, as many of the class as of the others
        test = np.r_[own[sizes[0]:][:sizes[1] // 2], others[:sizes[1] // 2]]
    return x[own[:sizes[0]]], x[test], (y[test] != kind).astype(int)


def ours(name: str, x: np.ndarray, test: np.ndarray, y: np.ndarray, seed: int, quick: bool
         ) -> dict[str, float]:
    """AUROC of each detector of two models, trained here."""
    import torch
    from sklearn.metrics import roc_auc_score

    import hourglass as hg
    from hourglass.inference.sample_stats import Look, see
    torch.set_num_threads(1)
    aurocs = {}
    for kind in ("ae", "vae"):
        with TemporaryDirectory() as folder:
            manner = {**MANNER, **({"epochs": 2} if quick else {})}
            model = hg.train(x, model=SETS[name][kind], **manner, seed=seed,
                             out=Path(folder) / "run")
            look = Look(DRAWS if kind == "vae" else 0, frozenset({"model", "pca"}), model.pca())
            seen = see(model.model, model.samples(test), None, look=look)
            for text in (text for own, text in OURS if own == kind):
                fitted = model.detector(text).fitted
                scores = fitted.rule.score(seen, fitted.state)
                aurocs[f"{SETS[name][kind]}, {text}"] = roc_auc_score(y, scores)
    return aurocs


def peers(python: str, x: np.ndarray, test: np.ndarray, y: np.ndarray, seed: int, quick: bool
          ) -> dict[str, float]:
    """The same of pyod's, in its own interpreter, on flattened pixels in [0, 1]."""
    from sklearn.metrics import roc_auc_score
    with TemporaryDirectory() as folder:
        place = Path(folder)
        np.savez(place / "given.npz", train=x, test=test)
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        subprocess.run([python, PEERS_SIDE, place, str(seed), "1" if quick else "0"], check=True,
                       env=environment, stdout=subprocess.DEVNULL)
        scores = np.load(place / "scores.npz")
        return {f"pyod {name}": roc_auc_score(y, scores[name]) for name in PEERS}


def one(job: tuple) -> tuple[str, int, int, dict[str, float]]:
    """One class of one set with one seed."""
    name, folder, kind, seed, options = job
    sizes = (200, 400) if options.quick else (2000, 2000 if options.validate else 10_000)
    x, test, y = task(folder, kind, seed, sizes, options.validate)
    aurocs = ours(name, x, test, y, seed, options.quick)
    if options.peers:
        aurocs |= peers(options.peers, x, test, y, seed, options.quick)
    return name, kind, seed, aurocs


def interval(values: np.ndarray) -> tuple[float, float]:
    """Of the mean over classes of (seeds, classes): classes and seeds resampled."""
    random = np.random.default_rng(0)
    seeds, kinds = values.shape
    means = [values[np.ix_(random.integers(seeds, size=seeds), random.integers(kinds, size=kinds))]
             .mean() for _ in range(2000)]
    return tuple(np.quantile(means, [0.025, 0.975]))


def table(name: str, results: dict[tuple[int, int], dict[str, float]]) -> None:
    seeds, kinds = (sorted({key[i] for key in results}) for i in (0, 1))
    print(f"\n### {name}, one class normal: AUROC, mean of {len(seeds)} seeds\n")
    print(f"| detector | mean (95 %) | {' | '.join(map(str, kinds))} |")
    print(f"|---|---|{'---|' * len(kinds)}")
    names = next(iter(results.values()))
    for text in names:
        values = np.array([[results[s, k][text] for k in kinds] for s in seeds])
        low, high = interval(values)
        cells = " | ".join(f"{v:.3f}" for v in values.mean(0))
        print(f"| {text} | {values.mean():.3f} ({low:.3f} to {high:.3f}) | {cells} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--peers", default="", help="an interpreter that has pyod")
    parser.add_argument("--quick", action="store_true", help="a moment of everything")
    parser.add_argument("--validate", action="store_true", help="on images of the training part")
    parser.add_argument("--sets", nargs="+", default=[*SETS], choices=[*SETS])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--classes", type=int, nargs="+", default=[*range(10)])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    seeds = 1 if options.quick or options.validate else options.seeds
    kinds = options.classes[:2] if options.quick else options.classes
    begun = time.monotonic()
    for name in options.sets:
        results = {}
        with TemporaryDirectory() as place, ProcessPoolExecutor(options.workers) as pool:
            read_once(name, Path(place))
            jobs = [(name, Path(place), kind, seed, options) for seed in range(seeds)
                    for kind in kinds]
            for _, kind, seed, aurocs in pool.map(one, jobs):
                results[seed, kind] = aurocs
                print(f"{name} {kind}, seed {seed}: {time.monotonic() - begun:.0f} s",
                      file=sys.stderr, flush=True)
        table(name, results)
    print(f"\nIn brackets, the mean over classes with classes and seeds resampled. "
          f"{time.monotonic() - begun:.0f} s on {options.workers} processes of one thread.")


if __name__ == "__main__":
    main()
