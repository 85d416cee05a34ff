"""Pass samples of any kind through a trained network and back, in their own size and units."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.contracts import Collection
from ..data.collect import stored
from ..data.in_memory import are_paths
from ..data.patches import tiles_of
from ..data.sources.series import Series
from ..data.sources.table import in_units
from ..data.sparse_rows import as_sparse
from ..data.split_data import Split
from ..data.windows import in_own_units
from .any_size import of_any_size, padded, whole
from .batches import seen
from .inputs import Inputs
from .labels import Labels
from .line_uses import is_of_lines, texts_of
from .network import Network
from .series_steps import steps_of


class Pipeline:
    """Reads samples with `inputs`, labels them with `labels`, and applies a `network`."""

    def __init__(self, network: Network, inputs: Inputs, labels: Labels):
        self.network, self.inputs, self.labels = network, inputs, labels
        self.shape = inputs.description.shape

    def split(self, x: Any, y: Any) -> Split:
        """Samples as a split, for batches."""
        samples = tiles_of(self.inputs.collect(x))
        labels = self.labels.of(y, samples)
        sparse = as_sparse(samples.x)
        gaps = sparse.has_gaps if sparse is not None else (
            samples.x.dtype != np.uint8 and bool(np.isnan(samples.x).any()))
        return Split(stored(samples.x), None if labels is None else torch.from_numpy(labels),
                     torch.arange(len(samples.x)), self.inputs.worth(samples.x),
                     self.network.device, gaps=gaps,
                     encoder_input=None if samples.encoder_input is None else stored(
                         samples.encoder_input))

    def encode(self, x: Any, y: Any) -> np.ndarray:
        """Codes (N, ...) of samples."""
        samples = self._sized(x)
        inputs = padded(seen(samples), self.shape[1:], self.network.stride)
        return self.network.encode(inputs, self.labels.of(y, samples))

    def decode(self, z: Any, y: Any) -> np.ndarray:
        """Decode codes z (N, ...) with classes y, in the model's scale."""
        codes, code = np.asarray(z, dtype=np.float32), self.network.code
        if codes.shape[1:] != code or not len(codes):
            raise ValueError(f"this model's codes have shape (N, {', '.join(map(str, code))}), "
                             f"not {codes.shape}")
        if y is None and self.network.model.condition is not None:
            raise ValueError("this model is conditional: pass the classes y of the codes")
        return self.network.decode(codes, self.labels.of(y, Collection(codes)))

    def in_units(self, x: np.ndarray, table: Collection | None = None) -> Any:
        """Convert samples for the user: rows of a table (N, D) to a data frame, with the types of
        the table `table`; windows of a series to their units; lines to texts. Other samples stay
        unchanged."""
        encoding = self.inputs.description.encoding
        if self.inputs.description.kind == "table":
            return in_units(encoding, x, table.raw if table else None)
        if is_of_lines(self.inputs.description):
            return texts_of(self.inputs.description, x)
        return in_own_units(encoding, x)

    def reconstruct(self, x: Any, y: Any = None) -> Any:
        """See `Trained.reconstruct`."""
        if self.inputs.reading.patches:
            return self.restore(x, y)
        samples = self._sized(x)
        if isinstance(samples.raw, Series) and samples is not x:
            return samples.raw.as_frame(self._over_steps(samples.raw, y))
        reconstruction = whole(seen(samples), self.labels.of(y, samples), self.shape[1:],
                               self.network.stride, self.network.reconstruct)
        return reconstruction if samples is x else self.in_units(reconstruction, samples)

    def _over_steps(self, series: Series, y: Any) -> np.ndarray:
        """The reconstruction of each step of a series, (T, C) in its own units: the mean over all
        windows that cover it. Units shorter than a window are NaN."""
        if y is not None:
            raise ValueError("the windows of a series have no classes; leave y out")
        encoding = self.inputs.description.encoding
        return steps_of(self, encoding, series, doing="reconstructing").recon

    def restore(self, x: Any, y: Any) -> Any:
        """See `Trained.restore`."""
        if len(self.shape) != 3:
            reconstruction = self.reconstruct(x, y)
            return (self._bounded(reconstruction) if isinstance(reconstruction, np.ndarray) else
                    reconstruction)
        samples = (self.inputs.collect if _is_named(x) else self.inputs.read_at_own_size)(x)
        theirs, own = ("x".join(map(str, size)) for size in (samples.shape[1:], self.shape[1:]))
        if theirs != own and self.network.stride is None:
            self.inputs.tell(f"images of {theirs} pixels are restored in tiles of {own} that "
                             f"overlap, because this model takes only that size")
        return self._bounded(of_any_size(
            seen(samples), self.labels.of(y, samples), self.shape[1:], self.network.stride,
            self.network.reconstruct, self.inputs.worth))

    def _bounded(self, x: np.ndarray) -> np.ndarray:
        return x.clip(0, 1) if self.inputs.bounded else x

    def _sized(self, x: Any) -> Collection:
        """Inputs of the model. Images in memory keep their size if the model takes any size."""
        if not _is_named(x) and self.network.stride:
            return self.inputs.read_at_own_size(x)
        return self.inputs.collect(x)


def _is_named(x: Any) -> bool:
    """Whether samples are files, or were read already."""
    return isinstance(x, str | Path | Collection) or are_paths(x)
