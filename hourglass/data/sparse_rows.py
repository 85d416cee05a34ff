"""Rows with few values each, such as users' ratings of items, kept sparse until the device."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

MOST_VALUES = 2**27   # values of rows that are made dense on the processor at once


class SparseBatch(NamedTuple):
    """The stored values of B rows, with their places."""

    rows: Tensor      # (E,) from 0 to B - 1
    columns: Tensor   # (E,)
    values: Tensor    # (E,) float
    shape: tuple[int, int]
    missing: float    # what stands where nothing is stored: 0 or NaN

    def to(self, device: torch.device) -> "SparseBatch":
        """The same on a device: only stored values travel."""
        rows, columns, values = (t.to(device, non_blocking=True)
                                 for t in (self.rows, self.columns, self.values))
        return SparseBatch(rows, columns, values, self.shape, self.missing)

    def dense(self) -> Tensor:
        """The rows (B, D) with every value, where the stored ones are."""
        dense = self.values.new_full(self.shape, self.missing)
        dense[self.rows, self.columns] = self.values
        return dense


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Rows (N, D) as a scipy matrix in CSR form. It is used like an array, but
    refuses what would make all of it dense."""

    matrix: Any              # scipy.sparse.csr_matrix (N, D) of float32
    missing: float = 0.0     # what stands where nothing is stored: 0 or NaN

    device = torch.device("cpu")
    dtype = np.dtype(np.float32)
    ndim = 2

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        return len(self), int(self.matrix.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of the stored values."""
        matrix = self.matrix
        return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)

    @property
    def has_gaps(self) -> bool:
        """Whether a value that is not stored is unknown, instead of 0."""
        return bool(np.isnan(self.missing))

    @property
    def counts(self) -> np.ndarray:
        """(N,) how many values of each row are stored."""
        return np.asarray(np.diff(self.matrix.indptr))

    def __getitem__(self, which: Any) -> np.ndarray:
        """Some rows, dense: a number gives (D,), a slice or indices (M, D)."""
        rows = np.arange(len(self))[which]
        dense = self.index_select(0, torch.from_numpy(np.atleast_1d(rows))).dense().numpy()
        return dense[0] if np.ndim(rows) == 0 else dense

    def index_select(self, dim: int, index: Tensor) -> SparseBatch:
        """The rows at these indices (B,), in their order, still sparse."""
        part = self.matrix[index.cpu().numpy()]
        rows = np.repeat(np.arange(len(index)), np.diff(part.indptr))
        return SparseBatch(torch.from_numpy(rows), torch.from_numpy(part.indices.astype(np.int64)),
                           torch.from_numpy(np.asarray(part.data, np.float32)),
                           (len(index), self.shape[1]), self.missing)

    def rows_at(self, which: np.ndarray) -> "SparseRows":
        """Some rows, by index, still sparse."""
        return SparseRows(self.matrix[which], self.missing)


def as_sparse(x: Any) -> SparseRows | None:
    """The rows if a collection keeps them sparse, otherwise None."""
    return x if isinstance(x, SparseRows) else None
