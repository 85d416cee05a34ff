"""What `benchmarks/baselines.py` measures: our default on a data set, and what is trivial there.

Every function takes `Asked` and a seed, trains with nothing but epochs (and what the data makes
necessary, which the call in the table shows), and gives an `Outcome`.
"""

import contextlib
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from defaults import principal
from sklearn.metrics import roc_auc_score

import hourglass as hg
from hourglass.core.contracts import Collection
from hourglass.tasks.score import simpler

SPOKEN = ("loses", "worse", "better than the model", "still falling", "before the first epoch",
          "no rows", "unlike", "detector")   # words of the lines that say how well a default does
TESTED = 2000      # images that a reconstruction is measured on
NOISE = 0.1        # standard deviation, of pixels in [0, 1]
RESTORED = 64      # images that are denoised
NEIGHBOURS = 5


@dataclass(frozen=True)
class Asked:
    """How long and how much."""

    quick: bool = False     # seconds of everything, for a look whether it works

    def manner(self, epochs: int | None) -> dict[str, Any]:
        """The arguments of `train` besides the data. Without epochs, training ends by itself."""
        limit = {"minutes": 0.02} if self.quick else {"epochs": epochs} if epochs else {}
        return {"device": "cpu", "report": False, **limit}


@dataclass
class Outcome:
    """What was measured with one seed."""

    ours: float
    others: dict[str, float]
    told: list[str] = field(default_factory=list)   # lines that a user saw
    detail: dict[str, list[float]] = field(default_factory=dict)   # figures of parts, by method


def root() -> Path:
    return Path(os.environ["HOURGLASS_DATA"])


@contextlib.contextmanager
def training(data: Any, asked: Asked, epochs: int | None = None, **settings: Any
             ) -> Iterator[tuple[hg.Trained, list[str]]]:
    """A model with the defaults, and the messages that said how good it is."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = io.StringIO()
        with contextlib.redirect_stderr(spoken):
            model = hg.train(data, out=f"{folder}/run", **asked.manner(epochs), **settings)
        yield model, spoken_of(spoken.getvalue())


def spoken_of(text: str) -> list[str]:
    """The lines that say how good a model is."""
    return [line for line in text.splitlines() if any(word in line for word in SPOKEN)]


def letters() -> np.ndarray:
    """notMNIST, 10,000 images (N, 28, 28)."""
    import gzip
    file = gzip.open(root() / "glyphs" / "notmnist" / "t10k-images-idx3-ubyte.gz")
    return np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 28, 28)


def reconstruct(data: str, epochs: int, **settings: Any) -> Callable[[Asked, int], Outcome]:
    """The squared error of unseen images, and that of PCA with as many numbers as a code has."""
    def measure(asked: Asked, seed: int) -> Outcome:
        given = letters() if data == "notmnist" else data.format(root=root())
        with training(given, asked, epochs, seed=seed, **settings) as (model, messages):
            source = model.source()
            train, test = source.splits["train"], source.splits["test"]
            x = test.x[test.index[:TESTED]].numpy()
            scale = np.float32(model.scale_of(x))
            again = model.reconstruct(Collection(x))
            numbers = model.encode(Collection(x[:1])).size
            fitted = train.x[train.evenly(5000)].numpy()
            if x.dtype != np.uint8:
                fitted, x = fitted * (255 * scale), x * (255 * scale)
                scale = np.float32(1 / 255)
            error = float(np.square(again.reshape(x.shape) - x * scale).mean())
            return Outcome(error, {f"PCA({numbers})": principal(fitted, x, numbers)}, messages)
    return measure


def denoise(data: str, epochs: int, **settings: Any) -> Callable[[Asked, int], Outcome]:
    """PSNR of unseen images with noise, and that of three filters. Total variation and non-local
    means get the noise level, and the median filter has the better of two sizes."""
    def measure(asked: Asked, seed: int) -> Outcome:
        with training(data.format(root=root()), asked, epochs, seed=seed,
                      corruption=f"noise({NOISE}, clip=True)", **settings) as (model, messages):
            split = model.source().splits["test"]
            x = split.x[split.index[:4 if asked.quick else RESTORED]].numpy()
            clean = x.astype(np.float32) * np.float32(model.scale_of(x))
            noise = np.random.default_rng(seed).normal(0, NOISE, clean.shape)
            noisy = np.clip(clean + noise, 0, 1).astype(np.float32)
            denoised = {"as it is": noisy, **filtered(noisy)}
            ours = peak(clean, np.asarray(model.restore(noisy)).reshape(clean.shape))
            return Outcome(ours, {name: peak(clean, y) for name, y in denoised.items()}, messages)
    return measure


def peak(clean: np.ndarray, made: np.ndarray) -> float:
    """Mean PSNR of images (N, H, W, C) in [0, 1], in decibels."""
    errors = np.square(clean - made.clip(0, 1)).mean((1, 2, 3))
    return float((-10 * np.log10(errors)).mean())


def filtered(noisy: np.ndarray) -> dict[str, np.ndarray]:
    """Images (N, H, W, C) as filters clean them, by the filter's name."""
    from scipy.ndimage import median_filter
    denoised = {f"median {size}x{size}": median_filter(noisy, (1, size, size, 1))
                for size in (3, 5)}
    try:
        from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
    except ImportError:   # the table says which filters it has
        return denoised
    manner = {"channel_axis": -1}
    denoised["total variation"] = np.stack([
        denoise_tv_chambolle(image, weight=NOISE, **manner) for image in noisy])
    denoised["non-local means"] = np.stack([denoise_nl_means(
        image, patch_size=5, patch_distance=6, h=0.8 * NOISE, sigma=NOISE, fast_mode=True,
        **manner).reshape(image.shape) for image in noisy])
    return denoised


