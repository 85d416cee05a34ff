"""Calibration samples: normal samples outside training, whose scores set thresholds."""

import json
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ..core.console import say
from ..core.contracts import Seen
from ..data.split_data import Source
from ..model.autoencoder import Autoencoder
from .model_protocol import InUse
from .run_cache import RunCache
from .sample_stats import PLAIN, Look, has_posterior, see

MOST = 5000                # most samples, with at most
MOST_VALUES = 30_000_000   # this many values, including samples of z
LEAST = 500
KEPT = ("error", "nats", "z")   # saved; error maps are many and are computed again
FILE = "detectors/held.safetensors"
EVERY = 5                  # without a validation split, every fifth training sample


@dataclass(frozen=True)
class CalibrationScores:
    """The model's results for calibration samples."""

    seen: Seen
    of: str                  # their split
    draws: int | None        # samples of z to estimate likelihoods from; None without a posterior
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, int))   # of the training split


def find_held(model: Autoencoder, source: Source, draws: int,
              look: Look = PLAIN) -> CalibrationScores:
    """Compute results for the validation split, in the classes of training. Without one, for every
    fifth training sample."""
    of, rows = held_rows(source, draws)
    split = source.splits[of]
    seen = see(model, split, rows, draws, look)
    drawn = draws if has_posterior(model, split.batch(rows[:1])) else None
    return CalibrationScores(seen, of, drawn, rows.numpy() if of == "train" else np.empty(0, int))


def held_rows(source: Source, draws: int = 0) -> tuple[str, Tensor]:
    """The split of the calibration samples, and their rows."""
    of = "val" if "val" in source.splits else "train"
    split, train = source.splits[of], source.splits["train"]
    rows = torch.arange(len(split))
    if split.y is not None and train.y is not None:
        known = train.y[train.index].unique()
        known = known[known >= 0]   # -1 means an unknown label
        rows = rows[torch.isin(split.y[split.index], known).cpu()]
    if of == "val" and not len(rows):
        return held_rows(_without_val(source), draws)
    most = max(LEAST, min(MOST, MOST_VALUES // ((1 + draws) * int(np.prod(source.shape)))))
    most = most if of == "val" else min(most, -(-len(rows) // EVERY))
    if len(rows) > most:
        rows = rows[torch.linspace(0, len(rows) - 1, most).long()]
    return of, rows


def _without_val(source: Source) -> Source:
    return replace(source, splits={k: v for k, v in source.splits.items() if k != "val"})


def held_of(model: InUse, look: Look, quietly: bool = False) -> CalibrationScores:
    """A run's calibration samples: the saved results, or new ones from its data. If they are
    training samples, it prints a note, unless `quietly`. Raises ValueError if the data is gone."""
    draws = look.draws
    calibration = None if look.maps else _kept(model.cache, draws)
    if calibration is None:
        try:
            source = model.source()
        except ValueError as error:
            raise ValueError(f"{error}; pass normal samples instead, from Python: "
                             f"detector(held_out=...)") from None
        calibration = find_held(model.model, source, draws, look)
        if not look.maps:
            keep_held(model.cache, calibration)
    if calibration.of == "train" and not quietly:
        say("there is no validation split, so thresholds and probabilities come from training "
            "samples, which score lower than new ones")
    return calibration


def keep_held(cache: RunCache, scores: CalibrationScores) -> None:
    """Save the results with the model, if possible."""
    cache.keep_tensors(FILE, {**{name: getattr(scores.seen, name) for name in KEPT},
                                "rows": scores.rows},
                 {"of": scores.of, "draws": json.dumps(scores.draws)})


def _kept(cache: RunCache, draws: int) -> CalibrationScores | None:
    saved = cache.kept_tensors(FILE, lambda tensors, texts: CalibrationScores(
        Seen(*(tensors[name].numpy() for name in KEPT)), texts["of"], json.loads(texts["draws"]),
        tensors["rows"].numpy()))
    return None if saved is None or (draws and saved.draws not in (draws, None)) else saved
