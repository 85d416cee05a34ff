"""PCA of a run's training samples, saved with the run, for detectors."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ..data.split_data import Source
from .calibration import held_rows
from .pca import PCA as PCA
from .pca import components_for, fit_pca, pca_from, training_samples
from .run_cache import RunCache

FILE = "detectors/pca.safetensors"


def pca_of(cache: RunCache, source: Callable[[], Source], numbers: int) -> PCA:
    """The saved PCA, or a new one from the data, which is saved. `numbers` is the number of
    latents. Raises ValueError if the data is needed and gone."""
    path = cache.folder.path / FILE
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    kept = _kept(cache, changed) if changed else None
    if kept is not None:
        return kept
    data = source()
    values = int(np.prod(data.shape))
    of, rows = held_rows(data)
    samples = training_samples(data, without=rows.numpy() if of == "train" else None)
    pca = fit_pca(samples, components_for(values, numbers))
    cache.keep_tensors(FILE, pca.arrays(), {})
    return pca


@lru_cache(maxsize=2)   # for callers that score a few samples at a time
def _kept(cache: RunCache, changed: int) -> PCA | None:
    """The PCA in a file with this time of change."""
    return cache.kept_tensors(FILE, lambda tensors, _: pca_from(
        {name: t.numpy() for name, t in tensors.items()}))
