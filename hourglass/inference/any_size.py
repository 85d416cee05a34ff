"""Apply a model to images of any size: whole if it has no dense layer, otherwise in tiles."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from ..data.read_image import GREY_MODES
from ..data.sources.read_image_folder import files_in
from ..model.autoencoder import Autoencoder
from .tiling import grown, tiled

SHRINKS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
Size = tuple[int, ...]   # (height, width)
Use = Callable[[np.ndarray, np.ndarray | None], np.ndarray]   # images, classes -> images
LARGEST = 2**22   # most values of an image that is processed as a whole


@torch.inference_mode()
def stride_of(model: Autoencoder) -> tuple[int, int] | None:
    """Pixels per step of the code, (height, width). None for a model that takes only one image
    size, which a trial with a larger image shows."""
    if len(model.shape) != 3 or model.condition is not None:
        return None
    across = [1, 1]
    for layer in model.encoder.modules():
        if isinstance(layer, SHRINKS):
            strides = layer.stride if isinstance(layer.stride, tuple) else (layer.stride,) * 2
            across = [a * int(s) for a, s in zip(across, strides, strict=True)]
    channels, height, width = model.shape
    device = next(model.parameters()).device
    larger = torch.zeros(1, channels, height + across[0], width + across[1], device=device)
    try:
        output = model(larger, draw=False).px.mean
    except (RuntimeError, ValueError, IndexError):   # a dense layer needs a fixed size
        return None
    return (across[0], across[1]) if output.shape == larger.shape else None


def through(
    x: np.ndarray, own: Size, stride: Size, use: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Apply `use` to images x (N, H, W, C) of any size, in batches. Images are mirrored at the
    right and bottom up to a size that the network keeps, and cropped afterwards."""
    wider = padded(x, own, stride)
    together = max(1, 128 * math.prod(own) // math.prod(wider.shape[1:3]))
    outputs = np.concatenate([use(wider[start:start + together])
                              for start in range(0, len(wider), together)])
    return outputs[:, :x.shape[1], :x.shape[2]]


def of_any_size(
    x: np.ndarray, y: np.ndarray | None, own: Size, stride: Size | None, use: Use,
    scale_of: Callable[[np.ndarray], float],
) -> np.ndarray:
    """Apply `use` to images x (N, H, W, C) and their classes y (N,) or None. Images of the model's
    `own` size are used unchanged. Others are used whole if the model takes any size and they are
    not too large, otherwise in tiles, one image at a time. `scale_of` gives the scale of their
    numbers."""
    if x.shape[1:3] == own:
        return use(x, y)
    if stride is not None and x[0].size <= LARGEST:
        return through(x, own, stride, lambda part: use(part, None))
    outputs = []
    for i, image in enumerate(x):
        def use_one(tiles: np.ndarray, i: int = i) -> np.ndarray:
            return use(tiles, None if y is None else y[[i]].repeat(len(tiles)))
        values = image * np.float32(scale_of(image))
        outputs.append(tiled(values, (own[0], own[1]), use_one))
    return np.stack(outputs)


def whole(
    x: np.ndarray, y: np.ndarray | None, own: Size, stride: Size | None, use: Use
) -> np.ndarray:
    """Apply `use` to samples x (N, ...) and their classes y (N,) or None. Images keep their own
    size."""
    if stride is None or x.ndim != 4 or x.shape[1:3] == own:
        return use(x, y)
    return through(x, own, stride, lambda part: use(part, None))


def padded(x: np.ndarray, own: Size, stride: Size | None) -> np.ndarray:
    """Mirror images x (N, H, W, C) to the next size that is `own` plus whole strides. Without a
    stride they are unchanged."""
    if stride is None or x.ndim != 4:
        return x
    size = tuple(n + s * max(0, -(-(side - n) // s))
                 for side, n, s in zip(x.shape[1:3], own, stride, strict=True))
    if size == x.shape[1:3]:
        return x
    return np.stack([grown(image, (size[0], size[1])) for image in x])


def changes(
    x: Any, sizes: dict[str, int], shape: tuple[int, ...], colour: bool = False
) -> list[str]:
    """Notes on images that are resized or converted for a model of this shape (C, H, W). `sizes`
    counts files by size ("HxW"); x is their source, and `colour` says that they are in colour."""
    if len(shape) != 3:
        return []
    form = tuple(getattr(x, "shape", ()))
    usual = (1, 3, shape[0])
    if len(form) == 4 and form[1] in usual and form[3] not in usual:   # channels first
        form = (form[0], *form[2:], form[1])
    own = "x".join(map(str, shape[1:]))
    theirs = list(sizes) or (["x".join(map(str, form[1:3]))] if len(form) in (3, 4) else [])
    others = [size for size in theirs if size != own]
    grey = shape[0] == 1 and (colour or form[3:] == (3,) or _is_colour(x))
    if not others:
        return ["images in colour become grey, as this model was trained"] if grey else []
    some = f"images of {others[0]} pixels" + (", and of other sizes," if len(others) > 1 else "")
    was, become = (", in colour,", " in grey") if grey else ("", "")
    return [f"{some}{was} are brought to {own}{become}, as this model was trained"]


def _is_colour(x: Any) -> bool:
    """Whether the first image file of a folder, or of a list of files, is in colour."""
    paths = [Path(p).expanduser() for p in (x if isinstance(x, list | tuple) else [x])
             if isinstance(p, str | Path)]
    if paths and paths[0].is_dir():
        paths = [paths[0] / name for name in list(files_in(paths[0]).sizes)[:1]]
    try:
        with Image.open(paths[0]) as image:
            return image.mode not in GREY_MODES
    except (OSError, IndexError):
        return False
