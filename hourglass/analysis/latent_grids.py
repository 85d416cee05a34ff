"""Probes: chosen codes and their decodings, which show how the latent space is laid out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .snapshot import Probe

GRID = 15          # codes a side
LARGE = 9          # of images so large that
PIXELS = 64        # their side is over this
FACTORS = 10       # that are traversed
COLUMNS = 11
PAIRS = 6
MOST_CLASSES = 12
SHELLS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)   # times the codes' median radius

Decode = Callable[[np.ndarray, np.ndarray], np.ndarray]   # z (N, D), y (N,) -> (N, H, W, C)


@dataclass(frozen=True)
class Space:
    """The codes that probes start from, and the way back from them."""

    z: np.ndarray          # (N, D)
    y: np.ndarray          # (N,) labels, or (0,)
    x: np.ndarray          # (N, H, W, C) or (N, D) the samples of the codes
    classes: tuple[str, ...]
    decode: Decode
    typical: int           # a sample that is reconstructed as well as most
    confined: bool         # whether training drew the codes to N(0, 1)

    def pictures(self, z: np.ndarray, like: np.ndarray | int | None = None) -> np.ndarray:
        """Codes (R, K, D) decoded, of the classes of samples `like` (R, K)."""
        rows = np.broadcast_to(self.typical if like is None else like, z.shape[:2])
        y = self.y[rows.reshape(-1)] if len(self.y) else np.empty(0, int)
        flat = self.decode(z.reshape(-1, z.shape[-1]).astype(np.float32), y)
        return flat.reshape(*z.shape[:2], *flat.shape[1:])


def all_probes(space: Space) -> dict[str, Probe]:
    """Every probe that the space allows, by name."""
    return dict(_probes(space))


def _probes(space: Space) -> Iterator[tuple[str, Probe]]:
    if space.z.shape[1] >= 2 and len(space.z) >= 3:
        yield "grid", grid(space)
    if space.z.shape[1] == 2 and space.confined:
        yield "quantile_grid", quantile_grid(space)
    yield "traversals", traversals(space)
    if len(space.z) >= 2:
        yield "interpolations", interpolations(space)
    if len(space.y) and len(np.unique(space.y)) >= 2:
        yield "between", between(space)
    yield "shells", shells(space)


def _side(space: Space) -> int:
    return LARGE if space.x.ndim == 4 and max(space.x.shape[1:3]) > PIXELS else GRID


def grid(space: Space) -> Probe:
    """Codes on a square: of two latent dimensions, or of the first two principal components."""
    z, steps, about = square(space.z, _side(space))
    return Probe(space.pictures(z), as_texts(steps[::-1]), as_texts(steps), about)


def square(
    z: np.ndarray, side: int, limit: float | None = None
) -> tuple[np.ndarray, np.ndarray, str]:
    """Codes (S, S, D) on a square from -limit to limit each way, the S steps, and a description of
    the axes. They are the latent dimensions of codes z (N, D) if there are two, otherwise the two
    main axes through the mean, in standard deviations. Without a limit the square holds nearly all
    codes."""
    if z.shape[1] == 2:
        limit = limit or float(np.ceil(np.quantile(np.abs(z), 0.999)))
        steps = np.linspace(-limit, limit, side)
        about = "latent dimension 1 to the right, latent dimension 2 upwards"
        return np.stack(np.meshgrid(steps, steps[::-1]), -1), steps, about
    mean = z.mean(0)
    _, scale, axes = np.linalg.svd(z - mean, full_matrices=False)
    widths = scale[:2] / np.sqrt(len(z))
    steps = np.linspace(-(limit or 3), limit or 3, side)
    across, up = np.meshgrid(steps, steps[::-1])
    about = ("through the mean code, along the first main axis to the right, the second upwards, "
             "in their standard deviations")
    return (mean + across[..., None] * widths[0] * axes[0] + up[..., None] * widths[1] * axes[1],
            steps, about)


def quantile_grid(space: Space) -> Probe:
    """Two factors at quantiles of the normal distribution, so that all cells are as likely."""
    from scipy.special import ndtri
    shares = (np.arange(GRID) + 0.5) / GRID
    steps = ndtri(shares)
    z = np.stack(np.meshgrid(steps, steps[::-1]), -1)
    about = f"at {GRID} quantiles of N(0, 1) per dimension: each image is as likely as any other"
    return Probe(space.pictures(z), as_texts(steps[::-1]), as_texts(steps), about)


def traversals(space: Space) -> Probe:
    """One factor after the other, over three standard deviations, from a typical sample."""
    mean, std = space.z.mean(0), space.z.std(0)
    order = np.argsort(-std, kind="stable")[:FACTORS]
    steps = np.linspace(-3, 3, COLUMNS)
    z = np.repeat(space.z[space.typical][None, None], len(order), 0).repeat(COLUMNS, 1)
    for row, factor in enumerate(order):
        z[row, :, factor] = mean[factor] + steps * std[factor]
    about = (f"the {len(order)} latent dimensions that vary most, from 3 standard deviations below "
             f"the mean to 3 above; the other dimensions are those of one sample")
    names = tuple(f"dimension {i + 1}" for i in order)
    return Probe(space.pictures(z), names, as_texts(steps), about)


def interpolations(space: Space) -> Probe:
    """From sample to sample, straight; the samples themselves at the ends."""
    ends = _pairs(space)
    shares = np.linspace(0, 1, COLUMNS)
    z = np.stack([(1 - t) * space.z[ends[:, 0]] + t * space.z[ends[:, 1]] for t in shares], 1)
    like = np.stack([ends[:, 0] if t <= 0.5 else ends[:, 1] for t in shares], 1)
    between_ends = space.pictures(z, like)
    x = np.concatenate([space.x[ends[:, :1]], between_ends, space.x[ends[:, 1:]]], 1)
    return Probe(x, (), ("input", *as_texts(shares), "input"),
                 "share of the way from the left sample to the right one")


def _pairs(space: Space) -> np.ndarray:
    """(P, 2) samples that are far apart in the set, of different classes where there are some."""
    count = min(PAIRS, len(space.z) // 2)
    drawn = np.random.default_rng(0).permutation(len(space.z))
    first, rest = drawn[:count], list(drawn[count:])
    pairs = []
    for i in first:
        other = next((j for j in rest if not len(space.y) or space.y[j] != space.y[i]), rest[0])
        rest.remove(other)
        pairs.append((i, other))
    return np.array(pairs)


def between(space: Space) -> Probe:
    """Halfway between the middles of two classes; on the diagonal the middles themselves."""
    kinds = np.unique(space.y)[:MOST_CLASSES]
    middles = np.stack([np.median(space.z[space.y == kind], 0) for kind in kinds])
    like = np.array([np.flatnonzero(space.y == kind)[0] for kind in kinds])
    z = (middles[:, None] + middles[None]) / 2
    names = tuple(space.classes[kind] if kind < len(space.classes) else str(kind)
                  for kind in kinds)
    there = len(np.unique(space.y))
    some = f" (the first {len(kinds)} of {there} classes)" if there > len(kinds) else ""
    return Probe(space.pictures(z, np.repeat(like[:, None], len(kinds), 1)), names, names,
                 f"halfway from the median code of the row's class to that of the column's{some}")


def shells(space: Space) -> Probe:
    """Random directions, at growing distances from the origin."""
    usual = float(np.median(np.linalg.norm(space.z, axis=1)))
    ways = np.random.default_rng(0).standard_normal((1, COLUMNS - 1, space.z.shape[1]))
    ways /= np.linalg.norm(ways, axis=2, keepdims=True)
    radii = usual * np.array(SHELLS)
    about = f"each column a random direction; half of the codes are within {usual:.3g}"
    return Probe(space.pictures(radii[:, None, None] * ways),
                 tuple(f"|z| = {r:.3g}" for r in radii), (), about)


def as_texts(steps: np.ndarray) -> tuple[str, ...]:
    """Numbers with three digits, and 0 where they are nearly so."""
    return tuple(f"{step:.3g}" if abs(step) > 1e-9 else "0" for step in steps)
