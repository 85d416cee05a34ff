"""How far generated samples and reconstructions are from a split of the data, in features."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch

from ..analysis.feature_extractor import Judge, find_judge
from ..analysis.metrics.bootstrap import Estimate
from ..analysis.metrics.set_distances import distances_between
from ..analysis.take_snapshot import Eye
from ..core.csv_text import as_csv
from ..core.files import write_out
from ..core.hints import did_you_mean
from ..data.split_data import Source
from ..inference.batches import LOOKED, batches, pieces
from ..inference.trained import Trained
from .write_images import check_name

USUAL = "efficientnet_lite0"
MOST = 10_000     # samples of each side, unless another limit is given
FEWEST = 20
SEED = 2          # of generated samples
WORDS = {
    "frechet": "Fréchet distance",
    "frechet_infinity": "Fréchet distance, extrapolated to infinitely many samples",
    "kernel": "kernel distance",
    "precision": "share of them near a sample of the data",
    "recall": "share of the data near one of them",
    "density": "samples of the data around each of them; about 1 is best",
    "coverage": "share of the data with one of them near"}
Of = Literal["generation", "reconstruction"]


@dataclass(frozen=True)
class DistanceOptions:
    """Options of a comparison with a split of the data."""

    of: Of
    features: str = ""        # default: efficientnet_lite0 for images, where it is installed
    prior: str = "auto"       # of generated samples
    split: str = ""           # default: the first of test, val and train that exists
    limit: int | None = None  # most samples of each side


@dataclass(frozen=True)
class DistanceResult:
    """Distances between two sets of samples, and how they were measured."""

    wish: DistanceOptions
    split: str
    samples: int                    # of each side
    made_by: str                    # the prior, or ""
    judge: str                      # the features, with their digest, in words
    metrics: dict[str, Estimate]    # by name
    notes: tuple[str, ...]
    seconds: float

    @property
    def lines(self) -> list[str]:
        """The result in words."""
        what = (f"samples of the prior {self.made_by}" if self.wish.of == "generation" else
                "reconstructions")
        lines = [f"{self.split}, {self.samples:,} samples, and as many {what}"]
        for name, (value, low, high) in self.metrics.items():
            between = f" ({low:.4g} to {high:.4g})" if low < high else ""
            lines.append(f"{name} {value:.5g}{between}: {WORDS[name]}")
        return [*lines, self.judge, *self.notes]

    @property
    def record(self) -> dict[str, Any]:
        """The result as JSON data."""
        return {"split": self.split, "samples": self.samples, "of": self.wish.of,
                "prior": self.made_by, "features": self.judge,
                "metrics": {name: estimate.value for name, estimate in self.metrics.items()},
                "intervals": {name: (estimate.low, estimate.high)
                              for name, estimate in self.metrics.items()
                              if estimate.low < estimate.high},
                "seconds": round(self.seconds, 1), "words": self.lines}

    def write(self, out: Path) -> None:
        """Write a .csv with one row per distance."""
        write_out(out, as_csv(["metric", "value", "low", "high"], [
            (name, *map(float, estimate)) for name, estimate in self.metrics.items()]))


def distances(
    model: Trained, of: Of = "generation", features: str = "", prior: str = "auto",
    split: str = "", limit: int | None = None,
) -> DistanceResult:
    """Measure how far samples of a prior (`of` "generation") or reconstructions (`of`
    "reconstruction") are from samples of a split, at most `limit` of each, in the vectors of a
    feature extractor. The default split is the first of test, val and train that exists. The
    default features are efficientnet_lite0 for images, where it is installed. `metrics` of the
    result has Fréchet and kernel distance, precision, recall, density and coverage. Raises
    ValueError."""
    if of not in get_args(Of):
        raise ValueError(f"distances are of {' or '.join(get_args(Of))}, not of {of!r}")
    return distances_of(model, DistanceOptions(of, features, prior, split, limit))


def distances_of(model: Trained, wish: DistanceOptions, out: Path | None = None) -> DistanceResult:
    """Measure how far generated samples, or reconstructions, are from a split of the run's data,
    and keep the result with the run. Raises ValueError."""
    begun = time.monotonic()
    if out is not None:
        check_name(out, (".csv",))
    source = model.source().to(model.device, torch.channels_last)
    name = wish.split or source.unseen
    if name not in source.splits:
        raise ValueError(f"this data has no split {name!r}; {did_you_mean(name, source.splits)}")
    if len(source.shape) == 2 or source.encoding.get("kind") == "ratings":
        raise ValueError("distances of sets need a model of images or rows, and this is another "
                         "one; leave --generation and --reconstruction out")
    judge, notes = judge_of(source, wish.features)
    model.model.eval()
    count = min(len(source.splits[name]), wish.limit or MOST)
    if count < FEWEST:
        raise ValueError(f"distances of sets need at least {FEWEST} samples, and there are {count} "
                         f"of {name}; choose another split, or a larger limit")
    prior = ""
    if wish.of == "generation":
        prior = model.usual_prior() if wish.prior == "auto" else wish.prior
        real = np.concatenate([seen for seen, _ in
                               _passed(model, source, name, count, judge, False)])
        outputs = np.concatenate([*_generated(model, prior, count, judge)])
    else:
        both = [*_passed(model, source, name, count, judge, True)]
        real, outputs = (np.concatenate(side) for side in zip(*both, strict=True))
    if not np.isfinite(outputs).all():
        raise ValueError("some samples are not finite, so they have no distance; train the model "
                         "again")
    metrics, more = distances_between(real, outputs)
    result = DistanceResult(wish, name, count, prior, judge.about, metrics, (*notes, *more),
                            time.monotonic() - begun)
    model.cache.keep_evaluation(f"{wish.of} against {count:,} {name} samples{prior and ', '}{prior}"
                                f" ({judge.name})", result.record)
    if out is not None:
        result.write(out)
    return result


def judge_of(source: Source, features: str) -> tuple[Judge, list[str]]:
    """The features: those named, or learnt on photographs, or a note and the data's own."""
    if features:
        return find_judge(source, features), []
    images = len(source.shape) == 3 and source.shape[0] in (1, 3)
    if not images or source.low < 0 or source.high > 1:
        return find_judge(source), []
    try:
        return find_judge(source, USUAL), []
    except ValueError as error:
        return find_judge(source), [f"features learnt on the data itself are used: {error}"]


