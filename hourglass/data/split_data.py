"""Source: a split collection of samples, for the training loop and all later steps."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.channels import channels_first
from ..core.contracts import Batch, Factors, Scale
from .columns import described
from .memory_map import OnDisk
from .on_demand import OnDemand
from .patches import Patches
from .sparse_rows import SparseRows
from .vocabulary import vocabulary_of

POOL = 32   # batches whose lines are sorted by length together
Stored = Tensor | OnDisk | Patches | OnDemand | SparseRows   # samples, in memory or on disk


@dataclass(frozen=True)
class Split:
    """Some of a collection's samples, kept as stored until a batch is needed."""

    x: Stored                  # (N, H, W, C), (N, T, C) or (N, D), the whole collection
    y: Tensor | None           # (N,)
    index: Tensor              # (n,) indices of this split's samples
    scale: float = 1.0         # value of a stored number: 1/255 for 8-bit images
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    layout: torch.memory_format = torch.channels_last   # of images in a batch
    encoder_input: Stored | None = None   # like x: the encoder's input
    gaps: bool = False         # whether values are missing, as NaN
    known: float = 1.0         # share of observed values
    shown: Tensor | None = None   # (N,) bool, labels that training may use; None: all
    grey: Tensor | None = None   # like x: probabilities for dynamic binarisation
    grey_scale: float = 1.0    # value of its stored numbers
    offset: float = 0.0        # subtracted from stored numbers, before `scale`
    clip: bool = False         # whether to clip values to [0, 1] then
    lengths: Tensor | None = None   # (N,) of lines: training batches hold lines of like length
    properties: Tensor | None = None   # (N, P) standardised, for the loss; NaN: missing

    def __len__(self) -> int:
        return len(self.index)

    def batch(self, rows: Tensor, grey: bool = False) -> Batch:
        """The samples at these rows, as float, channels first. `grey` returns the probabilities for
        dynamic binarisation, and new positions of random patches."""
        index = self.index.index_select(0, rows.to(self.index.device))
        y = None if self.y is None else self.y.index_select(0, index).to(self.device)
        encoder_input = None if self.encoder_input is None else self._read(
            self.encoder_input, index, self.scale)
        samples = self.x
        if grey and encoder_input is None:
            samples = (samples.drawn_anew() if isinstance(samples, Patches) else
                       samples.for_training() if isinstance(samples, OnDemand) else samples)
        x = (self._read(self.grey, index, self.grey_scale) if grey and self.grey is not None else
             self._read(samples, index, self.scale))
        known = x.isfinite() if self.gaps else None
        y_observed = None if self.shown is None or y is None else torch.where(
            self.shown[index.cpu()].to(y.device), y, -1)
        if self.gaps and encoder_input is not None:
            encoder_input = encoder_input.nan_to_num_(0.0, 0.0, 0.0)
        properties = None if self.properties is None else self.properties[
            index.cpu()].to(self.device)
        return Batch(x.nan_to_num_(0.0, 0.0, 0.0) if self.gaps else x, y, encoder_input,
                     None if known is None else known.float(), y_observed, properties)

    def _read(self, samples: Stored, index: Tensor, scale: float) -> Tensor:
        if isinstance(samples, SparseRows):   # only the stored values travel to the device
            return samples.index_select(0, index).to(self.device).dense()
        rows = samples.index_select(0, index)
        if rows.dtype == torch.uint16:   # hardly supported by CUDA
            rows = rows.float()
        x = channels_first(rows.to(self.device, non_blocking=True))
        if x.ndim == 4:
            x = x.contiguous(memory_format=self.layout)
        x = x.contiguous().float() if x.ndim == 3 else x.float()
        x = x.sub_(self.offset) if self.offset else x
        x = x.mul_(scale) if scale != 1 else x
        return x.clamp_(0, 1) if self.clip else x

    def evenly(self, most: int) -> Tensor:
        """Rows of at most `most` samples, spread evenly over the split."""
        if len(self) <= most:
            return torch.arange(len(self))
        return torch.linspace(0, len(self) - 1, most).long()

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all samples in order, in batches."""
        for rows in torch.arange(len(self)).split(size):
            yield self.batch(rows)


def shuffled(split: Split, size: int, seed: int, epoch: int, processes: int = 1) -> list[Tensor]:
    """The rows of each batch of an epoch: a permutation of the split, fixed by (seed, epoch).

    A batch is for all processes together, with `size` rows for each. A last batch with fewer than
    two rows per process is joined to the previous one, for batch normalisation. Samples in shards
    are permuted in blocks, see `OnDemand.shuffled`. Lines of like length share a batch: they are
    sorted in pools of POOL batches, and the batches are permuted.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    order = torch.randperm(len(split), generator=generator) if not isinstance(
        split.x, OnDemand) else split.x.shuffled(split.index.numpy(), generator, processes)
    if split.lengths is not None:
        lengths = split.lengths[split.index.cpu()]
        order = torch.cat([pool[lengths[pool].argsort(stable=True)]
                           for pool in order.split(POOL * size * processes)])
    rows = list(order.split(size * processes))
    if len(rows) > 1 and len(rows[-1]) < 2 * processes:
        rows[-2:] = [torch.cat(rows[-2:])]
    if split.lengths is not None:
        rows = [rows[i] for i in torch.randperm(len(rows), generator=generator).tolist()]
    return rows


