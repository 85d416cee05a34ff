"""Where all samples of a split lie in the latent space, with their errors: kept with the run."""

from dataclasses import dataclass

import numpy as np
import torch

from ..core.tensor_files import load_texts
from ..data.split_data import Source
from ..inference.batches import patiently
from ..inference.run_cache import WEIGHTS, RunCache
from ..model.autoencoder import Autoencoder
from .explorer.walk import Walk, find_walk
from .snapshot import Snapshot
from .take_snapshot import passed

MOST = 1_000_000           # samples
AT_ONCE = 2000             # samples, of at most
AT_ONCE_VALUES = 8_000_000   # values together
NONE = -1                  # the label of a sample without a class
FOLDER = "points"          # in the run's folder, with a file for each split


@dataclass(frozen=True)
class LatentPoints:
    """Samples of a split, by the axes on which the report's samples are drawn."""

    split: str
    total: int            # samples of the split
    rows: np.ndarray      # (N,) int32, of the split
    places: np.ndarray    # (N, 2) float32
    errors: np.ndarray    # (N,) float32, squared; of lines of text, nats
    labels: np.ndarray    # (N,) int32, NONE without a class


def walk_of(s: Snapshot) -> Walk:
    """The directions to walk among the finite codes of a snapshot. Raises ValueError if there are
    none."""
    codes = s.codes[np.isfinite(s.codes).all(1)]
    if not len(codes):
        raise ValueError("no code of this model is finite, so its latent space cannot be shown")
    return find_walk(codes.astype(np.float64))


def find_points(
    model: Autoencoder, source: Source, walk: Walk, split: str, most: int = MOST
) -> LatentPoints:
    """Pass a split, or `most` samples spread evenly over a larger one, through the model. In memory
    are a few samples, and 20 bytes of each."""
    size = max(1, min(AT_ONCE, AT_ONCE_VALUES // int(np.prod(source.shape))))
    rows = source.splits[split].evenly(most)
    chunks = rows.split(size)
    parts = [_placed(passed(model, source, some, split), walk, model.of_tokens) for some in
             patiently(chunks, len(chunks), f"placing samples, {size:,} at a time")]
    places, errors, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    finite = np.isfinite(places).all(1)
    return LatentPoints(split, len(source.splits[split]), rows.numpy().astype(np.int32)[finite],
                        places[finite], errors[finite], labels[finite])


def _placed(s: Snapshot, walk: Walk, lines: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places = (s.codes.astype(np.float64) - walk.origin) @ walk.plane.T
    labels = s.y if len(s.y) else np.full(len(places), NONE)
    return (places.astype(np.float32), (s.nats if lines else s.squared).astype(np.float32),
            labels.astype(np.int32))


def keep_points(cache: RunCache, points: LatentPoints, walk: Walk) -> None:
    """Save points with the run, under the digest of its weights, and with their axes."""
    arrays = {name: getattr(points, name) for name in ("rows", "places", "errors", "labels")}
    cache.keep_tensors(_file(points.split), {**arrays, "plane": walk.plane, "origin": walk.origin},
                       {"total": str(points.total), "count": str(len(points.rows))})


def kept_points(cache: RunCache, split: str, walk: Walk) -> LatentPoints | None:
    """The saved points of a split; None if there are none of the run's weights and these axes."""
    def read(tensors: dict[str, torch.Tensor], texts: dict[str, str]) -> LatentPoints:
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        for name, own in (("plane", walk.plane), ("origin", walk.origin)):
            if not np.allclose(arrays.pop(name), own, atol=1e-6):
                raise ValueError("other axes")
        return LatentPoints(split, int(texts["total"]), **arrays)
    return cache.kept_tensors(_file(split), read)


def kept_count(cache: RunCache, split: str) -> int:
    """How many points of a split are saved for the run's weights, by the file's head alone."""
    try:
        texts = load_texts(cache.folder.path / _file(split))
        return int(texts["count"]) if texts[WEIGHTS] == cache.weights else 0
    except (ValueError, KeyError):
        return 0


def _file(split: str) -> str:
    return f"{FOLDER}/{split}.safetensors"
