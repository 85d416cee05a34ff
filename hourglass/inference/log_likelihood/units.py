"""What a number of nats measures: a likelihood or a bound, its data, and its bits."""

import math
from dataclasses import dataclass

from torch import Tensor

from ...core.expressions import read
from ...data.split_data import Source, Split
from ...model.autoencoder import Autoencoder

BATCH = 1000
DATA = {"static": "static binarisation", "fixed": "fixed binarisation",
        "dynamic": "dynamic binarisation, sampled once per sample",
        "threshold": "binarised at 0.5", "": ""}


@dataclass(frozen=True)
class Measure:
    """The meaning of log p(x) for a model and a split of its data."""

    likelihood: str      # as text, such as bernoulli
    binarised: str       # how the data was binarised, or ""
    discrete: bool       # whether the likelihood gives probabilities, not densities
    step: float          # between two values of 8-bit data; 0 for other data
    values: float        # observed values per sample
    conditional: bool           # whether the model is conditional on the class
    gaps: bool           # whether some values are missing
    tokens: bool = False  # whether values are tokens of lines of text

    @property
    def is_likelihood(self) -> bool:
        """Whether it is a likelihood. For grey values, cross-entropy is not: its minimum is not 0,
        and it is not normalised."""
        return read(self.likelihood).name != "bernoulli" or bool(self.binarised)

    @property
    def of(self) -> str:
        """What is measured."""
        known = " of the observed values" if self.gaps and not self.tokens else ""
        name = "-log p(x|y)" if self.conditional else "-log p(x)"
        return f"{name}{known}" if self.is_likelihood else (
            f"a bound of the training loss, not a likelihood (the data is grey, and "
            f"{self.likelihood} is for 0 and 1: see --binarise)")

    @property
    def label(self) -> str:
        """The data and the likelihood."""
        data = DATA[self.binarised] if self.is_likelihood else "grey values, not binarised"
        kind = "" if self.discrete or not self.is_likelihood else ", a density"
        return ", ".join(filter(None, (data, self.likelihood + kind)))

    def bits(self, nats: float) -> float | None:
        """Bits per value. For a density, only of 8-bit data, where the density counts for the
        value's whole step; otherwise None."""
        if not self.is_likelihood or not (self.discrete or self.step):
            return None
        bits = nats / (self.values * math.log(2))
        return bits if self.discrete else bits - math.log2(self.step)

    def of_tokens(self, nats: float) -> list[str]:
        """-log p(x) of lines of text per token, in words; [] for other data."""
        if not self.tokens:
            return []
        per_token = nats / self.values
        return [f"{per_token:.4g} nats or {per_token / math.log(2):.4g} bits per token, of "
                f"{self.values:.4g} tokens per line: perplexity {math.exp(per_token):.4g}"]

    @property
    def about_bits(self) -> str:
        """The note that belongs to them."""
        return "" if self.discrete else (
            f" of 8-bit data, if the density at a value holds for its whole step of {self.step:.3g}"
            f" (without added noise, so this does not bound a discrete likelihood)")


def measure_of(
    model: Autoencoder, likelihood: str, source: Source, split: Split, rows: Tensor
) -> Measure:
    """What the model's log p(x) measures on these rows of a split."""
    discrete = model.likelihood.discrete
    step = split.scale if str(getattr(split.x, "dtype", "")).endswith("uint8") else 0.0
    return Measure(likelihood, str(source.identity.get("binarised", "")), discrete,
                   step if step < 1 else 0.0, _observed(source, split, rows),
                   model.condition is not None, split.gaps, model.of_tokens)


def _observed(source: Source, split: Split, rows: Tensor) -> float:
    """The mean number of observed values of these samples."""
    whole = math.prod(source.shape)
    if not split.gaps or len(rows) == len(split):
        return whole * split.known
    observed = [split.batch(some).known for some in rows.split(BATCH)]
    return sum(float(known.sum()) for known in observed if known is not None) / len(rows)
