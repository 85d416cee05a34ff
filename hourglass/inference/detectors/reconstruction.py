"""Detectors by the reconstruction of a sample, which need no fit."""

import numpy as np

from ...core.contracts import Rule, Seen
from ...core.hints import Count
from ...core.registry import detectors


def nothing(codes: np.ndarray, samples: Seen) -> dict[str, np.ndarray]:
    """The empty state of a detector that looks at each sample alone."""
    return {}


@detectors.add("error")
def error() -> Rule:
    """Squared error of the reconstruction, averaged over observed values."""
    return Rule(nothing, lambda seen, state: seen.error, codes=False)


@detectors.add("likelihood")
def likelihood(draws: Count = 16) -> Rule:
    """-log p(x|z), nats per observed value: the reconstruction probability (An & Cho, 2015),
    averaged over `draws` samples of z from the posterior, with the same noise for every sample.
    Without a Gaussian posterior, z is the code."""
    return Rule(nothing, lambda seen, state: seen.nats, draws, codes=False)
