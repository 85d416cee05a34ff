"""The protocol of a trained model, as detectors, fillers and estimates use it."""

from typing import Any, Protocol

import numpy as np
import torch

from ..core.contracts import Collection
from ..data.split_data import Source, Split
from ..model.autoencoder import Autoencoder
from ..run.description import Description
from ..run.folder import RunFolder
from .latents import TrainingCodes
from .pca import PCA
from .run_cache import RunCache


class InUse(Protocol):
    """A trained model with its run, such as `hourglass.Trained`."""

    folder: RunFolder
    cache: RunCache
    model: Autoencoder
    description: Description
    shape: tuple[int, ...]
    classes: tuple[str, ...]

    @property
    def device(self) -> torch.device: ...

    def read(self, x: Any) -> Collection: ...

    def samples(self, x: Any, y: Any = None) -> Split: ...

    def reconstruct(self, x: Any, y: Any = None) -> Any: ...

    def errors(self, x: Any, y: Any = None) -> np.ndarray: ...

    def scale_of(self, x: np.ndarray) -> float: ...

    def codes(self) -> TrainingCodes: ...

    def pca(self) -> PCA: ...

    def source(self) -> Source: ...
