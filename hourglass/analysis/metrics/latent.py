"""Metrics of codes: how well they predict classes, and how they fill their space."""

from contextlib import suppress

import numpy as np

from ...core.registry import metrics
from ..snapshot import Lacking, Snapshot, of_accuracy

FOLDS = 5
NEIGHBOURS = 5
ACTIVE = 0.01       # variance of a factor above which it is in use (Burda et al., 2016)
COMES_BACK = 0.95   # quantile of the samples' own distances that still counts as near


@metrics.add("accuracy")
def accuracy(s: Snapshot) -> dict[str, np.ndarray]:
    """Share of the codes whose class is found by their 5 nearest neighbours, and by a linear
    classifier: each fifth of the codes from the other four, at most 5,000."""
    return of_classes(s.codes, s.y)


@metrics.add("pca")
def pca(s: Snapshot) -> dict[str, np.ndarray]:
    """Squared error and class accuracy of PCA with as many components as the code has numbers,
    fitted to the training samples."""
    if not len(s.pca_squared):
        raise Lacking("a code that PCA can be compared with")
    scores = {"pca_mse": s.pca_squared}
    if len(s.pca_codes):
        codes = np.zeros((len(s.x), s.pca_codes.shape[1]), np.float32)
        codes[of_accuracy(len(s.x))] = s.pca_codes
        with suppress(Lacking):
            scores |= {f"pca_{name}": right for name, right in of_classes(codes, s.y).items()}
    return scores


def of_classes(codes: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """(S,) whether the class (N,) of each code (N, D) is found, by neighbours and by a line; of
    the codes `of_accuracy`. Raises Lacking."""
    kinds, counts = np.unique(labels, return_counts=True)
    if len(kinds) < 2 or counts.min() < FOLDS or not np.isfinite(codes).all():
        raise Lacking(f"two classes of {FOLDS} samples or more")
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    few = of_accuracy(len(codes))
    z, y = codes[few], labels[few]
    if np.unique(y, return_counts=True)[1].min() < FOLDS:
        raise Lacking("classes that are not rare")
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, tol=1e-3))
    near = KNeighborsClassifier(NEIGHBOURS)
    return {"knn_accuracy": cross_val_predict(near, z, y, cv=FOLDS) == y,
            "linear_accuracy": cross_val_predict(linear, z, y, cv=FOLDS) == y}


@metrics.add("active")
def active(s: Snapshot) -> dict[str, float]:
    """How many factors vary from sample to sample (variance above 0.01)."""
    return {"active_units": float((s.codes.var(0) > ACTIVE).sum())}


@metrics.add("kl")
def kl(s: Snapshot) -> dict[str, float]:
    """KL of the posteriors to the prior, nats per sample; and that of all posteriors together: the
    Gaussian with their mean and covariance (exact where they make one), and factor by factor."""
    if not len(s.kl) or not len(s.std):
        raise Lacking("a posterior")
    z, std = s.codes.astype(np.float64), s.std.astype(np.float64)
    covariance = np.cov(z, rowvar=False, bias=True).reshape(z.shape[1], -1) + np.diag(
        np.square(std).mean(0))
    return {"kl": float(s.kl.sum()), "aggregate_kl": gaussian_kl(z.mean(0), covariance),
            "marginal_kl": float(sum(_marginal_kl(z[:, j], std[:, j]) for j in range(z.shape[1])))}


def gaussian_kl(mean: np.ndarray, covariance: np.ndarray) -> float:
    """KL(N(mean, covariance) || N(0, 1)), in nats."""
    _, log_volume = np.linalg.slogdet(covariance)
    return float((np.trace(covariance) + mean @ mean - len(mean) - log_volume) / 2)


def _marginal_kl(mean: np.ndarray, std: np.ndarray) -> float:
    """KL of the mean of Gaussians (N,) to N(0, 1), by quadrature over all where it has mass."""
    few = np.linspace(0, len(mean) - 1, min(len(mean), 500)).astype(int)
    mean, std = mean[few], std[few]
    low, high = (mean - 6 * std).min(), (mean + 6 * std).max()
    t = np.linspace(low, high, 1000)
    densities = np.exp(-np.square((t[:, None] - mean) / std) / 2) / (std * np.sqrt(2 * np.pi))
    q = densities.mean(1)
    log_p = -np.square(t) / 2 - np.log(2 * np.pi) / 2
    return float(np.trapezoid(np.where(q > 0, q * (np.log(np.maximum(q, 1e-300)) - log_p), 0), t))


@metrics.add("filled")
def filled(s: Snapshot) -> dict[str, float | np.ndarray]:
    """How far codes move when they are decoded and encoded again, in widths of the cloud of codes.
    Also how much of the space is filled: the share of random points in the box around all codes
    that move no farther than 95 % of the samples' codes."""
    if not len(s.trips):
        raise Lacking("codes that were decoded and encoded again")
    near = np.quantile(s.trips, COMES_BACK)
    return {"round_trip": s.trips, "filled": (s.box_trips <= near).astype(float)}
