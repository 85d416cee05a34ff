"""Source: a collection of samples, split, as the training loop and everything after it see it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..core.channels import channels_first
from ..core.contracts import Batch, Factors, Scale
from .columns import described
from .memory_map import OnDisk
from .patches import Patches


@dataclass(frozen=True)
class Split:
    """Some of a collection's samples; they stay as they are stored until they are asked for."""

    x: Tensor | OnDisk | Patches   # (N, H, W, C), (N, T, C) or (N, D), of the whole collection
    y: Tensor | None           # (N,)
    index: Tensor              # (n,) which of them are this split's
    scale: float = 1.0         # what a stored number is worth: 1/255 for 8-bit images
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    layout: torch.memory_format = torch.channels_last   # of images in a batch
    given: Tensor | OnDisk | Patches | None = None   # like x: what the encoder is to see
    gaps: bool = False         # whether values are missing, as NaN
    known: float = 1.0         # the share of its values that are not
    shown: Tensor | None = None   # (N,) bool, whose labels training may know; None is all
    grey: Tensor | None = None   # like x: what training draws it from anew, if it does
    grey_scale: float = 1.0    # what a number of it is worth
    offset: float = 0.0        # of what is stored: it is taken off before `scale` is applied
    clip: bool = False         # whether values then become the nearest from 0 to 1

    def __len__(self) -> int:
        return len(self.index)

    def batch(self, rows: Tensor, grey: bool = False) -> Batch:
        """The samples at these rows of the split, as float, channels first; `grey` gives them as
        they were before they were drawn, where training draws anew, and other patches each time."""
        index = self.index.index_select(0, rows.to(self.index.device))
        y = None if self.y is None else self.y.index_select(0, index).to(self.device)
        given = None if self.given is None else self._read(self.given, index, self.scale)
        held = self.x.drawn_anew() if grey and given is None and isinstance(
            self.x, Patches) else self.x
        x = (self._read(self.grey, index, self.grey_scale) if grey and self.grey is not None else
             self._read(held, index, self.scale))
        known = x.isfinite() if self.gaps else None
        told = None if self.shown is None or y is None else torch.where(
            self.shown[index.cpu()].to(y.device), y, -1)
        if self.gaps and given is not None:
            given = given.nan_to_num_(0.0, 0.0, 0.0)
        return Batch(x.nan_to_num_(0.0, 0.0, 0.0) if self.gaps else x, y, given,
                     None if known is None else known.float(), told)

    def _read(self, held: Tensor | OnDisk | Patches, index: Tensor, scale: float) -> Tensor:
        rows = held.index_select(0, index)
        if rows.dtype == torch.uint16:   # of which CUDA knows little
            rows = rows.float()
        x = channels_first(rows.to(self.device, non_blocking=True))
        if x.ndim == 4:
            x = x.contiguous(memory_format=self.layout)
        x = x.contiguous().float() if x.ndim == 3 else x.float()
        x = x.sub_(self.offset) if self.offset else x
        x = x.mul_(scale) if scale != 1 else x
        return x.clamp_(0, 1) if self.clip else x

    def evenly(self, most: int) -> Tensor:
        """Rows of at most so many samples, spread over the whole split."""
        if len(self) <= most:
            return torch.arange(len(self))
        return torch.linspace(0, len(self) - 1, most).long()

    def batches(self, size: int) -> Iterator[Batch]:
        """All samples in order."""
        for rows in torch.arange(len(self)).split(size):
            yield self.batch(rows)


def shuffled(split: Split, size: int, seed: int, epoch: int, processes: int = 1) -> list[Tensor]:
    """The rows of each batch of an epoch: a permutation of the whole split that (seed, epoch) fix.

    A batch is for all processes together, `size` rows for each. A last batch that has fewer than
    two for each is joined to the one before, for batch normalisation's sake.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    rows = list(torch.randperm(len(split), generator=generator).split(size * processes))
    if len(rows) > 1 and len(rows[-1]) < 2 * processes:
        rows[-2:] = [torch.cat(rows[-2:])]
    return rows


@dataclass(frozen=True)
class Source:
    """Data to train on and look at."""

    splits: dict[str, Split]
    shape: tuple[int, ...]               # of one sample: (C, H, W), (C, T) or (D,)
    low: float                           # the least and
    high: float                          # the greatest value that a sample can have
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    identity: dict[str, Any] = field(default_factory=dict)
    encoding: dict[str, Any] = field(default_factory=dict)   # how values became what they are here
    factors: Factors | None = None       # what all samples were made of, where that is known
    scale: Scale = field(default_factory=Scale)   # how the data's numbers became what a model sees

    @property
    def unseen(self) -> str:
        """The split to look at: the one that training knows least of."""
        return next(name for name in ("test", "val", "train") if name in self.splits)

    @property
    def columns(self) -> str:
        """What a table's columns are, as the likelihood `mixed` is told; "" of other data."""
        return described(self.encoding["columns"]) if self.encoding.get("kind") == "table" else ""

    def to(self, device: torch.device, layout: torch.memory_format) -> "Source":
        """The same with batches on the device, images so laid out; stored samples follow if they
        fit there well."""
        any_split = next(iter(self.splits.values()))
        x, y, given, grey = any_split.x, any_split.y, any_split.given, any_split.grey
        if (device.type == "cuda" and isinstance(x, Tensor)
                and not isinstance(given, OnDisk | Patches) and x.dtype != torch.uint16
                and x.nbytes < torch.cuda.mem_get_info(device)[0] / 4):
            x, y = x.to(device), None if y is None else y.to(device)
            given, grey = (None if held is None else held.to(device) for held in (given, grey))
        moved = {name: replace(split, x=x, y=y, index=split.index.to(x.device), device=device,
                               layout=layout, given=given, grey=grey)
                 for name, split in self.splits.items()}
        return replace(self, splits=moved)

    def with_classes(self, classes: tuple[str, ...]) -> "Source":
        """The same with its classes numbered as in another order of them; unchanged where these
        are others."""
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
