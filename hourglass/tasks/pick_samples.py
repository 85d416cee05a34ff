"""Single images that a user picks: files, or test samples by their number."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.channels import channels_last
from ..core.contracts import Collection
from ..inference.line_uses import is_of_lines, pick_lines
from ..inference.trained import Trained


def pick(model: Trained, images: Sequence[str]) -> Collection:
    """The images (N, H, W, C) for the model, in this order, with labels y of test samples. Of a
    model of lines, the texts themselves. Raises ValueError for anything else."""
    if is_of_lines(model.description):
        return pick_lines(model, images)
    numbers = {name: int(name) for name in images if name.isdecimal() and not Path(name).exists()}
    files = [name for name in images if name not in numbers]
    by_name: dict[str, np.ndarray] = {}
    if files:
        read = model.read(files, strict=False)
        if len(read.x) < len(files):
            raise ValueError(f"some images cannot be read: {'; '.join(read.notes)}")
        if len(read.x) > len(files):
            size = "x".join(map(str, model.shape[1:]))
            raise ValueError(f"this model was trained on patches, so a sample has {size} pixels; "
                             f"cut that part out of the image")
        scale = model.scale_of(read.x)
        by_name |= dict(zip(files, read.x.astype(np.float32) * np.float32(scale), strict=True))
    y: dict[str, int] = {}
    if numbers:
        source = model.source()
        unseen = source.splits[source.unseen]
        for name, number in numbers.items():
            if number >= len(unseen):
                raise ValueError(f"{name} is neither a file nor a {source.unseen} sample; these "
                                 f"have numbers from 0 to {len(unseen) - 1}")
            batch = unseen.batch(torch.tensor([number]))
            by_name[name] = channels_last(batch.x)[0].numpy()
            y |= {} if batch.y is None else {name: int(batch.y[0])}
    labels = np.array([y[name] for name in images]) if set(y) == set(images) else None
    return Collection(np.stack([by_name[name] for name in images]), labels, model.classes)


def picked(model: Trained, items: Sequence[Any]) -> Collection:
    """Samples from Python: paths, numbers of unseen samples, and arrays of one image each, as the
    model reads arrays. Raises ValueError."""
    parts = [pick(model, [str(item)]) if isinstance(item, str | Path | int | np.integer) else
             _of_array(model, item) for item in items]
    labelled = all(part.y is not None for part in parts)
    y = np.concatenate([part.y for part in parts]) if labelled else None
    return Collection(np.concatenate([part.x for part in parts]), y, model.classes)


def _of_array(model: Trained, image: Any) -> Collection:
    """One image (H, W), (H, W, C) or (1, H, W, C) as the model takes it."""
    image = np.asarray(image)
    read = model.read(image if image.ndim == 4 else image[None])
    if len(read.x) != 1:
        raise ValueError(f"give images one by one, each (H, W) or (H, W, C), not {image.shape}")
    return Collection(read.x.astype(np.float32) * np.float32(model.scale_of(read.x)), None,
                      model.classes)


def one_class(model: Trained, collection: Collection, kind: str) -> str | None:
    """The class for all these images in a conditional model; None in others."""
    if model.model.condition is None:
        if kind:
            raise ValueError("this model is not conditional, so --class has no effect on it; leave "
                             "it out")
        return None
    kinds = set() if collection.y is None else {collection.classes[i] for i in collection.y}
    if not kind and len(kinds) != 1:
        raise ValueError(f"this model is conditional: pass the class with --class "
                         f"({', '.join(model.classes[:12])})")
    return kind or kinds.pop()
