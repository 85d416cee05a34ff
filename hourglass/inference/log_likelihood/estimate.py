"""Estimate log p(x) of a split by importance sampling or annealing."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core.csv_text import as_csv
from ...core.files import write_out
from ...core.malloc import keep_freed_memory
from ...data.split_data import Source, Split
from ...model.autoencoder import Autoencoder
from ..model_protocol import InUse
from .annealing import anneal, check_space
from .elbo_parts import ElboParts, decompose
from .importance import Weighed, weigh
from .proposal import check
from .units import Measure, measure_of

FEW = 10   # fewer effective codes make a sample's estimate unreliable


@dataclass(frozen=True)
class LikelihoodOptions:
    """Options of the estimate."""

    codes: int = 1000         # per sample
    annealing: int = 0        # steps; 0: none
    chains: int = 8           # of annealing, per sample
    split: str = ""           # default: the first of test, val and train that exists
    limit: int | None = None  # most samples, evenly spread over the split
    seed: int = 0


@dataclass(frozen=True)
class LikelihoodEstimate:
    """Estimates of log p(x); arrays are (N,), in nats."""

    wish: LikelihoodOptions
    measure: Measure
    split: str
    rows: np.ndarray             # of the split
    weighed: Weighed
    annealed: Weighed | None
    parts: ElboParts
    seconds: float

    @property
    def nll(self) -> float:
        """Mean of -log p(x) over samples, by annealing if that was used."""
        return _mean(self.best.nll)[0]

    @property
    def error(self) -> float:
        """The standard error of the mean over samples."""
        return _mean(self.best.nll)[1]

    @property
    def elbo(self) -> float:
        """The ELBO, a lower bound of log p(x): the mean over all sampled codes."""
        return _mean(self.weighed.elbo)[0]

    @property
    def bits(self) -> float | None:
        """Bits per value, if they are meaningful."""
        return self.measure.bits(self.nll)

    @property
    def best(self) -> Weighed:
        """The tighter of the estimates."""
        return self.weighed if self.annealed is None else self.annealed

    @property
    def lines(self) -> list[str]:
        """The result in words."""
        wish = self.wish
        lines = [f"{self.split}, {len(self.rows):,} samples: {self.measure.of}: " + _said(
            self.weighed.nll) + f" nats by importance sampling, {wish.codes:,} codes per sample "
            f"({self.measure.label})"]
        if self.annealed is not None:
            lines.append(f"{_said(self.annealed.nll)} nats by annealing, {wish.annealing:,} steps, "
                         f"{wish.chains} chains per sample: "
                         f"{_effective(self.annealed, wish.chains)}")
        lines += self.measure.of_tokens(self.nll)
        if self.bits is not None and not self.measure.tokens:
            lines.append(f"{self.bits:.4g} bits per value{self.measure.about_bits}")
        return [*lines, f"importance sampling: {_effective(self.weighed, wish.codes)}; such "
                f"estimates are too high on average, and fall with more codes", *self._of_bound()]

    def _of_bound(self) -> list[str]:
        """The parts of the bound, in words."""
        means = self.parts.means
        words = (f"-ELBO {-self.elbo:.5g} over these codes; over one code per sample "
                 f"{-_mean(self.parts.elbo)[0]:.5g}: reconstruction {means['reconstruction']:.5g}, "
                 f"KL {means['divergence']:.4g}")
        if "mutual" in means:
            words += (f": mutual information {means['mutual']:.4g} (at most "
                      f"{np.log(self.parts.posteriors):.3g}, as q(z) is the mean of "
                      f"{self.parts.posteriors:,} posteriors)")
        if "factors" in means:
            return [f"{words}, total correlation {means['correlation']:.4g}, dimension-wise KL "
                    f"{means['factors']:.4g}"]
        return [f"{words}, q(z) to the prior {means['marginal']:.4g}" if "marginal" in means
                else words]

    @property
    def record(self) -> dict[str, Any]:
        """The result as JSON data."""
        record = {"split": self.split, "samples": len(self.rows), "seed": self.wish.seed,
                  "likelihood": self.measure.likelihood, "binarised": self.measure.binarised,
                  "is_likelihood": self.measure.is_likelihood, "codes": self.wish.codes,
                  "nll": _mean(self.weighed.nll)[0], "error": _mean(self.weighed.nll)[1],
                  "elbo": self.elbo, "bits": self.bits,
                  "effective_codes": float(self.weighed.ess.mean()), "bound": self.parts.means,
                  "seconds": round(self.seconds, 1), "words": self.lines}
        if self.annealed is not None:
            record |= {"annealing": self.wish.annealing, "chains": self.wish.chains,
                       "annealed_nll": self.nll, "annealed_error": self.error}
        return record

    def write(self, out: Path) -> None:
        """Write a .csv with one row per sample."""
        columns = {"row": self.rows, "nll": self.weighed.nll, "elbo": self.weighed.elbo,
                   "effective_codes": self.weighed.ess}
        if self.annealed is not None:
            columns["annealed_nll"] = self.annealed.nll
        table = [(int(row), *map(float, rest)) for row, *rest in
                 zip(*columns.values(), strict=True)]
        write_out(out, as_csv([*columns], table))


def estimate(
    model: InUse, source: Source, name: str, wish: LikelihoodOptions
) -> LikelihoodEstimate:
    """Estimate log p(x) of a split of the source, which is on the model's device, and save the
    result with the run. Raises ValueError if annealing is chosen but impossible."""
    split, net = source.splits[name], model.model.eval()
    if wish.annealing:
        check_space(net, split.batch(torch.arange(1)))
    keep_freed_memory()
    rows, begun = split.evenly(wish.limit or len(split)), time.monotonic()
    weighed = weigh(net, split, rows, wish.codes, wish.seed)
    annealed = anneal(net, split, rows, wish.annealing, wish.chains,
                      wish.seed) if wish.annealing else None
    parts = decompose(net, split, rows, wish.seed)
    measure = measure_of(net, model.description.parts.likelihood, source, split, rows)
    likelihood = LikelihoodEstimate(wish, measure, name, rows.numpy(), weighed, annealed, parts,
                       time.monotonic() - begun)
    model.cache.keep_evaluation(f"likelihood of {len(rows):,} {name} samples", likelihood.record)
    return likelihood


def lacking(net: Autoencoder, split: Split) -> str:
    """Why a model has no log p(x), or ""."""
    try:
        check(net, split.batch(torch.arange(min(2, len(split)))))
    except ValueError as error:
        return str(error)
    return ""


def check_options(wish: LikelihoodOptions) -> None:
    """Raise ValueError for numbers without meaning."""
    least = {"codes": 1, "annealing": 0, "chains": 1, "limit": 1, "seed": 0}
    for name, bound in least.items():
        value = getattr(wish, name)
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not (name == "limit" and value is None) and (not whole or value < bound):
            raise ValueError(f"{name} must be a whole number from {bound}, not {value!r}")


def _mean(values: np.ndarray) -> tuple[float, float]:
    """Mean of one value per sample (N,), and its standard error; 0 for a single sample."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), float(error)


def _said(values: np.ndarray) -> str:
    mean, error = _mean(values)
    return f"{mean:.5g} +- {error:.2g}"


def _effective(weighed: Weighed, of: int) -> str:
    least = min(FEW, of / 2)
    few = float((weighed.ess < least).mean())
    return (f"{weighed.ess.mean():.3g} effective of {of:,} on average, fewer than {least:g} for "
            f"{few:.0%} of the samples")
