"""One scale for a data set, from its type, its depth and the range of all its values."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from ..core.contracts import Scale

CHUNK = 4096                    # samples looked at together
DEPTHS = (8, 10, 12, 14, 16)    # bits that cameras and scanners have
AS_IT_IS = "none"               # the range that leaves values alone
STANDARDISED = 10.0             # the largest deviation of values that somebody has scaled already
DIM = 1 / 32                    # of the range from 0 to 1: images that use less train badly


@dataclass(frozen=True)
class Facts:
    """What all values of a data set have in common; those that are missing are left out."""

    low: float
    high: float
    whole: bool        # whether all are whole numbers
    deviation: float   # standard deviation
    missing: int       # NaN
    total: int


def chunks(x: np.ndarray) -> Iterator[np.ndarray]:
    """The samples (N, ...), some thousand at a time."""
    return (x[start:start + CHUNK] for start in range(0, len(x), CHUNK))


def facts_of(*arrays: np.ndarray) -> Facts:
    """Look at every value of the arrays once."""
    low, high, whole, missing, total = np.inf, -np.inf, True, 0, 0
    count, mean, squares = 0, 0.0, 0.0
    for chunk in chain(*map(chunks, arrays)):
        known = chunk if chunk.dtype.kind in "biu" else chunk[np.isfinite(chunk)]
        missing, total = missing + chunk.size - known.size, total + chunk.size
        if known.size:
            low, high = min(low, float(known.min())), max(high, float(known.max()))
            whole = whole and (known.dtype.kind in "biu" or bool((known == np.rint(known)).all()))
            own, spread = float(known.mean(dtype=np.float64)), float(known.var(dtype=np.float64))
            share = known.size / (count + known.size)
            squares += known.size * (spread + (1 - share) * (own - mean) ** 2)
            count, mean = count + known.size, mean + share * (own - mean)
    if not count:
        raise ValueError("every value of this data is missing (NaN)")
    return Facts(low, high, whole, float(np.sqrt(squares / count)), missing, total)


def find_scale(x: np.ndarray, wanted: str = "", invert: bool = False,
               given: np.ndarray | None = None) -> tuple[Scale, list[str]]:
    """The scale of samples (N, ...) and of what an encoder is given of them, and what to say.

    `wanted` is a range such as "0,4095", or "none", which leaves values as they are. Images of
    whole numbers are scaled by their depth, other images by their range over all samples. Images
    from 0 to 1, or that somebody has standardised, stay as they are, and so do vectors and series.
    Raises ValueError for a range that cannot be.
    """
    arrays = [x] if given is None else [x, given]
    if not wanted and x.dtype == np.uint8:   # the usual case, and a quick one
        binary = not any(c.max() > 1 for c in chain(*map(chunks, arrays)))
        found = Scale(0, 1, 0, 1, 0, what=f"0/1 {_kind(x)}") if binary else Scale(
            0, 1 / 255, 0, 255, 8, what=f"8-bit {_kind(x)}")
        return found, []
    facts = facts_of(*arrays)
    what = f"{8 * x.dtype.itemsize}-bit {_kind(x)}" if x.dtype.kind in "iu" else (
        f"float {_kind(x)}" if x.ndim == 4 else _kind(x))
    notes = [f"{facts.missing:,} of {facts.total:,} values are missing (NaN); the loss leaves them "
             f"out"] if facts.missing else []
    if wanted and wanted != AS_IT_IS:
        found, said = _asked(read_range(wanted), facts, what, arrays)
        notes += said
    elif wanted or x.ndim != 4:
        found = Scale(0, 1, facts.low, facts.high, what=what)
    else:
        found = _of_images(facts, what, x.dtype.kind in "iu")
        notes += _remarks(found, facts)
    return (_inverted(found) if invert and x.dtype != np.uint8 else found), notes


def read_range(text: str) -> tuple[float, float]:
    """"0,4095" as (0, 4095); raises ValueError."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not (low < high and np.isfinite(high - low)):
        raise ValueError(f"range must be the least and the greatest value, such as 0,4095, or none "
                         f"to leave values as they are; not {text!r}")
    return low, high


def depth_of(high: float) -> int:
    """The usual depth in bits that holds whole numbers up to `high`."""
    return next((bits for bits in DEPTHS if high < 2**bits), 0)


def _asked(limits: tuple[float, float], facts: Facts, what: str,
           arrays: list[np.ndarray]) -> tuple[Scale, list[str]]:
    """The scale of a range that somebody asked for; what lies outside is counted."""
    low, high = limits
    bits = depth_of(high) if facts.whole else 0
    found = Scale(low, 1 / (high - low), low, high, bits, True, what)
    outside = sum(int(((c < low) | (c > high)).sum()) for c in chain(*map(chunks, arrays)))
    return found, [f"{outside:,} of {facts.total:,} values lie outside {low:,.6g} to {high:,.6g} "
                   f"and become the nearer end"] if outside else []


def _of_images(facts: Facts, what: str, integers: bool) -> Scale:
    low, high = facts.low, facts.high
    if low >= 0 and high <= 1:
        return Scale(0, 1, 0, 1, what=what)
    if facts.whole and low >= 0 and depth_of(high):
        most = 2**depth_of(high) - 1
        return Scale(0, 1 / most, 0, most, depth_of(high), what=what)
    if low < 0 and not integers and facts.deviation <= STANDARDISED:
        return Scale(0, 1, low, high, what=what)
    base = min(low, 0.0)
    bits = next((b for b in (*DEPTHS, 24, 32) if high - base < 2**b), 0) if facts.whole else 0
    return Scale(base, 1 / ((high - base) or 1.0), base, high, bits, what=what)


def _remarks(scale: Scale, facts: Facts) -> list[str]:
    """What to say of images whose scale may not be what their owner means."""
    if scale.kept and scale.bounded and 0 < facts.high < DIM and not facts.whole:
        return [f"the images reach from {facts.low:.3g} to {facts.high:.3g} of 0 to 1; to spread "
                f"them over all of it, use --range 0,{facts.high:.3g}"]
    return []


def _inverted(scale: Scale) -> Scale:
    if not scale.bounded:
        raise ValueError("invert needs images whose range is known, and these have been shifted "
                         "already; say which with --range, such as --range=-1,1")
    high = scale.high if scale.factor != 1 or scale.offset else 1.0
    return replace(scale, offset=high, factor=-scale.factor)


def _kind(x: np.ndarray) -> str:
    return {4: "images", 3: "series"}.get(x.ndim, "vectors")
