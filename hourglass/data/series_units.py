"""Series of several units, such as engines or patients, one below the other."""

from itertools import pairwise

import numpy as np

SEED = 0   # of the random choice of units


def blocks_of(units: np.ndarray) -> list[slice]:
    """The steps of each unit, from the units' numbers (T,), in order."""
    ends = np.flatnonzero(np.diff(units)) + 1
    edges = [0, *ends.tolist(), len(units)]
    return [slice(a, b) for a, b in pairwise(edges)]


def split_units(count: int, shares: dict[str, float]) -> dict[str, np.ndarray] | None:
    """Draw the units of each split at random; None if there are too few for one in every split.
    Shares from 1 on are numbers of units. Raises ValueError if they are more than there are."""
    counts = {name: int(share) if share >= 1 else int(share * count + 1e-9)
              for name, share in shares.items()}
    if any(share > 0 and not counts[name] for name, share in shares.items()):
        return None
    if sum(counts.values()) >= count:
        if any(share >= 1 for share in shares.values()):
            raise ValueError(f"of {count} units none is left for training: "
                             f"{', '.join(f'{n} takes {k}' for n, k in counts.items() if k)}; "
                             f"shares below 1 are parts of the whole")
        return None
    order = np.random.default_rng(SEED).permutation(count)
    ends = np.cumsum([count - sum(counts.values()), *counts.values()])
    return {name: np.sort(rows) for name, rows in zip(
        ("train", *counts), np.split(order, ends[:-1]), strict=True)}
