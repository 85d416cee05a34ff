"""The codes of a run's training samples, kept with it: what priors are fitted to."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..data.source import Source
from ..model.autoencoder import Autoencoder
from .batches import batches
from .run_cache import RunCache

MOST = 60_000               # codes, of
MOST_VALUES = 300_000_000   # values of x, which must all be encoded
FILE = "codes.safetensors"


@dataclass(frozen=True)
class Codes:
    """Codes of training samples, as the posterior's means, and which samples they are of."""

    z: Tensor              # (N, ...)
    y: Tensor | None       # (N,) labels
    rows: Tensor           # (N,) of the training split


@torch.inference_mode()
def find_codes(model: Autoencoder, source: Source) -> Codes:
    """Encode the training split, or of a large one as many samples, evenly spread, as fit."""
    split = source.splits["train"]
    rows = split.evenly(min(MOST, max(1, MOST_VALUES // int(np.prod(source.shape)))))
    model.eval()
    found, kinds = [], []
    for batch in batches(split, rows, "encoding"):
        latent = model.encode(batch.seen, batch.y)[0]
        found.append(latent.z.float().cpu())
        if batch.y is not None:   # of a sample without a label, what the model takes it for
            kinds.append((batch.y if latent.y is None else latent.y).cpu())
    return Codes(torch.cat(found), torch.cat(kinds) if kinds else None, rows)


def keep_codes(cache: RunCache, codes: Codes) -> None:
    """Write a run's codes beside its model."""
    held = {"z": codes.z, "rows": codes.rows, **({} if codes.y is None else {"y": codes.y})}
    cache.keep_tensors(FILE, held, {})


def kept_codes(cache: RunCache) -> Codes | None:
    """A run's codes, unless there are none yet of the model that it has now."""
    return cache.kept_tensors(FILE, lambda held, _: Codes(
        held["z"], held.get("y"), held["rows"]))
