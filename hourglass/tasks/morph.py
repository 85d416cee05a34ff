"""Morph from image to image through the latent space."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from ..inference.trained import Trained
from .pick_samples import one_class, pick
from .sharpen_and_blur import PLAIN, Finish, finished
from .write_images import (
    MOVING,
    SUFFIXES,
    as_sheet,
    check_name,
    enlarged,
    save_animation,
    save_picture,
)

Way = Literal["linear", "spherical"]


@dataclass(frozen=True)
class MorphOptions:
    """Options of a morph."""

    way: Way = "linear"
    frames: int = 30      # from one image to the next
    hold: int = 10        # frames that each image is held
    rate: int = 25        # frames per second
    loop: bool = True     # return to the first image
    finish: Finish = PLAIN


def morph(model: Trained, images: Sequence[str], out: Path, manner: MorphOptions,
          kind: str = "") -> int:
    """Morph from each image to the next, as .gif, .webp or .mp4, or as a strip (.png). Returns the
    number of frames. An image is a file or the number of a test sample. Raises ValueError."""
    if len(model.shape) != 3:
        raise ValueError("this model was trained on vectors or series, not on images, so there is "
                         "no picture to morph")
    if len(images) < 2:
        raise ValueError("a morph needs two images or more")
    check_name(out, (*MOVING, *SUFFIXES))
    collection = pick(model, images)
    y = one_class(model, collection, kind)
    codes = model.encode(collection, y)
    if out.suffix.lower() in MOVING:
        frames = model.decode(np.concatenate(list(way_through(codes, manner))), y)
        frames = finished(frames, manner.finish)
        save_animation(out, list(frames), manner.rate, manner.loop)
    else:   # a strip, with one row from each image to the next
        shares = np.linspace(0, 1, manner.frames + 2)
        rows = [step(*pair, t, manner.way) for pair in pairwise(codes) for t in shares]
        frames = finished(model.decode(np.stack(rows), y), manner.finish)
        save_picture(out, enlarged(as_sheet(frames, len(shares)), frames.shape[1:3]))
    return len(frames)


def way_through(codes: np.ndarray, manner: MorphOptions) -> Iterator[np.ndarray]:
    """Yield the codes of all frames: each code is held, then moved to the next."""
    ends = [*codes[1:], codes[0]] if manner.loop else codes[1:]
    between = np.linspace(0, 1, manner.frames + 2)[1:-1]
    for start, end in zip(codes, ends, strict=False):
        yield np.repeat(start[None], max(1, manner.hold), axis=0)
        yield np.stack([step(start, end, t, manner.way) for t in between])
    if not manner.loop:
        yield np.repeat(codes[-1][None], max(1, manner.hold), axis=0)


def step(start: np.ndarray, end: np.ndarray, t: float, way: Way) -> np.ndarray:
    """The code at share t of the way: on a line, or on the arc around the origin, where the length
    changes linearly (after Shoemake, 1985)."""
    if way == "spherical":
        lengths = [float(np.linalg.norm(z)) for z in (start, end)]
        cosine = float(np.vdot(start, end)) / max(lengths[0] * lengths[1], 1e-12)
        angle = float(np.arccos(np.clip(cosine, -1, 1)))
        if 1e-4 < angle < np.pi - 1e-4:   # otherwise the arc has no length or no direction
            shares = np.sin([(1 - t) * angle, t * angle]) / np.sin(angle)
            along = shares[0] * start / lengths[0] + shares[1] * end / lengths[1]
            turned: np.ndarray = ((1 - t) * lengths[0] + t * lengths[1]) * along
            return turned.astype(start.dtype)
    straight: np.ndarray = (1 - t) * start + t * end
    return straight.astype(start.dtype)
