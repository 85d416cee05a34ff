"""Ramps: weights of the loss that change as training goes on, `(**options) -> Ramp`.

In a formula they multiply a term: "recon + ramp(0, 4, epochs=10) * kl". A ramp's length is given in
epochs, steps or as a share of the run; after it the weight stays what it is for good.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..core.contracts import Clock
from ..core.hints import Count, Positive, Rate, Share
from ..core.registry import ramps

OF_THE_RUN = 0.25   # a ramp's length where none is given


@dataclass(frozen=True)
class Ramp:
    """A weight that goes from `start` to `end` along `path`, which leads from 0 to 1."""

    start: float
    end: float
    path: Callable[[float], float]
    epochs: float | None = None
    steps: int | None = None
    share: float | None = None

    def progress(self, clock: Clock) -> float:
        """How much of the ramp is over, from 0 to 1."""
        if self.share is not None:
            return min(clock.share / self.share, 1.0) if self.share else 1.0
        length = self.steps if self.steps is not None else (self.epochs or 0) * clock.batches
        return min(clock.step / length, 1.0)

    def weight(self, clock: Clock) -> float:
        """The weight at that moment."""
        done = self.progress(clock)
        return self.end if done >= 1 else self.start + (self.end - self.start) * self.path(done)

    def epochs_long(self, epochs: int, batches: int) -> float:
        """Its length in epochs, in a run of so many epochs of so many batches."""
        if self.share is not None:
            return self.share * epochs
        return self.epochs if self.epochs is not None else (self.steps or 0) / batches


def _ramp(
    path: Callable[[float], float], start: float, end: float, epochs: float | None,
    steps: int | None, share: float | None,
) -> Ramp:
    given = sum(length is not None for length in (epochs, steps, share))
    if given > 1:
        raise ValueError("a ramp's length is given in epochs, in steps or as a share of the run, "
                         "not twice")
    return Ramp(start, end, path, epochs, steps, share if given else OF_THE_RUN)


@ramps.add("linear")
@ramps.add("ramp")
def linear(
    start: float = 0.0, end: float = 1.0, epochs: Positive | None = None,
    steps: Count | None = None, share: Share | None = None,
) -> Ramp:
    """Straight from `start` to `end` (warm-up: Sonderby et al., 2016, arXiv 1602.02282); over a
    quarter of the run, unless epochs, steps or a share are given."""
    return _ramp(lambda done: done, start, end, epochs, steps, share)


@ramps.add("cosine")
def cosine(
    start: float = 0.0, end: float = 1.0, epochs: Positive | None = None,
    steps: Count | None = None, share: Share | None = None,
) -> Ramp:
    """From `start` to `end` as half a cosine, slow at both ends."""
    return _ramp(lambda done: (1 - math.cos(math.pi * done)) / 2, start, end, epochs, steps, share)


@ramps.add("cyclic")
def cyclic(
    start: float = 0.0, end: float = 1.0, cycles: Count = 4, rise: Rate = 0.5,
    epochs: Positive | None = None, steps: Count | None = None, share: Share | None = 0.8,
) -> Ramp:
    """`cycles` times from `start` up to `end`, each rising over the share `rise` of it and then
    staying; at last it stays for good (Fu et al., 2019, arXiv 1903.10145)."""
    def path(done: float) -> float:
        within = done * cycles % 1
        return min(within / rise, 1.0) if rise else 1.0
    share = None if epochs is not None or steps is not None else share
    return _ramp(path, start, end, epochs, steps, share)
