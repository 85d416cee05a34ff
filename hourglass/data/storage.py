"""Room for samples: in memory, or on disk where they are large."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from .fetch import cache_folder
from .memory_map import IN_MEMORY


def room(count: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array (count, *shape) to be filled: in memory, or in a file of the cache that goes when
    Python ends, where it is large. Raises ValueError where the disk has no room for it."""
    dtype = np.dtype(dtype)
    size = count * int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size <= IN_MEMORY:
        return np.empty((count, *shape), dtype)
    folder = cache_folder() / "in_memory"
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ValueError(f"{count:,} samples of shape {shape} take {size / 2**30:,.1f} GiB, and "
                         f"{folder} has {free / 2**30:,.1f} free; give fewer or smaller samples, "
                         f"or name another disk in XDG_CACHE_HOME")
    handle, path = tempfile.mkstemp(suffix=".npy", dir=folder)
    os.close(handle)
    atexit.register(Path(path).unlink, missing_ok=True)
    return open_memmap(path, "w+", dtype, (count, *shape))


def where_kept(x: np.ndarray) -> str:
    """In words, how much room samples take, and where."""
    where = "on disk" if isinstance(x, np.memmap) else "in memory"
    return f"{x.nbytes / 2**20:,.1f} MiB {where}"
