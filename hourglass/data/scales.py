"""Find one scale for a data set, from the type, depth and range of all values."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from ..core.console import warn_if_silent
from ..core.contracts import Scale
from ..core.wording import counted

CHUNK = 4096                    # samples examined together
DEPTHS = (8, 10, 12, 14, 16)    # bit depths of cameras and scanners
AS_IT_IS = "none"               # the range for no scaling
STANDARDISED = 10.0             # largest absolute value of standardised data
FAINT = 64                      # whole numbers below it are hardly pixels of 8 bits
DIM = 1 / 32                    # of the range from 0 to 1: images that use less train badly


@dataclass(frozen=True)
class ValueStats:
    """Statistics of all values of a data set, except missing ones."""

    low: float
    high: float
    whole: bool        # whether all are integers
    deviation: float   # standard deviation
    missing: int       # number of NaN
    total: int


def chunks(x: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the samples (N, ...) in chunks."""
    return (x[start:start + CHUNK] for start in range(0, len(x), CHUNK))


def facts_of(*arrays: np.ndarray) -> ValueStats:
    """Compute the statistics in one pass over the arrays."""
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
    return ValueStats(low, high, whole, float(np.sqrt(squares / count)), missing, total)


def find_scale(x: np.ndarray, value_range: str = "", invert: bool = False,
               encoder_input: np.ndarray | None = None) -> tuple[Scale, list[str]]:
    """Find the scale of samples (N, ...), and of the encoder's inputs. Returns notes too.

    `value_range` is text such as "0,4095", or "none" for no scaling. Images of integers are scaled
    by their depth, other images by their range over all samples. So are whole numbers below 64 that
    are not stored as 8 bits; that is a guess, and a warning says it. Images in [0, 1] or already
    standardised, vectors and series are not scaled. Raises ValueError for a range that cannot be
    used.
    """
    arrays = [x] if encoder_input is None else [x, encoder_input]
    if not value_range and x.dtype == np.uint8:   # the usual case, and a quick one
        high = _greatest(arrays)
        scale = Scale(0, 1, 0, 1, 0, what=f"0/1 {_kind(x)}") if high <= 1 else Scale(
            0, 1 / 255, 0, 255, 8, what=f"8-bit {_kind(x)}")
        return scale, _warned(_faint(high)) if 1 < high < FAINT and x.ndim == 4 else []
    facts = facts_of(*arrays)
    what = _named(x, facts)
    notes = [f"{facts.missing:,} of {facts.total:,} values are missing (NaN); the loss leaves them "
             f"out{_all_missing(arrays)}"] if facts.missing else []
    if value_range and value_range != AS_IT_IS:
        scale, remarks = _asked(read_range(value_range), facts, what, arrays)
        notes += remarks
    elif value_range or x.ndim != 4:
        scale = Scale(0, 1, facts.low, facts.high, what=what)
    else:
        scale = _of_images(facts, what, x.dtype.kind in "iu")
        notes += _remarks(scale, facts)
    return (_inverted(scale) if invert and x.dtype != np.uint8 else scale), notes


