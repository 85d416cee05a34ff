"""Write augmented images as files."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..core.channels import channels_last
from ..core.console import track
from ..core.files import check_empty
from ..core.output_names import folder_name
from ..core.random_numbers import seeded
from ..data.augmentations import augmenter
from ..data.collect import collect, split
from ..data.read_image import Reading
from ..data.split_data import Source
from .write_images import TIFFS, as_picture, save_deep, save_picture

BATCH = 100
USUAL = "shift(2) + rotate(10) + zoom(0.1)"


def augment(data: str, text: str, n: int, out: Path, reading: Reading, seed: int = 0) -> int:
    """Write n augmented images as PNGs (or TIFFs, where PNGs would lose depth or channels), one
    folder per class. Returns how many.

    Each image of the source is used once, in random order, before any is used again. Raises
    ValueError if the source holds no images, or `out` is not empty.
    """
    check_empty(out)
    source = split(collect(data, reading), {}, seed, reading=reading)
    if len(source.shape) != 3:
        raise ValueError(f"{data} holds no images to augment")
    if next(iter(source.splits.values())).gaps:
        raise ValueError(f"{data} has missing pixels (NaN), which cannot be moved; fill them in")
    vary = augmenter(text, source.low, source.high)
    with seeded(seed):
        _write_varied(source, vary, n, out)
    return n


def _write_varied(source: Source, vary: Callable[[Tensor], Tensor], n: int, out: Path) -> None:
    everything = source.whole()
    turns = -(-n // len(everything))
    rows = torch.cat([torch.randperm(len(everything)) for _ in range(turns)])[:n]
    numbered = enumerate(rows.split(BATCH))
    for batch_number, chunk in track(numbered, -(-n // BATCH), "writing images"):
        batch = everything.batch(chunk)
        images = channels_last(vary(batch.x)).numpy()
        for i, image in enumerate(images):
            kind = "" if batch.y is None else folder_name(source.classes[int(batch.y[i])])
            path = out / kind / f"{batch_number * BATCH + i:06}.png"
            if source.scale.fits_pictures(source.shape[0]):
                save_picture(path, as_picture(image))
            else:
                save_deep(path.with_suffix(TIFFS[0]), source.scale.back(image))
