"""Recognise the units of new data for a trained model, or refuse the data."""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core.contracts import Scale
from .memory_map import IN_MEMORY
from .scales import CHUNK, chunks, facts_of

LOOKED_AT = 1_000_000   # values that are examined
NEAR = (-1.1, 2.1)      # range of nine tenths of the values that are meant to be in [0, 1]
PEAK = 4.0              # and the largest of them
FAR = 10.0              # values beyond it are certainly not meant to be in [0, 1]
EIGHT, SIXTEEN = Scale(0, 1 / 255, 0, 255, 8), Scale(0, 1 / 65535, 0, 65535, 16)
UNIT = Scale(0, 1, 0, 1)


class Units(NamedTuple):
    """The units of new samples."""

    scale: Scale     # scales them for the model
    raw: bool        # whether they are as in files: not yet resized or inverted
    note: str = ""   # a note on the units


def units_of(x: np.ndarray, kept: Scale) -> Units:
    """Recognise the units of samples x (N, ...) for a model that was trained with the scale `kept`.

    The type and all values together decide, never a single sample. Raises ValueError for values
    that do not fit that scale.
    """
    if x.dtype == bool:
        return Units(UNIT if kept.bounded else kept, True)
    plain = kept.kept and kept.bounded and x.ndim == 4   # trained on values in [0, 1]
    if x.dtype == np.uint8:
        if kept.bits > 8 and kept.offset == 0 and not kept.clip:
            return Units(EIGHT, True, f"8-bit images: 255 is taken as {kept.high:,.6g}, the "
                                      f"largest value in training")
        bright = plain and any(chunk.max() > 1 for chunk in chunks(x))
        return Units(EIGHT if bright else kept, True)
    if x.dtype.kind in "iu":
        return _of_integers(x, kept, plain)
    if kept.bits and not kept.kept:
        return _of_floats(x, kept)
    if plain:
        return _of_unit(x)
    return _of_wide_floats(x, kept) if x.ndim == 4 and kept.bounded else Units(kept, not kept.kept)


def _of_integers(x: np.ndarray, kept: Scale, plain: bool) -> Units:
    if not plain and (kept.bits != 8 or kept.clip):
        return Units(kept, True)
    low, high = int(x.min()), int(x.max())
    if low >= 0 and high <= 255:
        return Units(UNIT if plain and high <= 1 else EIGHT if plain else kept, True)
    if x.dtype == np.uint16:
        return Units(SIXTEEN, True, "16-bit images: 65,535 is taken as white, which is "
                     f"{kept.high:g} in training; divide images of fewer bits by their own white")
    raise _refusal(low, high, kept)


def _of_floats(x: np.ndarray, kept: Scale) -> Units:
    """The units of floats, for a model that was trained on integers."""
    facts = facts_of(x)
    if facts.whole and facts.high > 1:
        if kept.bits == 8 and not kept.clip and not 0 <= facts.low <= facts.high <= 255:
            raise _refusal(facts.low, facts.high, kept)
        return Units(kept, True)
    near, loose = _nearness(x, facts.high)
    if near:
        return Units(UNIT, False)
    if kept.low <= facts.low and facts.high <= kept.high and facts.high > FAR:
        return Units(kept, True, f"values from {facts.low:,.4g} to {facts.high:,.4g} are taken as "
                                 f"values in {kept.low:,.6g} to {kept.high:,.6g}, as in training")
    if loose:
        return Units(UNIT, False)
    raise _refusal(facts.low, facts.high, kept)


def _of_wide_floats(x: np.ndarray, kept: Scale) -> Units:
    """The units of float images, for a model that was trained on floats up to `kept.high`. The
    model's own outputs, such as reconstructions and the images of its splits, are in [0, 1]."""
    facts = facts_of(x)
    if kept.high > PEAK and facts.high <= 1 and _nearness(x, facts.high)[0]:
        return Units(UNIT, False, f"values from {facts.low:,.4g} to {facts.high:,.4g} are taken as "
                                  f"scaled to [0, 1], not as {kept.low:,.6g} to {kept.high:,.6g}")
    return Units(kept, True)


def _of_unit(x: np.ndarray) -> Units:
    """The units of float images, for a model that was trained on values in [0, 1]."""
    facts = facts_of(x)
    if facts.whole and facts.low >= 0 and 1 < facts.high <= 255:
        return Units(EIGHT, True, "integers up to 255 are taken as 8-bit pixels, and divided "
                                  "by 255")
    if any(_nearness(x, facts.high)):
        return Units(UNIT, False)
    raise _refusal(facts.low, facts.high, UNIT)


def _nearness(x: np.ndarray, high: float) -> tuple[bool, bool]:
    """Whether values certainly, and whether they possibly, are meant to be in [0, 1]. Noise puts
    some outside."""
    some = np.asarray(x.reshape(-1)[:: -(-x.size // LOOKED_AT)], np.float32)
    least, middle, most = np.nanquantile(some, (0.05, 0.5, 0.95))
    near = NEAR[0] <= least and most <= NEAR[1] and -0.2 <= middle <= 1.2 and high <= PEAK
    return bool(near), bool(least >= -FAR and most <= FAR)


def _refusal(low: float, high: float, kept: Scale) -> ValueError:
    also = "" if kept.kept else " or from 0 to 1"
    return ValueError(f"this model was trained on values from {kept.low:,.6g} to {kept.high:,.6g}, "
                      f"and these are from {low:,.6g} to {high:,.6g}; bring them to that range"
                      f"{also}")


def applied(x: np.ndarray, scale: Scale) -> np.ndarray:
    """Scale samples for a model, as float32. Samples on disk that are too many for memory go to a
    temporary file."""
    if not (isinstance(x, np.memmap) and x.nbytes > IN_MEMORY):
        return scale.apply(x)
    folder = tempfile.mkdtemp(prefix="hourglass-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    scaled: np.memmap = np.lib.format.open_memmap(Path(folder) / "scaled.npy", "w+", np.float32,
                                                  x.shape)
    for start in range(0, len(x), CHUNK):
        scaled[start:start + CHUNK] = scale.apply(x[start:start + CHUNK])
    scaled.flush()
    return scaled


def outside(x: np.ndarray, units: Units, kept: Scale) -> str:
    """A note on values x (N, ...) outside the training range; "" if there are none.

    Unscaled numbers have no limits; for them, it counts values farther outside than the range is
    wide.
    """
    if x.dtype == np.uint8 and kept.bits == 8 and not kept.clip:
        return ""
    low, high = (kept.low, kept.high) if units.raw or kept.kept else (0.0, 1.0)
    if not np.isfinite(high - low) or (units.raw and units.scale != kept):
        return ""
    room = 1e-6 * (high - low) if kept.bounded else high - low
    count = sum(int(((c < low - room) | (c > high + room)).sum()) for c in chunks(x))
    if not count:
        return ""
    far = "" if kept.bounded else "far "
    clipped = " and are clipped" if kept.clip and units.raw else ""
    meant = "the range of training" if (low, high) == (kept.low, kept.high) else (
        f"which stands for {kept.low:,.6g} to {kept.high:,.6g} in training")
    return (f"{count:,} of {x.size:,} values lie {far}outside {low:,.6g} to {high:,.6g}, {meant}"
            f"{clipped}")
