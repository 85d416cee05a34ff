"""Detectors of an ensemble: whether its members agree, and how each ranks a sample."""

import numpy as np

from ...core.contracts import Rule, Seen
from ...core.hints import Count
from ...core.registry import detectors
from .local import BLOCK, highest, in_blocks
from .reconstruction import nothing
from .tail_probability import log_survival

State = dict[str, np.ndarray]


@detectors.add("disagreement")
def disagreement(block: Count = BLOCK) -> Rule:
    """Largest variance among an ensemble's reconstructions of a block of `block` by `block` pixels
    (steps of a series, one column of a table)."""
    def places(seen: Seen, state: State) -> np.ndarray:
        return in_blocks(seen.spread, block)
    return Rule(nothing, lambda seen, state: highest(places(seen, state)), codes=False,
                maps=frozenset({"spread"}), places=places)


@detectors.add("ranks")
def ranks() -> Rule:
    """Each member's error as a rank among normal samples, averaged with the ensemble's weights: the
    mean of -log of the share of normal samples with a higher error."""
    def fit(codes: np.ndarray, calibration: Seen) -> State:
        return {"normal": np.sort(calibration.members, axis=0)}

    def score(seen: Seen, state: State) -> np.ndarray:
        log_ranks = [-log_survival(normal, errors)
                     for normal, errors in zip(state["normal"].T, seen.members.T, strict=True)]
        scores: np.ndarray = (np.stack(log_ranks, 1) * seen.weights).sum(1)
        return scores
    return Rule(fit, score, codes=False, maps=frozenset({"members"}))
