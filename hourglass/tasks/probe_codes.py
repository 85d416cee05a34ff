"""How well classes are guessed from the samples' codes, and from an extractor's features."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..analysis.metrics.bootstrap import Estimate, of_mean
from ..analysis.metrics.latent import of_classes
from ..analysis.snapshot import Lacking
from ..core.csv_text import as_csv
from ..core.files import write_out
from ..core.hints import did_you_mean
from ..inference.batches import batches
from ..inference.trained import Trained
from .set_distances import judge_of
from .write_images import check_name

MOST = 2000   # samples, unless another limit is given
WORDS = {"knn_accuracy": "by 5 nearest neighbours", "linear_accuracy": "by a linear classifier"}


@dataclass(frozen=True)
class ProbeResult:
    """Accuracy of predicted classes, by the vectors that they are predicted from."""

    split: str
    samples: int
    classes: int
    shares: dict[str, dict[str, Estimate]]   # codes, the features' name, values: share by method
    widths: dict[str, int]                   # numbers of one sample
    judge: str                               # the features, with their digest, in words
    seconds: float

    @property
    def lines(self) -> list[str]:
        """The result in words."""
        lines = [f"{self.split}, {self.samples:,} samples of {self.classes} classes, each fifth "
                 f"guessed from the other four"]
        for name, shares in self.shares.items():
            accuracies = ", ".join(f"{value:.3f} ({low:.3f} to {high:.3f}) {WORDS[way]}"
                                   for way, (value, low, high) in shares.items())
            lines.append(f"{name}, {self.widths[name]:,} numbers: {accuracies}")
        return [*lines, self.judge]

    @property
    def record(self) -> dict[str, Any]:
        """The result as JSON data."""
        return {"split": self.split, "samples": self.samples, "features": self.judge,
                "metrics": {f"{name}/{way}": estimate.value for name, shares in self.shares.items()
                            for way, estimate in shares.items()},
                "seconds": round(self.seconds, 1), "words": self.lines}

    def write(self, out: Path) -> None:
        """Write a .csv with one row per kind of features and method."""
        write_out(out, as_csv(["features", "numbers", "method", "accuracy", "low", "high"], [
            (name, self.widths[name], way, *map(float, estimate))
            for name, shares in self.shares.items() for way, estimate in shares.items()]))


def probes(
    model: Trained, features: str = "", split: str = "", limit: int | None = None
) -> ProbeResult:
    """Guess the classes of samples of a split, at most `limit` (2,000), from the model's codes,
    from the vectors of a feature extractor and from the values themselves: by 5 neighbours and by a
    linear classifier, each fifth from the other four. The default split is test,
    or val or train if there is none. Raises ValueError."""
    return probes_of(model, features, split, limit)


def probes_of(
    model: Trained, features: str = "", split: str = "", limit: int | None = None,
    out: Path | None = None,
) -> ProbeResult:
    """The work of `probes`. `out` is a .csv to write. The result is kept with the run."""
    begun = time.monotonic()
    if out is not None:
        check_name(out, (".csv",))
    source = model.source().to(model.device, torch.channels_last)
    name = split or source.unseen
    if name not in source.splits:
        raise ValueError(f"this data has no split {name!r}; {did_you_mean(name, source.splits)}")
    data_split = source.splits[name]
    if data_split.y is None or len(source.classes) < 2:
        raise ValueError("probes guess the classes of samples, and this data has none; give "
                         "folders of classes or labels, and train again")
    judge, notes = judge_of(source, features)
    rows = data_split.evenly(limit or MOST)
    seen: dict[str, list[np.ndarray]] = {"codes": [], judge.name: [], "values": []}
    model.model.eval()
    with torch.inference_mode():
        for batch in batches(data_split, rows, "looking at samples"):
            latent, _ = model.model.encode(batch.seen, batch.y)
            for kind, values in (("codes", latent.z), (judge.name, judge.features(batch.x.float())),
                                 ("values", batch.x)):
                seen[kind].append(values.flatten(1).float().cpu().numpy())
    y = data_split.y.cpu()[data_split.index.cpu()[rows]].numpy()
    known = y >= 0
    shares, widths = {}, {}
    for kind, parts in seen.items():
        whole = np.nan_to_num(np.concatenate(parts)[known])
        widths[kind] = whole.shape[1]
        try:
            scores = of_classes(whole, y[known])
        except Lacking as error:
            raise ValueError(f"probes need {error}; choose another split, or a larger limit"
                             ) from None
        shares[kind] = {way: of_mean(right.astype(float)) for way, right in scores.items()}
    about = "; ".join([judge.about, *notes])
    result = ProbeResult(name, int(known.sum()), len(np.unique(y[known])), shares, widths, about,
                         time.monotonic() - begun)
    model.cache.keep_evaluation(f"probes of {len(rows):,} {name} samples ({judge.name})",
                                result.record)
    if out is not None:
        result.write(out)
    return result