def _passed(
    model: Trained, source: Source, name: str, count: int, judge: Judge, reconstruct: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Features of samples of a split, and with `reconstruct` of their reconstructions."""
    split = source.splits[name]
    bounded = source.low >= 0 and source.high <= 1
    for batch in batches(split, split.evenly(count), "looking at samples"):
        with torch.inference_mode():
            seen, outputs = judge.features(batch.x.float()).cpu().float().numpy(), np.empty(0)
            if reconstruct:
                mean = model.model(batch.x, batch.y, encoder_input=batch.encoder_input,
                                   known=batch.known).px.mean
                mean = (mean.clamp(0, 1) if bounded else mean).float()
                outputs = judge.features(mean).cpu().float().numpy()
        yield seen, outputs


def _generated(model: Trained, prior: str, count: int, judge: Judge) -> Iterator[np.ndarray]:
    """Features of samples of a prior, in the classes' shares."""
    fitted = model.prior(prior)
    many, of = fitted.sample(count, seed=SEED)
    eye = Eye(model.model, model.device, many.shape[1:])
    bounded = model.description.bounded
    for codes, labels in pieces(many, of, size=LOOKED, what=f"drawing from {prior}"):
        x = torch.from_numpy(eye.decode(codes.reshape(len(codes), -1), labels)).float()
        x = x.movedim(-1, 1) if x.ndim == 4 else x
        with torch.inference_mode():
            yield judge.features(x.clamp(0, 1) if bounded else x).cpu().float().numpy()
