"""Samples that stay on disk, in a .npy file, until they are asked for."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

IN_MEMORY = 2**30   # bytes; what is larger stays on disk


class OnDisk:
    """The array in a .npy file, of which only the rows asked for are read.

    Read, not mapped: a map's pages count as this process' memory once touched, and a file that
    shrinks under it kills the process. The system still keeps in its own cache what it has room
    for. Raises OSError for a file that ends too soon.
    """

    device = torch.device("cpu")

    def __init__(self, array: np.memmap):
        if not array.flags.c_contiguous:
            raise ValueError(f"{array.filename} holds an array in Fortran's order; save it with "
                             f"numpy.save(path, numpy.ascontiguousarray(array))")
        self.path, self.offset = Path(str(array.filename)), array.offset
        if self.path.stat().st_size != self.offset + array.nbytes:
            raise ValueError(f"{self.path} is longer or shorter than the array in it")
        self.shape, self.dtype, self.nbytes = array.shape, array.dtype, array.nbytes
        self.row_bytes = array.nbytes // max(len(array), 1)
        self.file = os.open(self.path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "file"):
            os.close(self.file)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """The rows (dim 0) at the index (B,), in its order."""
        rows = np.empty((len(index), *self.shape[1:]), self.dtype)
        held = rows.data.cast("B")
        for place, row in enumerate(index.tolist()):
            into = held[place * self.row_bytes:(place + 1) * self.row_bytes]
            if os.preadv(self.file, [into], self.offset + row * self.row_bytes) < len(into):
                raise OSError(f"{self.path} ends before its sample {row}; it was cut short")
        return torch.from_numpy(rows)
