"""Pass samples through a model in batches: the one loop for all of inference."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ..core.console import track
from ..core.contracts import Batch, Collection
from ..data.split_data import Split

BATCH = 128    # samples of an array, so that activations stay in the cache
LOOKED = 250   # samples of a split
LONG = 2.0     # seconds until a progress bar is shown

Item = TypeVar("Item")


def batches(
    split: Split, rows: Tensor | None = None, what: str = "", size: int = LOOKED
) -> Iterator[Batch]:
    """Yield a split's samples, all or some rows (N,), in order. `what` names the progress bar."""
    chunks = (torch.arange(len(split)) if rows is None else rows).split(size)
    return (split.batch(chunk) for chunk in patiently(chunks, len(chunks), what))


def pieces(
    *arrays: np.ndarray | None, size: int = BATCH, what: str = ""
) -> Iterator[tuple[np.ndarray, ...]]:
    """Cut arrays (N, ...) into batches, in order. None and empty arrays stay; the first is
    neither."""
    starts = range(0, len(arrays[0]), size)  # type: ignore[arg-type]
    cuts = (slice(start, start + size) for start in starts)
    return (tuple(x if x is None else x[cut] for x in arrays)  # type: ignore[misc]
            for cut in patiently(cuts, len(starts), what))


def patiently(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield the items, with a progress bar once they have taken some seconds. An empty `what` means
    no bar."""
    left, began = iter(items), time.monotonic()
    for done in range(1, total + 1):
        yield from islice(left, 1)
        if what and time.monotonic() - began > LONG:
            yield from track(left, total, what, done)
            return


@torch.inference_mode()
def in_batches(
    x: np.ndarray, y: np.ndarray | None, use: Callable[[Tensor, Tensor | None], Tensor],
    scale: float, device: torch.device,
) -> Tensor:
    """Apply `use` to samples x (N, ...), whose numbers are multiplied by `scale`, and their classes
    y (N,). Missing values (NaN) become 0."""
    done = []
    for part, labels in pieces(x, y, what="batches through the model"):
        values = (torch.from_numpy(np.array(part)).to(device).float() * scale).nan_to_num()
        class_ids = None if labels is None else torch.from_numpy(labels).to(device)
        done.append(use(values, class_ids).float().cpu())
    return torch.cat(done)


def seen(collection: Collection) -> np.ndarray:
    """The encoder's inputs of samples (N, ...); for pairs, the other half."""
    return collection.x if collection.encoder_input is None else collection.encoder_input
