"""Morphs: from image to image through the latent space."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from ..inference.trained import Trained
from .finish import PLAIN, Finish, finished
from .pick_samples import one_class, pick
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
class Manner:
    """How a morph moves."""

    way: Way = "linear"
    frames: int = 30      # from image to image
    hold: int = 10        # frames that an image stays
    rate: int = 25        # frames a second
    loop: bool = True     # back to the first
    finish: Finish = PLAIN


def morph(model: Trained, images: Sequence[str], out: Path, manner: Manner, kind: str = "") -> int:
    """Morph from each image to the next into .gif, .webp or .mp4, or a strip (.png); returns how
    many frames. An image is a file or the number of an unseen sample. Raises ValueError."""
    if len(model.shape) != 3:
        raise ValueError("this model was trained on vectors or series, which make no pictures "
                         "to morph")
    if len(images) < 2:
        raise ValueError("a morph needs two images or more")
    check_name(out, (*MOVING, *SUFFIXES))
    found = pick(model, images)
    y = one_class(model, found, kind)
    codes = model.encode(found, y)
    if out.suffix.lower() in MOVING:
        frames = model.decode(np.concatenate(list(way_through(codes, manner))), y)
        frames = finished(frames, manner.finish)
        save_animation(out, list(frames), manner.rate, manner.loop)
    else:   # a strip: a row from each image to the next
        shares = np.linspace(0, 1, manner.frames + 2)
        rows = [step(*pair, t, manner.way) for pair in pairwise(codes) for t in shares]
        frames = finished(model.decode(np.stack(rows), y), manner.finish)
        save_picture(out, enlarged(as_sheet(frames, len(shares)), frames.shape[1:3]))
    return len(frames)


def way_through(codes: np.ndarray, manner: Manner) -> Iterator[np.ndarray]:
    """Codes of all frames, part by part: each code held, then on to the next."""
    ends = [*codes[1:], codes[0]] if manner.loop else codes[1:]
    between = np.linspace(0, 1, manner.frames + 2)[1:-1]
    for start, end in zip(codes, ends, strict=False):
        yield np.repeat(start[None], max(1, manner.hold), axis=0)
        yield np.stack([step(start, end, t, manner.way) for t in between])
    if not manner.loop:
        yield np.repeat(codes[-1][None], max(1, manner.hold), axis=0)


def step(start: np.ndarray, end: np.ndarray, t: float, way: Way) -> np.ndarray:
    """The code at share t of the way: straight, or along the arc about the origin, its length
    going evenly from the one's to the other's (after Shoemake, 1985)."""
    if way == "spherical":
        lengths = [float(np.linalg.norm(z)) for z in (start, end)]
        cosine = float(np.vdot(start, end)) / max(lengths[0] * lengths[1], 1e-12)
        angle = float(np.arccos(np.clip(cosine, -1, 1)))
        if 1e-4 < angle < np.pi - 1e-4:   # else there is no arc, or no one arc
            shares = np.sin([(1 - t) * angle, t * angle]) / np.sin(angle)
            along = shares[0] * start / lengths[0] + shares[1] * end / lengths[1]
            turned: np.ndarray = ((1 - t) * lengths[0] + t * lengths[1]) * along
            return turned.astype(start.dtype)
    straight: np.ndarray = (1 - t) * start + t * end
    return straight.astype(start.dtype)
