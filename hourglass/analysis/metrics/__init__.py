"""Metrics: `Snapshot -> {name: number}`. A metric may also give an Estimate, or one value per
sample, whose mean is reported."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...core.console import say
from ...core.registry import metrics
from ..snapshot import Lacking, Snapshot
from . import (
    codebook_usage,
    detection,
    generation,
    latent,
    lines,
    ranking,
    reconstruction,
    restoration,
)
from .bootstrap import Estimate, of_mean

OF_RECONSTRUCTIONS = ("errors", "psnr", "bce", "explained", "ssim", "sharpness", "restoration")
OF_LINES = ("lines", "active", "kl", "mutual_information")


def measure(
    snapshot: Snapshot, only: Sequence[str] = ()
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Every metric that applies, or those named, and the 95 % intervals of those that have one."""
    numbers: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for metric in only or metrics.parts:
        try:
            scores: Mapping[str, float | np.ndarray | Estimate] = metrics.parts[metric](snapshot)
            estimates = {name: of_mean(value) if isinstance(value, np.ndarray) else value
                         for name, value in scores.items()}
            values = {name: float(value.value if isinstance(value, Estimate) else value)
                      for name, value in estimates.items()}
        except Lacking:
            continue
        except Exception as error:
            if metric not in metrics.own:
                raise
            say(f"the metric {metric} is left out because it failed: {type(error).__name__}: "
                f"{error}")
            continue
        numbers |= values
        intervals |= {name: (value.low, value.high) for name, value in estimates.items()
                      if isinstance(value, Estimate)}
    return numbers, intervals
