"""New samples from a model's prior, as a sheet or as files."""

import math
from pathlib import Path

import numpy as np

from ..console import track
from ..disk import check_empty
from ..figures.canvas import shown, tile
from ..trained import Trained
from .reconstruct import as_picture

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".bmp")


def generate(model: Trained, n: int, kind: str, out: Path, seed: int = 0) -> np.ndarray:
    """Draw n samples, of a class if the model is conditional, into a sheet or a folder; returns
    them, (N, H, W, C). Raises ValueError for a class that the model does not know."""
    if len(model.shape) != 3:
        raise ValueError("this model was trained on vectors, which make no pictures; use "
                         "hourglass.load(run).sample(n) from Python")
    if kind and model.model.condition is None:
        raise ValueError("this model was not told classes in training, so it has none to draw; "
                         "train one with --model cvae")
    images = model.sample(n, kind or None, seed)
    if out.suffix.lower() in SUFFIXES:
        out.parent.mkdir(parents=True, exist_ok=True)
        as_picture(_sheet(images)).save(out)
        return images
    if out.suffix:
        raise ValueError(f"{out} is neither a picture ({', '.join(SUFFIXES)}) nor a folder's name")
    check_empty(out)
    out.mkdir(parents=True, exist_ok=True)
    for number, image in track(enumerate(images), n, "writing images"):
        as_picture(image).save(out / f"{number:05}.png")
    return images


def _sheet(images: np.ndarray) -> np.ndarray:
    """Samples (N, H, W, C) as one picture, white where there are no more."""
    columns = math.ceil(math.sqrt(len(images)))
    rgb = shown(images)
    missing = -len(rgb) % columns
    rgb = np.concatenate([rgb, np.ones((missing, *rgb.shape[1:]), rgb.dtype)])
    return tile([rgb[start:start + columns] for start in range(0, len(rgb), columns)])
