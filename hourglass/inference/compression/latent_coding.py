"""Code rounded latents as symbols: one table per latent dimension, and raw low bits."""

from itertools import pairwise

import numpy as np
from einops import rearrange, repeat

from ...core.console import track
from .entropy_coder import RAW, SEEN, Coder, Tables, falling

SYMBOLS, MIDDLE = 256, 128
ESCAPE = 0            # the symbol for values beyond the others
WIDEST = 16           # largest mean distance from the centre of a table, in symbols
MASS = 32 * SEEN      # initial weight of a table: as if this many symbols had been coded
FEWEST = 8            # rows per block grow by an eighth of all earlier rows
MOST_LOW = 16         # most low bits that are coded raw


def spreads_of(q: np.ndarray) -> np.ndarray:
    """The mean distance of rounded codes (N, D, P) from 0, in eighths, (D,)."""
    mean = rearrange(np.abs(q), "n d p -> d (n p)").mean(1)
    return np.rint(8 * mean).astype(np.int64).clip(1, (8 * WIDEST) << MOST_LOW)


def code_factors(
    coder: Coder, spreads: np.ndarray, shape: tuple[int, int, int], q: np.ndarray | None
) -> np.ndarray:
    """Write rounded codes q of this shape (N, D, P), or read them. `spreads` (D,) describe them.

    Raises ValueError for a stream without such codes.
    """
    n, d, p = shape
    low = np.array([max(0, int(s - 1).bit_length() - (8 * WIDEST).bit_length() + 1)
                    for s in spreads.tolist()])
    tables = Tables(np.stack([falling(SYMBOLS, MIDDLE, int(s) >> int(b), MASS)
                              for s, b in zip(spreads, low, strict=True)]))
    blocks = _blocks(n)
    coded = []
    for start, end in track(blocks, len(blocks), "coding"):
        block = None if q is None else q[start:end].reshape(-1)
        factors = repeat(np.arange(d), "d -> (n d p)", n=end - start, p=p)
        coded.append(_code_block(coder, tables, factors, low[factors], block))
    return np.concatenate(coded).reshape(n, d, p)


def _blocks(n: int) -> list[tuple[int, int]]:
    """Blocks of rows that are coded together: small at first, as tables adapt between blocks."""
    starts = [0]
    while starts[-1] < n:
        starts.append(min(n, starts[-1] + max(1, starts[-1] // FEWEST)))
    return list(pairwise(starts))


def _code_block(
    coder: Coder, tables: Tables, factors: np.ndarray, low: np.ndarray, q: np.ndarray | None
) -> np.ndarray:
    """Code values (M,) of latent dimensions (M,), with their lowest `low` (M,) bits raw."""
    symbols, rest = None, None
    if q is not None:
        symbols, rest = (q >> low) + MIDDLE, q & ((1 << low) - 1)
        symbols = np.where((symbols <= ESCAPE) | (symbols >= SYMBOLS), ESCAPE, symbols)
    coded = tables.code(coder, factors, symbols)
    value = (coded - MIDDLE) << low
    for bits in np.unique(low[low > 0]):
        rows = np.flatnonzero(low == bits)
        value[rows] += coder.raw(len(rows), 1 << int(bits), None if rest is None else rest[rows])
    rows = np.flatnonzero(coded == ESCAPE)
    if len(rows):
        far = None if q is None else q[rows] + (RAW * RAW >> 1)
        high = coder.raw(len(rows), RAW, None if far is None else far // RAW)
        below = coder.raw(len(rows), RAW, None if far is None else far % RAW)
        value[rows] = high.astype(np.int64) * RAW + below - (RAW * RAW >> 1)
    return value
