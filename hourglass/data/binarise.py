"""Binary samples: grey values sampled once or at each training step, or thresholded."""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.contracts import Scale
from .sparse_rows import SparseRows
from .split_data import Source

SEED = 2008        # of "fixed", the same in all runs, so that they have the same data
LEVELS = 2**16     # resolution of a probability
CHUNK = 4096       # samples binarised together
STATIC = "static"  # how data is called that is already binary


def binarise(source: Source, how: str) -> Source:
    """The source with binary samples, as uint8. A grey value is the probability of a 1.

    "fixed": sampled once, the same in every run (as Larochelle & Murray, 2011). "dynamic": sampled
    again at each training step (Salakhutdinov & Murray, 2008); all else uses the "fixed" samples.
    "threshold": 1 from 0.5 on. Raises ValueError for values outside [0, 1], and for too many
    samples for memory.
    """
    if not how:
        return source if not _is_binary(source) else _named(source, STATIC)
    some = next(iter(source.splits.values()))
    if (source.low < 0 or source.high > 1) and not isinstance(some.x, SparseRows):
        raise ValueError(f"binarise {how} needs values from 0 to 1 as probabilities of a 1, and "
                         f"this data has others; leave --binarise out, or scale the data")
    if (some.encoder_input is not None or some.gaps) and not isinstance(some.x, SparseRows):
        raise ValueError(f"binarise {how} needs complete samples that are their own target; this "
                         f"data {'has gaps' if some.gaps else 'consists of pairs'}")
    if isinstance(some.x, SparseRows):
        raise ValueError(f"binarise {how} is for images; ratings count as chosen from least= on, "
                         f"as in ratings('u.data', least=3)")
    if not isinstance(some.x, Tensor):
        raise ValueError(f"binarise {how} keeps the samples in memory, and these are too many, or "
                         f"patches; prepare fewer, or smaller ones with --size")
    if _is_binary(source):
        return _named(source, STATIC)
    x, worth = some.x, some.scale
    if some.offset or some.clip:
        x, worth = torch.from_numpy(source.scale.apply(some.x.numpy())), 1.0
    drawn = torch.from_numpy(_draw(x.numpy(), worth, how == "threshold"))
    grey = x if how == "dynamic" else None
    splits = {name: replace(split, x=drawn, scale=1.0, grey=grey, grey_scale=worth, offset=0.0,
                            clip=False)
              for name, split in source.splits.items()}
    scale = Scale(0, 1, 0, 1, what="0/1 images") if source.scale.bits == 8 else source.scale
    return _named(replace(source, splits=splits, scale=scale), how)


def anew(grey: Tensor) -> Tensor:
    """Sample 0 and 1 with the values (B, ...) as probabilities, by torch's random generator."""
    return (torch.rand_like(grey) < grey).to(grey)


def _draw(x: np.ndarray, scale: float, halved: bool) -> np.ndarray:
    """Sample 0 and 1 from x (N, ...), as uint8. A sample's result depends only on its index and
    size, and on numpy's raw bits, which stay the same in all versions."""
    bits, binary = np.random.PCG64(SEED), np.empty(x.shape, np.uint8)
    for start in range(0, len(x), CHUNK):
        chances = x[start:start + CHUNK].astype(np.float32) * np.float32(scale)
        count = chances.size
        raw = bits.random_raw(-(-count // 4)).view(np.uint16)[:count].reshape(chances.shape)
        binary[start:start + CHUNK] = chances >= 0.5 if halved else chances * LEVELS > raw
    return binary


def _is_binary(source: Source) -> bool:
    """Whether every value already is 0 or 1."""
    some = next(iter(source.splits.values()))
    if source.low < 0 or source.high > 1 or some.gaps or not isinstance(some.x, Tensor):
        return False
    if some.x.dtype == torch.uint8:
        return some.scale == 1
    return all(bool(((x == 0) | (x == 1)).all()) for x in some.x.split(CHUNK))


def _named(source: Source, how: str) -> Source:
    """The source with a new digest and name, as its samples have changed."""
    identity: dict[str, Any] = {**source.identity, "binarised": how}
    if how != STATIC and "digest" in identity:
        kind = "threshold" if how == "threshold" else "drawn"   # fixed and dynamic look the same
        identity["digest"] = hashlib.sha256(f"{identity['digest']} {kind}".encode()).hexdigest()
    return replace(source, identity=identity)
