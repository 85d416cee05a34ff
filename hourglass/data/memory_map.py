"""Samples that stay on disk, in a .npy file, until they are needed."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

IN_MEMORY = 2**30   # bytes; larger arrays stay on disk


class OnDisk:
    """The array in a .npy file. Only the requested rows are read.

    It is read, not mapped: pages of a map count as this process' memory, and a file that shrinks
    under a map kills the process. The system still caches the file. Raises OSError for a file that
    ends too soon.
    """

    device = torch.device("cpu")

    def __init__(self, array: np.memmap):
        if not array.flags.c_contiguous:
            raise ValueError(f"{array.filename} holds an array in Fortran order; save it with "
                             f"numpy.save(path, numpy.ascontiguousarray(array))")
        self.path, self.offset = Path(str(array.filename)), array.offset
        if self.path.stat().st_size != self.offset + array.nbytes:
            raise ValueError(f"{self.path} does not have the length of its array")
        self.shape, self.dtype, self.nbytes = array.shape, array.dtype, array.nbytes
        self.row_bytes = array.nbytes // max(len(array), 1)
        self.file = os.open(self.path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "file"):
            os.close(self.file)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """The rows (dim 0) at these indices (B,), in their order."""
        rows = np.empty((len(index), *self.shape[1:]), self.dtype)
        buffer = rows.data.cast("B")
        for place, row in enumerate(index.tolist()):
            into = buffer[place * self.row_bytes:(place + 1) * self.row_bytes]
            if os.preadv(self.file, [into], self.offset + row * self.row_bytes) < len(into):
                raise OSError(f"{self.path} ends before its sample {row}; it was cut short")
        return torch.from_numpy(rows)
