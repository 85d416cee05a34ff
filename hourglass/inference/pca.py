"""Principal component analysis, the baseline for every model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ..core.channels import channels_last
from ..core.contracts import Batch
from ..data.split_data import Source
from .batches import batches, pieces

MOST = 10_000              # most training samples, with at most
MOST_VALUES = 30_000_000   # this many values together, but at least
LEAST = 50                 # this many samples
EXACT = 200                # most values or samples for an exact decomposition, or
SMALL_PART = 0.8           # from this share of the components on
POWERS = 4                 # iterations otherwise (Halko, Martinsson & Tropp, 2011)
BATCH = 500
SHARE = 12                 # values of a sample per component, for detectors
WIDEST = 400
FOLDS = 5


@dataclass(frozen=True)
class PCA:
    """The mean of some samples, and the directions in which they vary most."""

    mean: np.ndarray   # (D,)
    axes: np.ndarray   # (K, D) orthonormal, the widest first
    count: int = 0     # number of samples it was fitted to

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Components (N, K) of samples (N, ...); a missing value (NaN) counts as the mean."""
        flat = x.reshape(len(x), -1)
        components: np.ndarray = np.where(np.isnan(flat), 0, flat - self.mean) @ self.axes.T
        return components

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Samples (N, D) of components (N, K)."""
        samples: np.ndarray = z @ self.axes + self.mean
        return samples

    def squared_errors(self, x: np.ndarray) -> np.ndarray:
        """Squared error of each value of samples (N, ...), in their shape; NaN where missing."""
        parts = [np.square(self.decode(self.encode(part)).reshape(part.shape) - part)
                 for part, in pieces(x, size=BATCH)]
        return np.concatenate(parts) if parts else np.zeros(x.shape, np.float32)


    def first(self, count: int) -> "PCA":
        """The PCA with at most this many components."""
        return PCA(self.mean, self.axes[:count], self.count)

    def arrays(self) -> dict[str, np.ndarray]:
        """The PCA as arrays by name, for `pca_from`."""
        return {"pca:mean": self.mean, "pca:axes": self.axes, "pca:count": np.array([self.count])}


def pca_from(arrays: Mapping[str, np.ndarray]) -> PCA | None:
    """The PCA in these arrays, if there is one."""
    if not {"pca:mean", "pca:axes", "pca:count"} <= set(arrays):
        return None
    return PCA(arrays["pca:mean"], arrays["pca:axes"], int(arrays["pca:count"][0]))


def fit_pca(x: np.ndarray, components: int) -> PCA:
    """Fit PCA to samples x (N, ...) with this many components, at most N - 1. Raises ValueError
    without samples."""
    if not len(x):
        raise ValueError("PCA needs training samples; there are none")
    flat = np.array(x.reshape(len(x), -1), np.float32)
    missing = np.isnan(flat)
    if missing.any():
        count = np.maximum((~missing).sum(0), 1)
        means = np.where(missing, 0, flat).sum(0, dtype=np.float64) / count
        flat = np.where(missing, means.astype(np.float32), flat)
    components = min(components, len(flat) - 1, flat.shape[1])
    if not components:   # for one sample
        return PCA(flat[0], np.empty((0, flat.shape[1]), np.float32), 1)
    few = components < SMALL_PART * min(flat.shape) and min(flat.shape) > EXACT
    mean, axes = (_randomised if few else _exact)(flat, components)
    return PCA(mean.astype(np.float32), axes.astype(np.float32), len(flat))


def _exact(flat: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean and axes of samples (N, D); the largest number of an axis is positive. Importing
    scikit-learn would take longer."""
    mean = flat.mean(0)
    axes = np.linalg.svd(flat - mean, full_matrices=False)[2][:components]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    return mean, axes * np.where(largest < 0, -1, 1)


def _randomised(flat: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.decomposition import PCA as Fitted
    fitted = Fitted(components, svd_solver="randomized", iterated_power=POWERS,
                    random_state=0).fit(flat)
    return fitted.mean_, fitted.components_


def errors_by_others(x: np.ndarray, components: int) -> np.ndarray:
    """Squared errors of samples x (N, ...) by PCA of the others: of each fifth by PCA of the other
    four fifths."""
    errors = np.empty(x.shape, np.float32)
    part = np.arange(len(x)) % FOLDS
    for fold in range(min(FOLDS, len(x))):
        rest = x[part != fold] if len(x) > FOLDS else x
        errors[part == fold] = fit_pca(rest, components).squared_errors(x[part == fold])
    return errors


def components_for(values: int, numbers: int) -> int:
    """Number of components for detectors, for samples with this many values and codes with this
    many numbers (benchmarks/defects.py): more than the code has, because small defects need
    them."""
    count = max(numbers, min(values // SHARE, WIDEST))
    return count if count < values else max(1, values // 2)


def training_samples(
    source: Source, most_values: int = MOST_VALUES, without: np.ndarray | None = None
) -> np.ndarray:
    """Training samples (N, D), evenly spread, each flattened channels last; NaN for missing values.
    `without` are rows of the training split to leave out, unless they are all."""
    split = source.splits["train"]
    fitting = most_values // int(np.prod(source.shape))
    rows = split.evenly(min(MOST, max(LEAST, fitting)))
    if without is not None:
        others = rows[~torch.isin(rows, torch.from_numpy(without))]
        rows = others if len(others) else rows
    return np.concatenate([values_of(batch) for batch in batches(split, rows, "reading", BATCH)])


def values_of(batch: Batch) -> np.ndarray:
    """A batch's samples (B, D), each flattened channels last; NaN for missing values."""
    x = batch.x if batch.known is None else batch.x.masked_fill(batch.known == 0, torch.nan)
    values: np.ndarray = channels_last(x).flatten(1).float().cpu().numpy()
    return values
