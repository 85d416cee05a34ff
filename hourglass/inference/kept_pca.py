"""The principal components of a run's training samples, kept with it: what detectors use."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ..core.tensor_files import load_tensors, save_tensors
from ..data.source import Source
from ..run.folder import RunFolder, digest
from .calibration import held_rows
from .pca import PCA as PCA
from .pca import components_for, fit_pca, pca_from, training_samples


def pca_of(folder: RunFolder, source: Callable[[], Source], numbers: int) -> PCA:
    """The ones kept there, else found anew from the data and kept; `numbers` a code has. Raises
    ValueError where they are needed and the data is gone."""
    path = folder.path / "detectors" / "pca.safetensors"
    with suppress(ValueError, OSError):   # damaged, or not there: they can be found again
        kept, mark = _read(path, path.stat().st_mtime_ns)
        if kept is not None and mark == digest(folder):
            return kept
    held = source()
    values = int(np.prod(held.shape))
    of, rows = held_rows(held)
    samples = training_samples(held, without=rows.numpy() if of == "train" else None)
    found = fit_pca(samples, components_for(values, numbers))
    with suppress(OSError):   # a folder that cannot be written: they are found again
        path.parent.mkdir(exist_ok=True)
        save_tensors(path, {name: torch.from_numpy(v) for name, v in found.arrays().items()},
                     {"model": digest(folder)})
    return found


@lru_cache(maxsize=2)   # for whoever scores a few samples at a time
def _read(path: Path, changed: int) -> tuple[PCA | None, str]:
    """The ones in a file that was `changed` then, and of which model; raises ValueError."""
    arrays, about = load_tensors(path)
    return pca_from({name: t.numpy() for name, t in arrays.items()}), about.get("model", "")
