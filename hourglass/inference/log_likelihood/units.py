"""What a number of nats is a measure of: a likelihood or not, of which data, in which bits."""

import math
from dataclasses import dataclass

from ...core.expressions import read
from ...data.source import Source, Split
from ...model.autoencoder import Autoencoder

DATA = {"static": "static binarisation", "fixed": "fixed binarisation",
        "dynamic": "dynamic binarisation, one draw of each sample",
        "threshold": "binarised at a half", "": ""}


@dataclass(frozen=True)
class Measure:
    """Of a model and a split of its data."""

    likelihood: str      # as text, such as bernoulli
    binarised: str       # how the data became 0 and 1, if it is
    discrete: bool       # the likelihood gives probabilities, not densities
    step: float          # between two values that 8-bit data can have; 0 of other data
    values: float        # of a sample, that are known
    told: bool           # the model is told the class
    gaps: bool           # there are values that are not known

    @property
    def is_likelihood(self) -> bool:
        """Whether it is: of grey values, cross-entropy is none, for its minimum is not 0 and its
        values have no total of 1."""
        return read(self.likelihood).name != "bernoulli" or bool(self.binarised)

    @property
    def of(self) -> str:
        """What is measured."""
        known = " of the values that are known" if self.gaps else ""
        name = "-log p(x|y)" if self.told else "-log p(x)"
        return f"{name}{known}" if self.is_likelihood else (
            f"a bound of the training loss, not a likelihood (the data is grey, and "
            f"{self.likelihood} is for 0 and 1: see --binarise)")

    @property
    def label(self) -> str:
        """Which data and likelihood it is of."""
        data = DATA[self.binarised] if self.is_likelihood else "grey values, not binarised"
        kind = "" if self.discrete or not self.is_likelihood else ", a density"
        return ", ".join(filter(None, (data, self.likelihood + kind)))

    def bits(self, nats: float) -> float | None:
        """Bits a value; of densities, those of 8-bit data with each value's density taken for its
        whole step, else None."""
        if not self.is_likelihood or not (self.discrete or self.step):
            return None
        bits = nats / (self.values * math.log(2))
        return bits if self.discrete else bits - math.log2(self.step)

    @property
    def about_bits(self) -> str:
        """What has to be said with them."""
        return "" if self.discrete else (
            f" of 8-bit data, if the density at a value holds for its whole step of {self.step:.3g}"
            f" (no noise was added, so this bounds nothing that a discrete likelihood gives)")


def measure_of(model: Autoencoder, likelihood: str, source: Source, split: Split) -> Measure:
    """What the model's log p(x) of such a split is a measure of."""
    discrete = model.likelihood.discrete
    step = split.scale if str(getattr(split.x, "dtype", "")).endswith("uint8") else 0.0
    return Measure(likelihood, str(source.identity.get("binarised", "")), discrete,
                   step if step < 1 else 0.0, math.prod(source.shape) * split.known,
                   model.condition is not None, split.gaps)