def read_range(text: str) -> tuple[float, float]:
    """Convert "0,4095" to (0, 4095). Raises ValueError."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not (low < high and np.isfinite(high - low)):
        raise ValueError("range must be the smallest and the largest value, such as 0,4095, or "
                         f"none for no scaling; not {text!r}")
    return low, high


def depth_of(high: float) -> int:
    """The usual bit depth for integers up to `high`."""
    return next((bits for bits in DEPTHS if high < 2**bits), 0)


def _asked(limits: tuple[float, float], facts: ValueStats, what: str,
           arrays: list[np.ndarray]) -> tuple[Scale, list[str]]:
    """The scale of a given range. Counts values outside it."""
    low, high = limits
    bits = depth_of(high) if facts.whole else 0
    scale = Scale(low, 1 / (high - low), low, high, bits, True, what)
    outside = sum(int(((c < low) | (c > high)).sum()) for c in chain(*map(chunks, arrays)))
    return scale, [f"{outside:,} of {facts.total:,} values lie outside {low:,.6g} to {high:,.6g} "
                   f"and are clipped"] if outside else []


def _of_images(facts: ValueStats, what: str, integers: bool) -> Scale:
    low, high = facts.low, facts.high
    if low >= 0 and high <= 1:
        return Scale(0, 1, 0, 1, what=what)
    if _is_guess(facts):
        return Scale(0, 1 / high, 0, high, what=what)
    if facts.whole and low >= 0 and depth_of(high):
        most = 2**depth_of(high) - 1
        return Scale(0, 1 / most, 0, most, depth_of(high), what=what)
    if low < 0 and not integers and facts.deviation <= STANDARDISED:
        return Scale(0, 1, low, high, what=what)
    base = min(low, 0.0)
    bits = next((b for b in (*DEPTHS, 24, 32) if high - base < 2**b), 0) if facts.whole else 0
    return Scale(base, 1 / ((high - base) or 1.0), base, high, bits, what=what)


def _remarks(scale: Scale, facts: ValueStats) -> list[str]:
    """Notes on images whose scale may not be what the user expects."""
    if _is_guess(facts):
        return _warned(f"whole numbers from 0 to {facts.high:g} are scaled by 1/{facts.high:g}, "
                       f"their greatest value; if they are dark 8-bit images, pass --range 0,255")
    if scale.kept and scale.bounded and 0 < facts.high < DIM and not facts.whole:
        return [f"the images use only {facts.low:.3g} to {facts.high:.3g} of the range 0 to 1; to "
                f"stretch them, pass --range 0,{facts.high:.3g}"]
    return []


def _greatest(arrays: list[np.ndarray]) -> int:
    """The greatest value of arrays of uint8; 255 once one is as bright as pixels are."""
    high = 0
    for chunk in chain(*map(chunks, arrays)):
        if (high := max(high, int(chunk.max()))) >= FAINT:
            return 255
    return high


def _is_guess(facts: ValueStats) -> bool:
    """Whether the values are whole numbers that are hardly pixels, such as 0 to 16."""
    return facts.whole and facts.low >= 0 and 1 < facts.high < FAINT


def _faint(high: int) -> str:
    return (f"these 8-bit images use only 0 to {high} of 0 to 255, so they are at most "
            f"{high / 255:.3f} once scaled; to stretch them, pass --range 0,{high}")


def _warned(text: str) -> list[str]:
    """A note that is said even where training is quiet."""
    warn_if_silent(text)
    return [text]


def _inverted(scale: Scale) -> Scale:
    if not scale.bounded:
        raise ValueError("invert needs images with a known range, and these have been shifted; "
                         "pass their range, such as --range=-1,1")
    high = scale.high if scale.factor != 1 or scale.offset else 1.0
    return replace(scale, offset=high, factor=-scale.factor)


def without_values(x: np.ndarray) -> np.ndarray:
    """Which samples (N, ...) have no value that is known, as a mask (N,)."""
    if x.dtype.kind in "biu":
        return np.zeros(len(x), bool)
    return np.concatenate([~np.isfinite(c).reshape(len(c), -1).any(1) for c in chunks(x)])


def _all_missing(arrays: list[np.ndarray]) -> str:
    count = sum(int(without_values(x).sum()) for x in arrays)
    return f"; nothing is known of {counted(count, 'sample')}" if count else ""


def _named(x: np.ndarray, facts: ValueStats) -> str:
    """The samples by their type: "16-bit images", "float images", "vectors"."""
    if x.dtype.kind in "iu":   # 8 bits with a sign are held in 16
        eight = x.dtype.kind == "i" and facts.low >= -128 and facts.high < 128
        return f"{8 if eight else 8 * x.dtype.itemsize}-bit {_kind(x)}"
    return f"float {_kind(x)}" if x.ndim == 4 else _kind(x)


def _kind(x: np.ndarray) -> str:
    return {4: "images", 3: "series"}.get(x.ndim, "vectors")
