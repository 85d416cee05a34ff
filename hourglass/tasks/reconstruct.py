"""Images through the bottleneck and back, as files."""

from pathlib import Path

import numpy as np

from ..console import say, track
from ..trained import Trained
from .pictures import as_picture, png_name


def reconstruct(model: Trained, images: str | Path, out: str | Path) -> dict[str, float]:
    """Write a PNG for every image of a folder, archive or array; returns how many and their error.

    Raises ValueError where nothing can be read, or the model is not one of images.
    """
    if len(model.shape) != 3:
        raise ValueError("this model was trained on vectors or series, which make no pictures; use "
                         "hourglass.load(run).reconstruct(array) from Python")
    found = model.read(images, strict=False)
    for note in found.notes:
        say(note)
    again = model.reconstruct(found)
    scale = model.scale_of(found.x)
    error = float(np.square(again - found.x.astype(np.float32) * scale).mean())
    names = found.names or tuple(f"{i:05}.png" for i in range(len(again)))
    for name, image in track(zip(names, again, strict=True), len(names), "writing images"):
        path = Path(out) / png_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        as_picture(image).save(path)
    return {"images": len(again), "mse": error}