def defects(name: str, epochs: int) -> Callable[[Asked, int], Outcome]:
    """AUROC of defective images, and that of the best of PCA's detectors. Seed 0 has the split of
    the archive, other seeds another one."""
    def measure(asked: Asked, seed: int) -> Outcome:
        from argparse import Namespace

        from defects import boards, figures, tiles
        archive = root() / "inspection" / f"{name}.zip"
        with tempfile.TemporaryDirectory() as folder:
            parts = Path(folder) / "data"
            data = (boards(archive, parts, seed) if name == "deeppcb" else
                    tiles(archive, parts, seed) if seed else archive)
            options = Namespace(minutes=None, quick=asked.quick)
            messages: list[str] = []
            with contextlib.redirect_stderr(io.StringIO()):
                rows = figures(data, {"seed": seed, "epochs": 2 if asked.quick else epochs},
                               options, Path(folder) / "run",
                               ("", "pca", "pca_local", "pca_relative"), messages)
        ours, *others = ((text, cells[0].value) for text, *cells in rows)
        return Outcome(ours[1], dict(others), [*messages, f"detector {ours[0]}"])
    return measure


def skab(part: str) -> Callable[[Asked, int], Outcome]:
    """AUROC of the steps of the Skoltech benchmark, and that of PCA of windows."""
    def measure(asked: Asked, seed: int) -> Outcome:
        import skab as bench
        free, frames = bench.experiments(34 if asked.quick else 4)
        truth = [frame.anomaly.to_numpy() > 0 for frame in frames]
        minutes = 0.02 if asked.quick else None
        with tempfile.TemporaryDirectory() as folder:
            if part == "free":
                scores = bench.learnt_from_free(free, frames, 30, minutes, Path(folder), seed=seed)
            else:
                scores = bench.learnt_from_each(frames, 30, minutes, Path(folder), seed=seed)
                truth = [y[bench.FIRST:] for y in truth]
        ours, *others = ((name, bench.figures_of(scored, truth).together)
                         for name, scored in scores.items())
        return Outcome(ours[1], dict(others))
    return measure


def telemetry(asked: Asked, seed: int) -> Outcome:
    """The mean AUROC of seven channels of NASA's telemetry, and that of PCA of windows."""
    import skab as bench
    aurocs: dict[str, list[float]] = {}
    for train, test, truth in channels()[:1 if asked.quick else None]:
        cut = round(0.9 * len(train))
        with tempfile.TemporaryDirectory() as folder:
            model = bench.ours(pd.DataFrame(train).add_prefix("channel "), 30,
                               0.02 if asked.quick else None, Path(folder), seed=seed)
            base = bench.pca(train[:cut], train[cut:], 30)
            scores = {"ours": model(pd.DataFrame(test).add_prefix("channel "))[0],
                      f"PCA({bench.CODE})": base(test)[0]}
        for name, score in scores.items():
            aurocs.setdefault(name, []).append(float(roc_auc_score(truth, score)))
    means = {name: float(np.mean(values)) for name, values in aurocs.items()}
    return Outcome(means.pop("ours"), means, detail=aurocs)


