"""Ways to walk among codes: the plane that they are drawn on, and a slider a direction."""

from dataclasses import dataclass

import numpy as np

SLIDERS = 16    # latent dimensions that have one each; of more, the main axes have
OUTER = 1.0     # percent of the codes beyond either end, before
WIDER = 0.25    # of the span is put to both ends


@dataclass(frozen=True)
class Walk:
    """Directions (K, D) of the sliders and (2, D) of the plane, orthonormal; a code's place on one
    is (code - origin) @ direction."""

    origin: np.ndarray                          # (D,)
    plane: np.ndarray                           # (2, D)
    labels: tuple[str, str]                     # of the plane's axes
    directions: np.ndarray                      # (K, D)
    sliders: tuple[tuple[str, float, float], ...]   # names and ranges
    about: str                                  # a sentence on the sliders


def find_walk(codes: np.ndarray) -> Walk:
    """The directions to walk among codes (N, D): latent dimensions if there are few, otherwise
    principal components."""
    dimensions = codes.shape[1]
    axes, shares = _main_axes(codes)
    few = dimensions <= SLIDERS
    origin = np.zeros(dimensions) if few else codes.mean(0)
    directions = np.eye(dimensions) if few else axes[:SLIDERS]
    names = [f"{'dimension' if few else 'axis'} {i}" for i in range(1, len(directions) + 1)]
    ranges = _ranges((codes - origin) @ directions.T)
    about = "One slider for each latent dimension." if few else (
        f"The code has {dimensions:,} latent dimensions. The sliders move along its "
        f"{len(directions)} main axes (PCA), which hold {shares[:len(directions)].sum():.0%} of "
        f"the codes' variance.")
    sliders = tuple((name, low, high) for name, (low, high) in zip(names, ranges, strict=True))
    if dimensions <= 2:
        plane = np.eye(2, dimensions)
        labels = ("dimension 1", "dimension 2" if dimensions == 2 else "")
    else:
        plane = np.concatenate([axes, np.zeros((2, dimensions))])[:2]   # one code has one axis
        labels = (f"first main axis ({shares[0]:.0%} of the variance)",
                  f"second ({shares[1]:.0%})" if len(shares) > 1 else "")
    return Walk(origin, plane, labels, directions, sliders, about)


def _main_axes(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codes' principal axes (K, D), the first the longest, and each one's share of the
    variance; so turned that its largest part is positive."""
    _, scale, axes = np.linalg.svd(codes - codes.mean(0), full_matrices=False)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    variance = scale**2
    return axes * np.sign(largest), variance / max(float(variance.sum()), 1e-12)


def _ranges(places: np.ndarray) -> list[tuple[float, float]]:
    """From where to where a slider goes, for places (N, K) of the codes."""
    low, high = np.percentile(places, [OUTER, 100 - OUTER], axis=0)
    wider = np.maximum((high - low) * WIDER, 1e-3)
    return list(zip((low - wider).tolist(), (high + wider).tolist(), strict=True))
