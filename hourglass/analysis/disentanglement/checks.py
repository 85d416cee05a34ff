"""Codes and factors as all scores take them."""

import numpy as np


def checked(codes: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes (N, ...) as vectors (N, D), and factors (N, F) as the numbers of the values that there
    are, from 0. Raises ValueError for what cannot be scored."""
    z, v = np.asarray(codes, np.float64), np.asarray(factors)
    z = z.reshape(len(z), -1)
    if v.ndim != 2 or len(v) != len(z) or len(z) < 2:
        raise ValueError(f"codes of shape {z.shape} and factors of shape {v.shape} do not go "
                         f"together; they are (N, D) and (N, F)")
    if not np.isfinite(z).all():
        raise ValueError("the codes are not finite")
    if v.dtype.kind not in "biu":
        raise ValueError("factors are whole numbers, each the number of a value")
    numbered = np.stack([np.unique(column, return_inverse=True)[1] for column in v.T], 1)
    constant = np.flatnonzero(numbered.max(0) == 0)
    if len(constant):
        raise ValueError(f"factor {constant[0]} has one value throughout, so nothing can be said "
                         f"of it; leave it out")
    return z, numbered


def several(numbers: np.ndarray, what: str, score: str) -> None:
    """Raises ValueError where a score compares factors or codes and there is but one, (N, 1)."""
    if numbers.shape[1] < 2:
        raise ValueError(f"{score} compares {what}, and there is only one")
