"""Learning-rate schedules: `(**options)` -> `(share of the run, losses of past epochs) -> factor`.

The factor multiplies `lr`. A schedule has no state, so a resumed run continues exactly.
"""

import math
from collections.abc import Callable, Sequence

from ..core.hints import Count, Positive, Rate, Share
from ..core.registry import schedules

Schedule = Callable[[float, Sequence[float]], float]


@schedules.add("constant")
def constant() -> Schedule:
    """Constant learning rate."""
    return lambda share, losses: 1.0


@schedules.add("linear")
def linear(end: Share = 0.0) -> Schedule:
    """Linear decay from lr to `end` times lr."""
    return lambda share, losses: 1 + (end - 1) * share


@schedules.add("cosine")
def cosine(warmup: Rate = 0.03, end: Share = 0.0) -> Schedule:
    """Linear warm-up over the share `warmup` of the run, then cosine decay to `end` times lr
    (Loshchilov & Hutter, 2017, arXiv 1608.03983)."""
    def factor(share: float, losses: Sequence[float]) -> float:
        if share < warmup:
            return (share + 1e-3) / (warmup + 1e-3)
        return _cosine(1.0, end, (share - warmup) / (1 - warmup))
    return factor


@schedules.add("one_cycle")
def one_cycle(rise: Rate = 0.3, start: Share = 0.04, end: Share = 0.0001) -> Schedule:
    """One cycle: up from `start` to lr over the share `rise` of the run, then down to `end` (Smith
    & Topin, 2018, arXiv 1708.07120)."""
    def factor(share: float, losses: Sequence[float]) -> float:
        if share < rise:
            return _cosine(start, 1.0, share / rise)
        return _cosine(1.0, end, (share - rise) / (1 - rise))
    return factor


@schedules.add("steps")
def steps(at: tuple[Share, ...] = (0.5, 0.75), factor: Rate = 0.1) -> Schedule:
    """Times `factor` at each of these shares of the run."""
    return lambda share, losses: factor ** sum(share >= begun for begun in at)


@schedules.add("plateau")
def plateau(factor: Rate = 0.5, patience: Count = 5, least: Positive = 1e-4) -> Schedule:
    """Reduce on plateau: times `factor` if the monitored loss has not improved for `patience`
    epochs."""
    def now(share: float, losses: Sequence[float]) -> float:
        best, waited, result = math.inf, 0, 1.0
        for loss in losses:
            best, waited = (loss, 0) if loss < best else (best, waited + 1)
            if waited == patience:
                waited, result = 0, result * factor
        return max(result, least)
    return now


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2
