"""How badly a sample comes back: detectors that nothing need be fitted for."""

import numpy as np

from ...core.contracts import Rule, Seen
from ...core.hints import Count
from ...core.registry import detectors


def nothing(codes: np.ndarray, held: Seen) -> dict[str, np.ndarray]:
    """What a detector remembers that looks at each sample alone."""
    return {}


@detectors.add("error")
def error() -> Rule:
    """Squared error of the reconstruction, the mean over the values that are known."""
    return Rule(nothing, lambda seen, state: seen.error, codes=False)


@detectors.add("likelihood")
def likelihood(draws: Count = 16) -> Rule:
    """-log p(x|z), nats per known value: the reconstruction probability (An & Cho, 2015), the mean
    over `draws` of z from the posterior, in the same noise for every sample. Where the model has
    no Gaussian posterior, z is the code."""
    return Rule(nothing, lambda seen, state: seen.nats, draws, codes=False)