def channels() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each channel of SMAP and MSL: the training part (T, C), the test part, and its labels."""
    import json
    parts = []
    with zipfile.ZipFile(root() / "series" / "SMAP_MSL.zip") as archive:
        labels = pd.read_csv(archive.open("labeled_anomalies.csv")).set_index("chan_id")
        for name in sorted(n for n in archive.namelist() if n.startswith("train/")):
            train, test = (np.load(io.BytesIO(archive.read(name.replace("train", part))))
                           for part in ("train", "test"))
            truth = np.zeros(len(test), bool)
            for first, last in json.loads(labels.loc[Path(name).stem, "anomaly_sequences"]):
                truth[first:last + 1] = True
            parts.append((train, test, truth))
    return parts


def heartbeats(asked: Asked, seed: int) -> Outcome:
    """AUROC of abnormal heartbeats of ECG5000, by a model of 200 normal ones."""
    with zipfile.ZipFile(root() / "series" / "ECG5000.zip") as archive:
        rows = np.loadtxt(io.BytesIO(archive.read("ECG5000_TRAIN.txt")))
    x, normal = rows[:, 1:].astype(np.float32), rows[:, 0] == 1
    order = np.random.default_rng(seed).permutation(np.flatnonzero(normal))
    rest = np.concatenate([order[200:], np.flatnonzero(~normal)])
    return detected(x[order[:200]], x[rest], ~normal[rest], asked, seed, kind="series")


def outliers(name: str) -> Callable[[Asked, int], Outcome]:
    """AUROC of outliers of a table of ODDS, by a model of half of the normal rows."""
    def measure(asked: Asked, seed: int) -> Outcome:
        x, y = odds(name)
        order = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
        half = len(order) // 2
        rest = np.concatenate([order[half:], np.flatnonzero(y == 1)])
        return detected(x[order[:half]], x[rest], y[rest] == 1, asked, seed)
    return measure


def odds(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A table of ODDS (N, D), and 1 for its outliers (N,)."""
    from scipy.io import loadmat
    content = loadmat(root() / "tables" / "odds" / f"{name}.mat")
    return content["X"].astype(np.float64), content["y"].ravel().astype(int)


def detected(
    train: np.ndarray, test: np.ndarray, truth: np.ndarray, asked: Asked, seed: int,
    **settings: Any
) -> Outcome:
    """AUROC of our default detector, of PCA's error and of the distance to neighbours, both in
    standardised columns."""
    data = train if settings else pd.DataFrame(train).add_prefix("column ")
    with training(data, asked, seed=seed, **settings) as (model, messages):
        given = test if settings else pd.DataFrame(test).add_prefix("column ")
        scores = model.score(given)
        ours = roc_auc_score(truth, scores)
        numbers = model.encode(given).shape[1]
        messages += filter(None, [simpler(model.detector(), model.read(given), truth, scores)])
        messages.append(f"detector {model.detector().text}")
    return Outcome(float(ours), {name: float(roc_auc_score(truth, scores)) for name, scores in
                                 usual_scores(train, test, numbers).items()}, messages)


def usual_scores(train: np.ndarray, test: np.ndarray, numbers: int) -> dict[str, np.ndarray]:
    """How abnormal rows (N, D) are by PCA, and by their neighbours among the training rows."""
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import StandardScaler
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    pca = PCA(max(1, min(numbers, train.shape[1] - 1, len(train) - 1)), random_state=0).fit(train)
    error = np.square(pca.inverse_transform(pca.transform(test)) - test).mean(1)
    near = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(train).kneighbors(test)[0].mean(1)
    return {f"PCA({pca.n_components_})": error, f"{NEIGHBOURS} neighbours": near}


def impute(make: Callable[[int], pd.DataFrame], share: float) -> Callable[[Asked, int], Outcome]:
    """The error of hidden cells, as a share of the error of column means and most frequent
    categories, averaged over columns."""
    def measure(asked: Asked, seed: int) -> Outcome:
        from tables import errors_of
        frame = make(seed)
        spoken = io.StringIO()
        with contextlib.redirect_stderr(spoken):
            errors = errors_of(frame.head(200) if asked.quick else frame, share, seed, False)[0]
        table = pd.DataFrame(errors).T
        right = (table["measure"] == "accuracy").to_numpy()
        errors = table.drop(columns="measure").astype(float)
        errors[right] = 1 - errors[right]
        shares = errors.div(errors["mean"].where(errors["mean"] > 0), axis=0).mean()
        ours = float(shares.pop("hourglass"))
        return Outcome(ours, {name: float(value) for name, value in shares.items()
                              if name != "its model alone"}, spoken_of(spoken.getvalue()))
    return measure


def films(seed: int) -> pd.DataFrame:
    """MovieLens 100k as a table: a row a user, a column a film of at least 50 ratings."""
    with zipfile.ZipFile(root() / "movielens100k" / "ml-100k.zip") as archive:
        name = next(n for n in archive.namelist() if n.endswith("u.data"))
        rows = pd.read_csv(archive.open(name), sep="\t", names=["user", "film", "rating", "time"])
    table = rows.pivot_table(index="user", columns="film", values="rating")
    return table[table.columns[table.notna().sum() >= 50]].add_prefix("film ").reset_index(
        drop=True)
