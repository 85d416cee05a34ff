"""Images through the bottleneck and back, as files."""

from pathlib import Path

import numpy as np

from ..channels import read_channels, show_channels
from ..console import say, track
from ..trained import Trained
from .pictures import TIFFS, as_picture, png_name, save_deep


def reconstruct(
    model: Trained, images: str | Path, out: str | Path, show: str = ""
) -> dict[str, float]:
    """Write a PNG for every image of a folder, archive or array; returns how many and their error.
    `show` names the channels of images that have many. A TIFF in the data's own units goes with
    each where a PNG would lose some of its depth or channels.

    Raises ValueError where nothing can be read, or the model is not one of images.
    """
    if len(model.shape) != 3:
        raise ValueError("this model was trained on vectors or series, which make no pictures; use "
                         "hourglass.load(run).reconstruct(array) from Python")
    if show and model.shape[0] not in (1, 3):
        read_channels(show, model.shape[0])
        show_channels(show)
    found = model.read(images, strict=False)
    for note in found.notes:
        say(note)
    again = model.reconstruct(found)
    scale = model.scale_of(found.x)
    error = float(np.nanmean(np.square(again - found.x.astype(np.float32) * scale)))
    names = found.names or tuple(f"{i:05}.png" for i in range(len(again)))
    for name, image in track(zip(names, again, strict=True), len(names), "writing images"):
        path = Path(out) / png_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        as_picture(image).save(path)
        if model.inputs.is_deep:
            save_deep(path.with_suffix(TIFFS[0]), model.inputs.scale.back(image))
    return {"images": len(again), "mse": error}
