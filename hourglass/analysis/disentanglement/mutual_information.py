"""What codes say of factors, in nats by histograms: the mutual information gap, and modularity."""

import numpy as np

from .checks import checked, several

BINS = 20     # of equal width, between a code's least and greatest value
USED = 0.01   # share of the widest code's variance from which a code is in use


def mutual_information(codes: np.ndarray, factors: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Between each code of (N, D) and each factor of (N, F): (D, F), in nats. By a histogram, so of
    independent ones it comes to about (bins - 1) (values - 1) / 2N, not to 0."""
    z, v = checked(codes, factors)
    return np.array([[_shared(code, factor) for factor in v.T] for code in _binned(z, bins).T])


def entropies(factors: np.ndarray) -> np.ndarray:
    """The entropy of each factor of (N, F), in nats."""
    return np.array([_entropy(np.unique(factor, return_counts=True)[1]) for factor in factors.T])


def mig(codes: np.ndarray, factors: np.ndarray, bins: int = BINS) -> float:
    """Mutual information gap: how much more the best code of a factor says of it than the second
    best, in shares of the factor's entropy, the mean over factors (Chen et al., 2018, arXiv
    1802.04942). From 0; a perfect code comes to 1 only where no factor has more values than there
    are `bins`. There, information is of samples of the posterior; here of mean codes, in a
    histogram, as in Locatello et al., 2019, arXiv 1811.12359."""
    informations = np.sort(mutual_information(codes, factors, bins), axis=0)[::-1]
    second = informations[1] if len(informations) > 1 else 0
    return float(((informations[0] - second) / entropies(np.asarray(factors))).mean())


def modularity(codes: np.ndarray, factors: np.ndarray, bins: int = BINS) -> float:
    """How far each latent dimension informs about one factor only, the mean over dimensions that
    vary (Ridgeway & Mozer, 2018, arXiv 1802.05312). From 0 to 1. Several dimensions may inform
    about the same factor. Dimensions without information still count, because a histogram finds
    some by chance: leave out those that are not `in_use`."""
    z, v = checked(codes, factors)
    several(v, "factors", "modularity")
    informations = mutual_information(z, v, bins)
    informations = informations[informations.max(1) > 0]
    if not len(informations):
        return 0.0
    best = np.square(informations).max(1)
    rest = np.square(informations).sum(1) - best
    return float((1 - rest / (best * (v.shape[1] - 1))).mean())


def in_use(codes: np.ndarray) -> np.ndarray:
    """Which codes of (N, D) vary, (D,): by at least a hundredth of the variance of the widest."""
    variance = np.asarray(codes, np.float64).reshape(len(codes), -1).var(0)
    return np.asarray(variance > USED * variance.max())


def _binned(z: np.ndarray, bins: int) -> np.ndarray:
    """Which bin each code of (N, D) falls into."""
    if bins < 2:
        raise ValueError(f"bins must be a whole number from 2, not {bins}")
    low, width = z.min(0), np.ptp(z, axis=0)
    share = (z - low) / np.where(width > 0, width, 1)
    return np.minimum((share * bins).astype(int), bins - 1)


def _shared(a: np.ndarray, b: np.ndarray) -> float:
    """Mutual information of numbers (N,) and (N,)."""
    values = int(b.max()) + 1
    together = np.bincount(a * values + b, minlength=(int(a.max()) + 1) * values)
    table = together.reshape(-1, values)
    return max(_entropy(table.sum(0)) + _entropy(table.sum(1)) - _entropy(together), 0.0)


def _entropy(counts: np.ndarray) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())
