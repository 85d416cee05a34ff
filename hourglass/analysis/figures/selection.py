"""The codes as numbers to draw: finite, flat, some of many, and their main axes."""

import numpy as np

from ..snapshot import Lacking, Snapshot

ACTIVE = 0.01   # variance above which a dimension is in use (Burda et al., 2016)


def some(s: Snapshot, most: int) -> np.ndarray:
    """Indices of at most `most` samples, in order. The choice is fixed and random."""
    n = len(s.z)
    return np.arange(n) if n <= most else np.sort(
        np.random.default_rng(0).choice(n, most, replace=False))


def counted(s: Snapshot, rows: np.ndarray) -> str:
    """How many samples are drawn: "1,500 of 10,000 test samples"."""
    of = f"{len(rows):,} of {s.total:,}" if len(rows) < s.total else f"{len(rows):,}"
    return f"{of} {s.split} samples"


def selected(count: int, of: int) -> str:
    """To follow a title: how the dimensions that are shown were chosen, if not all are."""
    return f"; the {count} of {of} latent dimensions that vary most" if count < of else ""


def latents(s: Snapshot, rows: np.ndarray, dimensions: int = 1) -> np.ndarray:
    """The codes of these samples as (N, D); Lacking if there are too few or some are not finite."""
    if len(rows) < 3:
        raise Lacking("three samples")
    z = s.z[rows].reshape(len(rows), -1).astype(np.float64)
    if z.shape[1] < dimensions:
        raise Lacking(f"{dimensions} latent dimensions")
    if not np.isfinite(z).all():
        raise Lacking("finite codes")
    return z


def widest(z: np.ndarray, most: int, least: int = 1) -> np.ndarray:
    """Indices of the latent dimensions with the largest variance, the largest first. Raises
    Lacking if too few vary."""
    varies = int((np.ptp(z, axis=0) > 0).sum())
    if varies < least:
        raise Lacking(f"latent dimensions that vary: {least}")
    return np.argsort(-z.var(0), kind="stable")[:min(most, varies)]


def main_axes(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of codes (N, D): their shares of the variance (K,), largest first, and
    where the samples lie on them (N, K), with K the lesser of N and D."""
    z = z - z.mean(0)
    wide = z.shape[1] > len(z)
    values, vectors = np.linalg.eigh(z @ z.T if wide else z.T @ z)
    values, vectors = values[::-1].clip(0), vectors[:, ::-1]
    total = values.sum()
    shares = values / total if total > 0 else np.zeros_like(values)
    return shares, vectors * np.sqrt(values) if wide else z @ vectors
