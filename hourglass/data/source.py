"""Source: a collection of samples, split, as the training loop and everything after it see it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from ..contracts import Batch
from .ondisk import OnDisk


@dataclass(frozen=True)
class Split:
    """Some of a collection's samples; they stay as they are stored until they are asked for."""

    x: Tensor | OnDisk         # (N, H, W, C) or (N, D), of the whole collection
    y: Tensor | None           # (N,)
    index: Tensor              # (n,) which of them are this split's
    scale: float = 1.0         # what a stored number is worth: 1/255 for 8-bit images
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    layout: torch.memory_format = torch.channels_last   # of images in a batch

    def __len__(self) -> int:
        return len(self.index)

    def batch(self, rows: Tensor) -> Batch:
        """The samples at these rows of the split, as float, images as (B, C, H, W)."""
        index = self.index.index_select(0, rows.to(self.index.device))
        x = self.x.index_select(0, index).to(self.device, non_blocking=True)
        if x.ndim == 4:
            x = rearrange(x, "b h w c -> b c h w").contiguous(memory_format=self.layout)
        x = x.float()
        y = None if self.y is None else self.y.index_select(0, index).to(self.device)
        return Batch(x.mul_(self.scale) if self.scale != 1 else x, y)

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
    shape: tuple[int, ...]               # of one sample: (C, H, W) or (D,)
    low: float                           # the least and
    high: float                          # the greatest value that a sample can have
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    identity: dict[str, Any] = field(default_factory=dict)

    @property
    def unseen(self) -> str:
        """The split to look at: the one that training knows least of."""
        return next(name for name in ("test", "val", "train") if name in self.splits)

    def to(self, device: torch.device, layout: torch.memory_format) -> "Source":
        """The same with batches on the device, images so laid out; stored samples follow if they
        fit there well."""
        any_split = next(iter(self.splits.values()))
        x, y = any_split.x, any_split.y
        if (device.type == "cuda" and isinstance(x, Tensor)
                and x.nbytes < torch.cuda.mem_get_info(device)[0] / 4):
            x, y = x.to(device), None if y is None else y.to(device)
        moved = {name: Split(x, y, split.index.to(x.device), split.scale, device, layout)
                 for name, split in self.splits.items()}
        return replace(self, splits=moved)

    def whole(self) -> Split:
        """All samples as one split."""
        any_split = next(iter(self.splits.values()))
        index = torch.cat([part.index for part in self.splits.values()]).unique()
        return replace(any_split, index=index)
