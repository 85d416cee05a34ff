"""Codes of a run's training samples, saved with the run, to fit priors to."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..data.split_data import Source
from ..model.autoencoder import Autoencoder
from .batches import batches
from .run_cache import RunCache

MOST = 60_000               # most codes, from samples with at most
MOST_VALUES = 300_000_000   # this many values together
FILE = "codes.safetensors"


@dataclass(frozen=True)
class TrainingCodes:
    """Codes of training samples, as posterior means, with their samples' rows."""

    z: Tensor              # (N, ...)
    y: Tensor | None       # (N,) labels
    rows: Tensor           # (N,) of the training split


@torch.inference_mode()
def find_codes(model: Autoencoder, source: Source) -> TrainingCodes:
    """Encode the training split, or evenly spread samples of a large one."""
    split = source.splits["train"]
    rows = split.evenly(min(MOST, max(1, MOST_VALUES // int(np.prod(source.shape)))))
    model.eval()
    codes, kinds = [], []
    for batch in batches(split, rows, "encoding"):
        latent = model.encode(batch.seen, batch.y)[0]
        codes.append(latent.z.float().cpu())
        if batch.y is not None:   # for a sample without a label, the inferred class
            kinds.append((batch.y if latent.y is None else latent.y).cpu())
    return TrainingCodes(torch.cat(codes), torch.cat(kinds) if kinds else None, rows)


def keep_codes(cache: RunCache, codes: TrainingCodes) -> None:
    """Save a run's codes with its model."""
    tensors = {"z": codes.z, "rows": codes.rows, **({} if codes.y is None else {"y": codes.y})}
    cache.keep_tensors(FILE, tensors, {})


def kept_codes(cache: RunCache) -> TrainingCodes | None:
    """A run's saved codes; None if there are none of its current weights."""
    return cache.kept_tensors(FILE, lambda tensors, _: TrainingCodes(
        tensors["z"], tensors.get("y"), tensors["rows"]))
