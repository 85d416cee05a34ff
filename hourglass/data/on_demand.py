"""Images that stay in shards until they are needed: read in blocks, and decoded then."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.output_names import printable
from .shard_bytes import read_range
from .shard_names import is_address

BLOCK = 256            # samples that are read together, at most
BLOCK_BYTES = 2**22    # and their bytes
WINDOW = 16            # blocks whose samples are shuffled together
KEPT = 2 * WINDOW      # blocks of remote shards in memory
MANY = 8               # samples of a block from which it is read whole


@dataclass(frozen=True)
class Places:
    """Where in the shards the images lie, in order."""

    shards: tuple[str, ...]
    shard: np.ndarray     # (N,) index of each image's shard
    offset: np.ndarray    # (N,) its first byte there
    size: np.ndarray      # (N,) its bytes

    def blocks(self) -> np.ndarray:
        """The number of each image's block, (N,): neighbours in one shard, few enough to be read
        together."""
        blocks, number, rows, first, shard = np.empty(len(self.size), np.int64), -1, 0, 0, -1
        ends = self.offset + self.size
        for row, (own, start, end) in enumerate(zip(
                self.shard.tolist(), self.offset.tolist(), ends.tolist(), strict=True)):
            if own != shard or rows >= BLOCK or end - first > BLOCK_BYTES:
                number, rows, first, shard = number + 1, 0, start, own
            blocks[row], rows = number, rows + 1
        return blocks


@dataclass(eq=False)
class BlockCache:
    """The bytes of the last blocks of remote shards."""

    blocks: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, block: int, read: Callable[[], bytes]) -> bytes:
        """The bytes of a block, read if they are not there."""
        with self.lock:
            if block in self.blocks:
                self.blocks.move_to_end(block)
                return self.blocks[block]
        content = read()
        with self.lock:
            self.blocks[block] = content
            while len(self.blocks) > KEPT:
                self.blocks.popitem(last=False)
        return content

    def __contains__(self, block: int) -> bool:
        return block in self.blocks


@dataclass(frozen=True, eq=False)
class OnDemand:
    """Images (N, H, W, C) in shards, used like an array. `decode` makes an image of its file's
    bytes. Raises ValueError for an image or a shard that cannot be read."""

    places: Places
    image: tuple[int, int, int]   # (H, W, C)
    dtype: np.dtype[Any]
    decode: Callable[[bytes], np.ndarray]
    keys: tuple[str, ...]         # of the samples
    block: np.ndarray             # (N,) the block of each
    cache: BlockCache = field(default_factory=BlockCache)
    whole_blocks: bool = False    # whether blocks are always read whole, as in training

    device = torch.device("cpu")
    ndim = 4

    def __len__(self) -> int:
        return len(self.block)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""
        return (len(self), *self.image)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """Bytes that all images would take."""
        return self.size * self.dtype.itemsize

    def __getitem__(self, which: Any) -> np.ndarray:
        rows = np.arange(len(self))[which]
        return self._decoded(np.atleast_1d(rows))[0 if np.ndim(rows) == 0 else slice(None)]

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """The images at these indices (B,), in their order, as a tensor."""
        return torch.from_numpy(self._decoded(index.numpy()))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All images as an array in memory."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def astype(self, dtype: Any) -> np.ndarray:
        """All images as an array in memory."""
        return self[:].astype(dtype)

    def max(self, initial: float = 0) -> float:
        """The largest value."""
        return float(max((self[start:start + BLOCK].max(initial=initial)
                          for start in range(0, len(self), BLOCK)), default=initial))

    def of(self, rows: np.ndarray) -> "OnDemand":
        """The images at these rows (n,), which must be in order. None is decoded yet."""
        places = self.places
        return replace(self, block=self.block[rows], keys=tuple(self.keys[row] for row in rows),
                       places=replace(places, shard=places.shard[rows], size=places.size[rows],
                                      offset=places.offset[rows]), cache=BlockCache())

    def for_training(self) -> "OnDemand":
        """The same images, for batches in the order of `shuffled`."""
        return replace(self, whole_blocks=True)

    def shuffled(self, index: np.ndarray, generator: torch.Generator, processes: int) -> Tensor:
        """The places of a split's samples, whose rows are `index` (n,), in a random order in which
        few blocks are needed at a time: the order of blocks is random, and so is that of the
        samples within WINDOW blocks. Every n-th sample comes from a block of the n-th process."""
        order = np.argsort(index, kind="stable")   # of the blocks
        edges = np.flatnonzero(np.diff(self.block[index[order]], prepend=-1))
        runs = np.split(order, edges[1:]) if len(order) else []
        blocks = torch.randperm(len(runs), generator=generator).tolist()
        streams = []
        for process in range(processes):
            own = blocks[process::processes]
            parts = []
            for start in range(0, len(own), WINDOW):
                rows = np.concatenate([runs[block] for block in own[start:start + WINDOW]])
                parts.append(rows[torch.randperm(len(rows), generator=generator).numpy()])
            streams.append(np.concatenate(parts) if parts else np.empty(0, np.int64))
        even = min(map(len, streams))
        together = np.stack([stream[:even] for stream in streams], 1).reshape(-1)
        return torch.from_numpy(np.concatenate([together, *(s[even:] for s in streams)]))

    def _decoded(self, rows: np.ndarray) -> np.ndarray:
        images = np.empty((len(rows), *self.image), self.dtype)
        blocks, counts = np.unique(self.block[rows], return_counts=True)
        whole = {int(block) for block, count in zip(blocks, counts, strict=True)
                 if self._is_remote(int(np.searchsorted(self.block, block)))
                 and (self.whole_blocks or count >= MANY or block in self.cache)}

        def fill(place: int) -> None:
            row = int(rows[place])
            content = self.content(row, int(self.block[row]) in whole)
            try:
                images[place] = self.decode(content)
            except Exception as error:   # Pillow raises many kinds for a broken file
                shard = self.places.shards[int(self.places.shard[row])]
                raise ValueError(f"{printable(self.keys[row])} in {shard} cannot be read "
                                 f"({error}); make the shard again without it, or leave the shard "
                                 f"out") from None
        pool = _pool()
        list(pool.map(self._block, sorted(whole)))   # at the same time
        list(pool.map(fill, range(len(rows))))
        return images

    def _is_remote(self, row: int) -> bool:
        return is_address(self.places.shards[int(self.places.shard[row])])

    def content(self, row: int, whole: bool = False) -> bytes:
        """The bytes of an image's file, alone or from its whole block."""
        start, size = int(self.places.offset[row]), int(self.places.size[row])
        if not whole:
            return read_range(self.places.shards[int(self.places.shard[row])], start, start + size)
        block = int(self.block[row])
        first = int(self.places.offset[np.searchsorted(self.block, block)])
        return self._block(block)[start - first:start - first + size]

    def _block(self, block: int) -> bytes:
        first, end = (int(np.searchsorted(self.block, block, side)) for side in ("left", "right"))
        places = self.places
        return self.cache.get(block, lambda: read_range(
            places.shards[int(places.shard[first])], int(places.offset[first]),
            int(places.offset[end - 1] + places.size[end - 1])))


POOLS: dict[int, ThreadPoolExecutor] = {}   # by process: threads do not outlive a fork


def _pool() -> ThreadPoolExecutor:
    pool = POOLS.get(os.getpid())
    if pool is None:
        POOLS.clear()
        pool = POOLS[os.getpid()] = ThreadPoolExecutor(min(32, 4 * (os.cpu_count() or 1)))
    return pool
