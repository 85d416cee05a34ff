"""Normal samples that training did not see, as the model sees them: a scale for the scores."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.console import say
from ..core.contracts import Seen
from ..core.tensor_files import load_tensors, save_tensors
from ..data.source import Source
from ..model.autoencoder import Autoencoder
from ..run.folder import RunFolder, digest
from .in_use import InUse
from .sample_stats import PLAIN, Look, has_posterior, see

MOST = 5000                # samples, or as many as have
MOST_VALUES = 30_000_000   # values together, those of draws included, but
LEAST = 500
KEPT = ("error", "nats", "z")   # errors by place are many: they are seen anew
EVERY = 5                  # without a validation split, each fifth training sample


@dataclass(frozen=True)
class Held:
    """What the model makes of normal samples."""

    seen: Seen
    of: str                  # which split they are of
    draws: int | None        # of z that the likelihoods are over; None where there is no posterior
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, int))   # of the training split


def find_held(model: Autoencoder, source: Source, draws: int, look: Look = PLAIN) -> Held:
    """Look at the validation split, as far as it is of classes that training saw; without one, at
    every fifth training sample."""
    of, rows = held_rows(source, draws)
    split = source.splits[of]
    seen = see(model, split, rows, draws, look)
    drawn = draws if has_posterior(model, split.batch(rows[:1])) else None
    return Held(seen, of, drawn, rows.numpy() if of == "train" else np.empty(0, int))


def held_rows(source: Source, draws: int = 0) -> tuple[str, Tensor]:
    """Which split the held-out samples are of, and which rows of it."""
    of = "val" if "val" in source.splits else "train"
    split, train = source.splits[of], source.splits["train"]
    rows = torch.arange(len(split))
    if split.y is not None and train.y is not None:
        known = train.y[train.index].unique()
        known = known[known >= 0]   # -1 is no class, but a label that is not known
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


def held_of(model: InUse, look: Look, quietly: bool = False) -> Held:
    """A run's held-out samples: as they were kept, else seen anew from its data. Where they were
    trained on, that is said unless `quietly`. Raises ValueError where the data is gone."""
    draws = look.draws
    held = None if look.maps else _kept(model.folder, draws)
    if held is None:
        try:
            source = model.source()
        except ValueError as error:
            raise ValueError(f"{error}; normal samples can be given in its place, from Python: "
                             f"detector(held_out=...)") from None
        held = find_held(model.model, source, draws, look)
        if not look.maps:
            keep_held(model.folder, held)
    if held.of == "train" and not quietly:
        say("there is no validation split, so thresholds and probabilities are from samples that "
            "the model was trained on, which score lower than new ones")
    return held


def keep_held(folder: RunFolder, held: Held) -> None:
    """Write it beside the model, where that can be."""
    tensors = {**{name: getattr(held.seen, name) for name in KEPT}, "rows": held.rows}
    about = {"model": digest(folder), "of": held.of, "draws": json.dumps(held.draws)}
    try:
        _path(folder).parent.mkdir(exist_ok=True)
        save_tensors(_path(folder), {k: torch.from_numpy(v) for k, v in tensors.items()}, about)
    except OSError:   # a folder that cannot be written: they are looked at again
        pass


def _kept(folder: RunFolder, draws: int) -> Held | None:
    if not _path(folder).is_file():
        return None
    try:
        held, about = load_tensors(_path(folder))
        seen = Seen(*(held[name].numpy() for name in KEPT))
        drawn = json.loads(about["draws"])
        if about["model"] != digest(folder) or (draws and drawn not in (draws, None)):
            return None
        return Held(seen, about["of"], drawn, held["rows"].numpy())
    except (ValueError, KeyError):   # damaged
        return None


def _path(folder: RunFolder) -> Path:
    return folder.path / "detectors" / "held.safetensors"
