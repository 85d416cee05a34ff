"""Cost and accuracy of the estimators on small tables, compared with the usual ones.

    python benchmarks/estimators.py [--peers PYTHON] [--quick]

Tables come with scikit-learn, except a generated one: 2,000 rows of 20 columns on a curved sheet of
4 dimensions. All settings except the size of the code are defaults, and no setting was chosen by
these figures. `--peers` names an interpreter that has pyod (benchmarks/peers-requirements.txt).
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hourglass.core.console import say
from hourglass.core.registry import detectors
from hourglass.sklearn import AutoencoderDetector, AutoencoderTransformer

OURS = ("error", "knn", "mahalanobis", "combined")
OUTLIERS = 0.05   # share of a table
PYOD = """
import sys, numpy as np
from pyod.models.auto_encoder import AutoEncoder
x, out, seed = np.load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
np.save(out, AutoEncoder(contamination=0.05, random_state=seed, verbose=0).fit(x).decision_scores_)
"""


def sheet() -> tuple[np.ndarray, np.ndarray]:
    """Rows (2000, 20) and their class, by the sign of a product, which no line parts."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(2000, 4))
    x = np.tanh(hidden @ rng.normal(size=(4, 40))) @ rng.normal(size=(40, 20))
    return x + 0.1 * rng.normal(size=x.shape), (hidden[:, 0] * hidden[:, 1] > 0).astype(int)


TABLES = {   # and the numbers in a code
    "wine": (lambda: load_wine(return_X_y=True), 2),
    "breast cancer": (lambda: load_breast_cancer(return_X_y=True), 2),
    "digits": (lambda: load_digits(return_X_y=True), 8),
    "curved sheet": (sheet, 4)}
NORMAL = {"wine": (0, 1), "breast cancer": (1,), "digits": (1,)}   # the other classes are abnormal


def cell(values: list[float], digits: int = 3) -> str:
    """Mean and range over seeds."""
    return f"{np.mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def accuracies(name: str, seeds: int) -> str:
    """A row: seconds of a fit, and 5 nearest neighbours' accuracy on codes of the same size."""
    make, dim = TABLES[name]
    x, y = make()
    ways = {"all": StandardScaler(), "pca": make_pipeline(StandardScaler(), PCA(dim)),
            "ours": AutoencoderTransformer(dim), "vae": AutoencoderTransformer(dim, "vae")}
    took, epochs, scores = [], [], {way: [] for way in ways}
    for seed in range(seeds):
        started = time.monotonic()
        epochs.append(clone(ways["ours"]).set_params(random_state=seed).fit(x).n_iter_)
        took.append(time.monotonic() - started)
        folds = StratifiedKFold(3, shuffle=True, random_state=seed)
        for way, codes in ways.items():
            if isinstance(codes, AutoencoderTransformer):
                codes = clone(codes).set_params(random_state=seed)
            pipe = make_pipeline(codes, StandardScaler(), KNeighborsClassifier())
            scores[way].append(cross_val_score(pipe, x, y, cv=folds).mean())
        say(f"{name}, seed {seed}: {took[-1]:.1f} s")
    cells = [cell(values) for values in scores.values()]
    return (f"| {name}, {len(x):,} x {x.shape[1]} to {dim} | {cell(took, 1)} | "
            f"{np.mean(epochs):.0f} | {' | '.join(cells)} |")


def with_outliers(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the normal classes, and of the others until OUTLIERS, as a share, are abnormal."""
    x, y = TABLES[name][0]()
    normal = np.isin(y, NORMAL[name])
    rng = np.random.default_rng(seed)
    count = round(OUTLIERS / (1 - OUTLIERS) * normal.sum())
    odd = rng.choice(np.flatnonzero(~normal), count, replace=False)
    rows = rng.permutation(np.concatenate([np.flatnonzero(normal), odd]))
    return x[rows], (~normal[rows]).astype(int)


def odd_scores(x: np.ndarray, dim: int, seed: int, peers: str) -> dict[str, np.ndarray]:
    """Of every way the scores (N,) of the table that it was fitted to."""
    scaled = StandardScaler().fit_transform(x)
    seen = AutoencoderDetector(OUTLIERS, dim=dim, random_state=seed).fit(x).learnt_.seen(x, 0)
    rules = {text: detectors.make(text) for text in OURS}   # one network for all of them
    ours = {text: rule.score(seen, rule.fit(seen.z, seen)) for text, rule in rules.items()}
    others = {"forest": -IsolationForest(random_state=seed).fit(scaled).score_samples(scaled),
              "lof": -LocalOutlierFactor().fit(scaled).negative_outlier_factor_}
    if not peers:
        return {**ours, **others}
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "x.npy", Path(folder) / "scores.npy"
        np.save(given, x)
        subprocess.run([peers, "-c", PYOD, str(given), str(out), str(seed)], check=True,
                       capture_output=True)
        return {**ours, **others, "pyod AutoEncoder": np.load(out)}


def detection(name: str, seeds: int, peers: str) -> dict[str, str]:
    """A cell for every way: how well it ranks the outliers above the rest, AUROC."""
    aurocs: dict[str, list[float]] = {}
    for seed in range(seeds):
        x, y = with_outliers(name, seed)
        for way, scores in odd_scores(x, TABLES[name][1], seed, peers).items():
            aurocs.setdefault(way, []).append(roc_auc_score(y, scores))
        say(f"{name} with outliers, seed {seed}")
    return {way: cell(values) for way, values in aurocs.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default="", help="an interpreter that has pyod")
    parser.add_argument("--quick", action="store_true", help="one seed, the smallest table")
    options = parser.parse_args()
    seeds, names = (1, ["wine"]) if options.quick else (3, list(TABLES))
    rows = [accuracies(name, seeds) for name in names]
    columns = {name: detection(name, seeds, options.peers) for name in names if name in NORMAL}
    over = f"mean and range over {seeds} seed{'s' if seeds > 1 else ''}"
    print(f"### Estimators on small tables\n\nAccuracy of 5 nearest neighbours in three folds, on "
          f"standardised columns, and on codes of PCA and ours; {over}.\n")
    print("| table | seconds of a fit | epochs | all columns | PCA | `ae` | `vae` |\n"
          "|---|---|---|---|---|---|---|")
    print("\n".join(rows))
    print(f"\nOutliers are {OUTLIERS:.0%} of a table, from classes that are otherwise left out. "
          f"No method knows which rows they are. AUROC on the table itself; {over}.\n")
    print(f"| method | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for way in next(iter(columns.values())):
        label = f"ours, `{way}`" if way in OURS else way
        print(f"| {label} | {' | '.join(cells[way] for cells in columns.values())} |")


if __name__ == "__main__":
    main()
