"""Samples of 0 and 1: drawn from grey ones once, or anew in training, or cut at the middle."""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.contracts import Scale
from .source import Source

SEED = 2008        # of the one draw, the same in all runs, so that they are of the same data
LEVELS = 2**16     # in which a chance is told
CHUNK = 4096       # samples drawn together
STATIC = "static"  # what data is called that is 0 and 1 as it comes


def binarise(source: Source, how: str) -> Source:
    """The source with samples of 0 and 1, as uint8; a value's chance to be 1 is the value.

    "fixed": each drawn once, the same in every run and at every look (Larochelle & Murray, 2011,
    do so). "dynamic": training draws anew at each step (Salakhutdinov & Murray, 2008), all else
    sees the draw of "fixed". "threshold": 1 from 0.5 on. Raises ValueError for values that are no
    chances, and where the samples are too many to be held in memory.
    """
    if not how:
        return source if not _is_binary(source) else _named(source, STATIC)
    some = next(iter(source.splits.values()))
    if source.low < 0 or source.high > 1:
        raise ValueError(f"binarise {how} takes values from 0 to 1 for the chance of a 1, and this "
                         f"data has others; leave --binarise out, or scale the data")
    if some.given is not None or some.gaps:
        raise ValueError(f"binarise {how} is for samples that are whole and their own target; this "
                         f"data {'has gaps' if some.gaps else 'is of pairs'}")
    if not isinstance(some.x, Tensor):
        raise ValueError(f"binarise {how} holds the samples in memory, and these are too many, or "
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
    """A draw of 0 and 1, each value (B, ...) the chance of its 1, in torch's noise."""
    return (torch.rand_like(grey) < grey).to(grey)


def _draw(x: np.ndarray, scale: float, halved: bool) -> np.ndarray:
    """x (N, ...) as uint8 of 0 and 1. A sample's draw depends on its place and size alone, and on
    numpy's raw bits, which stay the same from version to version."""
    bits, found = np.random.PCG64(SEED), np.empty(x.shape, np.uint8)
    for start in range(0, len(x), CHUNK):
        chances = x[start:start + CHUNK].astype(np.float32) * np.float32(scale)
        count = chances.size
        raw = bits.random_raw(-(-count // 4)).view(np.uint16)[:count].reshape(chances.shape)
        found[start:start + CHUNK] = chances >= 0.5 if halved else chances * LEVELS > raw
    return found


def _is_binary(source: Source) -> bool:
    """Whether every value is 0 or 1 as it comes."""
    some = next(iter(source.splits.values()))
    if source.low < 0 or source.high > 1 or some.gaps or not isinstance(some.x, Tensor):
        return False
    if some.x.dtype == torch.uint8:
        return some.scale == 1
    return all(bool(((x == 0) | (x == 1)).all()) for x in some.x.split(CHUNK))


def _named(source: Source, how: str) -> Source:
    """The source as what it is now: other samples have another digest."""
    identity: dict[str, Any] = {**source.identity, "binarised": how}
    if how != STATIC and "digest" in identity:
        kind = "threshold" if how == "threshold" else "drawn"   # once or anew, looks are the same
        identity["digest"] = hashlib.sha256(f"{identity['digest']} {kind}".encode()).hexdigest()
    return replace(source, identity=identity)
