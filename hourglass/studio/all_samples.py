"""A look at all of a run's data: training samples too, not only those that it did not see."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..analysis.snapshot import Snapshot
from ..analysis.take_snapshot import passed, rows_of
from ..inference.trained import load

EACH = 4000   # samples of a split, at most


def look_at_all(weights: Path) -> Snapshot:
    """The samples of every split with their reconstructions, up to EACH of a split, spread evenly.
    Raises ValueError if the data is gone, and for lines of text and ratings."""
    model = load(weights.parent)
    if model.description.kind in ("lines", "ratings"):
        raise ValueError(f"all samples can be looked at for images and numbers, and this model was "
                         f"trained on {model.description.kind_in_words}")
    source = model.source()
    with torch.inference_mode():
        looks = [passed(model.model.eval(), source, rows_of(source, name, EACH), name)
                 for name in source.splits]
    joined: dict[str, Any] = {name: np.concatenate([getattr(look, name) for look in looks])
                              for name in ("x", "recon", "z", "std", "nats", "y", "known", "words")}
    return replace(looks[0], split="all", total=sum(look.total for look in looks),
                   names=tuple(name for look in looks for name in look.names), **joined)