@dataclass(frozen=True)
class Source:
    """Data to train on, in splits."""

    splits: dict[str, Split]
    shape: tuple[int, ...]               # of one sample: (C, H, W), (C, T) or (D,)
    low: float                           # smallest value of a sample
    high: float                          # largest value of a sample
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    identity: dict[str, Any] = field(default_factory=dict)
    encoding: dict[str, Any] = field(default_factory=dict)   # how values were encoded
    factors: Factors | None = None       # known generative factors of all samples
    scale: Scale = field(default_factory=Scale)   # how the data was scaled
    captions: tuple[tuple[str, ...], ...] = ()   # of all samples: texts that describe each
    properties: dict[str, np.ndarray] = field(default_factory=dict)   # (N,) numbers of all samples

    @property
    def unseen(self) -> str:
        """The split for evaluation: the first of test, val and train that exists."""
        return next(name for name in ("test", "val", "train") if name in self.splits)

    @property
    def columns(self) -> str:
        """What the likelihood `mixed` must know of a table's columns; for lines of text, their
        likelihood with the number of tokens; "" for other data."""
        if self.encoding.get("kind") == "lines":
            return f"tokens({vocabulary_of(self.encoding).size})"
        return described(self.encoding["columns"]) if self.encoding.get("kind") == "table" else ""

    def to(self, device: torch.device, layout: torch.memory_format) -> "Source":
        """The source with batches on the device, and images in this memory layout. Stored samples
        are moved too if they fit well."""
        any_split = next(iter(self.splits.values()))
        if isinstance(any_split.x, SparseRows):   # each split may have rows of its own
            return replace(self, splits={name: replace(split, device=device, layout=layout)
                                         for name, split in self.splits.items()})
        x, y, grey = any_split.x, any_split.y, any_split.grey
        encoder_input = any_split.encoder_input
        if (device.type == "cuda" and isinstance(x, Tensor)
                and not isinstance(encoder_input, OnDisk | Patches | OnDemand | SparseRows)
                and x.dtype != torch.uint16
                and x.nbytes < torch.cuda.mem_get_info(device)[0] / 4):
            x, y = x.to(device), None if y is None else y.to(device)
            encoder_input, grey = (None if tensor is None else tensor.to(device)
                                   for tensor in (encoder_input, grey))
        moved = {name: replace(split, x=x, y=y, index=split.index.to(x.device), device=device,
                               layout=layout, encoder_input=encoder_input, grey=grey)
                 for name, split in self.splits.items()}
        return replace(self, splits=moved)

    def with_classes(self, classes: tuple[str, ...]) -> "Source":
        """The source with classes in another order; unchanged for other classes."""
        if classes == self.classes or sorted(classes) != sorted(self.classes):
            return self
        number = torch.tensor([classes.index(name) for name in self.classes])
        splits = {name: split if split.y is None else replace(split, y=number.to(
            split.y.device)[split.y]) for name, split in self.splits.items()}
        return replace(self, splits=splits, classes=classes)

    def whole(self) -> Split:
        """All samples as one split."""
        any_split = next(iter(self.splits.values()))
        index = torch.cat([part.index for part in self.splits.values()]).unique()
        return replace(any_split, index=index)
