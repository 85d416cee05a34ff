"""Samples through a model in batches small enough for its activations to stay in cache."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..core.contracts import Collection

BATCH = 128


def in_batches(
    x: np.ndarray, y: np.ndarray | None, use: Callable[[Tensor, Tensor | None], Tensor],
    scale: float, device: torch.device,
) -> Tensor:
    """What `use` makes of samples x (N, ...), a number of which is worth `scale`, and of their
    classes y (N,); values that are missing (NaN) are 0."""
    done = []
    for start in range(0, len(x), BATCH):
        batch = torch.from_numpy(np.array(x[start:start + BATCH])).to(device)
        labels = None if y is None else torch.from_numpy(y[start:start + BATCH]).to(device)
        with torch.inference_mode():
            values = (batch.float() * scale).nan_to_num()   # which is 0 where x is not known
            done.append(use(values, labels).float().cpu())
    return torch.cat(done)


def seen(found: Collection) -> np.ndarray:
    """What an encoder is given of samples (N, ...): of pairs, the other half."""
    return found.x if found.given is None else found.given
