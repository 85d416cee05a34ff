"""Weight schedules of loss terms, which change during training: `(**options) -> Ramp`.

In a formula they multiply a term: "recon + ramp(0, 4, epochs=10) * kl". The length of a ramp is set
in epochs, in steps or as a share of the run. After it, the weight stays constant.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..core.contracts import Clock
from ..core.hints import Count, Positive, Rate, Share
from ..core.registry import ramps

OF_THE_RUN = 0.25   # default length of a ramp


@dataclass(frozen=True)
class Ramp:
    """A weight that goes from `start` to `end` along `path`, a function from 0 to 1."""

    start: float
    end: float
    path: Callable[[float], float]
    epochs: float | None = None
    steps: int | None = None
    share: float | None = None

    def progress(self, clock: Clock) -> float:
        """The share of the ramp that is over, from 0 to 1."""
        if self.share is not None:
            return min(clock.share / self.share, 1.0) if self.share else 1.0
        length = self.steps if self.steps is not None else (self.epochs or 0) * clock.batches
        return min(clock.step / length, 1.0)

    def weight(self, clock: Clock) -> float:
        """The weight at that time."""
        done = self.progress(clock)
        return self.end if done >= 1 else self.start + (self.end - self.start) * self.path(done)

    def epochs_long(self, epochs: int, batches: int) -> float:
        """The ramp's length in epochs, for a run of `epochs` epochs of `batches` batches."""
        if self.share is not None:
            return self.share * epochs
        return self.epochs if self.epochs is not None else (self.steps or 0) / batches


def _ramp(
    path: Callable[[float], float], start: float, end: float, epochs: float | None,
    steps: int | None, share: float | None,
) -> Ramp:
    count = sum(length is not None for length in (epochs, steps, share))
    if count > 1:
        raise ValueError("set a ramp's length only once: in epochs, in steps or as a share of the "
                         "run")
    return Ramp(start, end, path, epochs, steps, share if count else OF_THE_RUN)


@ramps.add("linear")
@ramps.add("ramp")
def linear(
    start: float = 0.0, end: float = 1.0, epochs: Positive | None = None,
    steps: Count | None = None, share: Share | None = None,
) -> Ramp:
    """Linear from `start` to `end` (warm-up: Sonderby et al., 2016, arXiv 1602.02282). Default
    length: a quarter of the run."""
    return _ramp(lambda done: done, start, end, epochs, steps, share)


@ramps.add("cosine")
def cosine(
    start: float = 0.0, end: float = 1.0, epochs: Positive | None = None,
    steps: Count | None = None, share: Share | None = None,
) -> Ramp:
    """Half a cosine from `start` to `end`, flat at both ends."""
    return _ramp(lambda done: (1 - math.cos(math.pi * done)) / 2, start, end, epochs, steps, share)


@ramps.add("cyclic")
def cyclic(
    start: float = 0.0, end: float = 1.0, cycles: Count = 4, rise: Rate = 0.5,
    epochs: Positive | None = None, steps: Count | None = None, share: Share | None = 0.8,
) -> Ramp:
    """Cyclic annealing: `cycles` times from `start` to `end`, each time rising over the share
    `rise` and then constant. After the last cycle, it stays constant (Fu et al., 2019, arXiv
    1903.10145)."""
    def path(done: float) -> float:
        within = done * cycles % 1
        return min(within / rise, 1.0) if rise else 1.0
    share = None if epochs is not None or steps is not None else share
    return _ramp(path, start, end, epochs, steps, share)
