"""Find the nearest training samples, to see whether a model repeats them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.channels import channels_first, channels_last
from ..core.output_names import printable
from ..data.split_data import Source
from ..inference.batches import batches
from ..inference.latents import TrainingCodes
from ..inference.trained import Trained

LOOKED_AT = 200    # unseen samples that set the scale of distances
CHUNK = 1000
COPY, NEW = 0.3, 0.7   # relative distance: below the first are copies, above the second none
FAR = 1.3              # above it, samples are further from the data than new data is


@dataclass(frozen=True)
class NearestTraining:
    """The training samples nearest to some samples."""

    x: np.ndarray            # (N, H, W, C) or (N, D): the training samples
    distance: np.ndarray     # (N,) to them, root of summed squares
    unseen: float            # median distance of samples that the model has not seen

    @property
    def words(self) -> str:
        """What the distances mean, in words."""
        text = f"to the nearest training sample: {np.median(self.distance):.3g} (median)"
        if np.isnan(self.unseen):
            return f"{text}; there are no unseen samples to compare with"
        ratio = float(np.median(self.distance)) / max(self.unseen, 1e-9)
        means = ("they look like copies" if ratio < COPY else
                 "they are nearer than new samples would be" if ratio <= NEW else
                 "they are not copies" if ratio <= FAR else
                 f"they are {ratio:.1f} times as far from the data as new samples are, so many do "
                 f"not resemble the data. Look at them, and try another --prior or a lower "
                 f"--temperature")
        return f"{text}, for samples that it has not seen {self.unseen:.3g}; {means}"


@dataclass(frozen=True)
class NearCodes:
    """The training samples whose codes are nearest to those of M samples, the nearest first."""

    distances: np.ndarray       # (M, n), of codes
    rows: np.ndarray            # (M, n), in the training split
    names: list[list[str]]      # of files or lines; "" for samples without names
    kinds: list[list[str]]      # classes; "" without
    x: np.ndarray | None        # (M, n, ...) as the model sees them; None if the data is gone


class TrainingSamples:
    """The training samples of a model, read when they are first asked for."""

    def __init__(self, model: Trained):
        self.model = model

    def nearest(self, z: np.ndarray, n: int) -> NearCodes:
        """The n training samples whose codes are nearest to each of z (M, ...). Raises
        ValueError."""
        distances, indices = self._search.kneighbors(z.reshape(len(z), -1), min(n, self._count))
        rows, source = self._codes.rows.numpy()[indices], self._source
        if source is None:
            blank = [[""] * row.size for row in rows]
            return NearCodes(distances, rows, blank, blank, None)
        split = source.splits["train"]
        batch = split.batch(torch.from_numpy(rows.reshape(-1)))
        x = channels_last(batch.x.cpu()).numpy()
        kinds = [""] * rows.size if batch.y is None else [
            self.model.classes[label] if label >= 0 else "" for label in batch.y.tolist()]
        names = [printable(source.names[i]) if source.names else ""
                 for i in split.index[torch.from_numpy(rows.reshape(-1))].tolist()]
        return NearCodes(distances, rows, _in_rows(names, rows), _in_rows(kinds, rows),
                         x.reshape(*rows.shape, *x.shape[1:]))

    @cached_property
    def _codes(self) -> TrainingCodes:
        return self.model.codes()

    @property
    def _count(self) -> int:
        return len(self._codes.z)

    @cached_property
    def _search(self) -> Any:
        from sklearn.neighbors import NearestNeighbors
        return NearestNeighbors(algorithm="brute").fit(self._codes.z.flatten(1).numpy())

    @cached_property
    def _source(self) -> Source | None:
        try:
            return self.model.source()
        except (ValueError, OSError):   # the data is gone, the codes are kept
            return None


def _in_rows(texts: list[str], like: np.ndarray) -> list[list[str]]:
    return [texts[i:i + like.shape[1]] for i in range(0, like.size, like.shape[1])]


@torch.inference_mode()
def nearest(source: Source, x: np.ndarray) -> NearestTraining:
    """Find the training sample nearest to each of x (N, H, W, C) or (N, D), by its values."""
    unseen = source.splits[source.unseen]
    queries = channels_first(torch.from_numpy(x).float())
    others = unseen.batch(unseen.evenly(LOOKED_AT)).x.cpu()
    looked = torch.cat([queries.flatten(1), others.flatten(1)])
    distance, index = _search(source, looked)
    neighbours = channels_last(source.splits["train"].batch(index[:len(x)]).x.cpu())
    seen = source.unseen == "train"
    return NearestTraining(neighbours.numpy(), distance[:len(x)].numpy(),
                           float("nan") if seen else float(distance[len(x):].median()))


def _search(source: Source, looked: Tensor) -> tuple[Tensor, Tensor]:
    """Distances (N,) and indices (N,) of the training samples nearest to `looked` (N, D)."""
    train = source.splits["train"]
    distance, index = torch.full((len(looked),), torch.inf), torch.zeros(len(looked)).long()
    begun = 0
    for batch in batches(train, None, "searching the training samples", CHUNK):
        near, which = torch.cdist(looked, batch.x.cpu().flatten(1)).min(1)
        closer = near < distance
        distance = torch.where(closer, near, distance)
        index = torch.where(closer, begun + which, index)
        begun += len(batch.x)
    return distance, index
