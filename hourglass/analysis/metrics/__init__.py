"""Metrics: `Snapshot -> {name: number}`; a metric may also give one value a sample, whose mean it
is, or an Estimate."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...core.registry import metrics
from ..snapshot import Lacking, Snapshot
from . import codebook_usage, detection, generation, latent, reconstruction, restoration
from .bootstrap import Estimate, of_mean

OF_RECONSTRUCTIONS = ("errors", "psnr", "bce", "explained", "ssim", "sharpness", "restoration")


def measure(
    snapshot: Snapshot, only: Sequence[str] = ()
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Every metric that applies, or those named, and the 95 % intervals of those that have one."""
    numbers: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for metric in (metrics.parts[name] for name in only or metrics.parts):
        try:
            found: Mapping[str, float | np.ndarray | Estimate] = metric(snapshot)
        except Lacking:
            continue
        for name, value in found.items():
            value = of_mean(value) if isinstance(value, np.ndarray) else value
            if isinstance(value, Estimate):
                intervals[name] = (value.low, value.high)
                value = value.value
            numbers[name] = float(value)
    return numbers, intervals
