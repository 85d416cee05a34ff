"""Score whole images with a model of patches: an image scores as high as its highest tile."""

from dataclasses import replace

import numpy as np
import torch

from ..data.patches import Patches, as_patches
from ..data.split_data import Split


def by_image(scores: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """The highest score (M,) among each image's tiles, in the images' order."""
    _, image = np.unique(owner, return_inverse=True)
    highest = np.full(image.max(initial=-1) + 1, -np.inf)
    np.maximum.at(highest, image, scores)
    return highest


def whole_images(split: Split, normal: torch.Tensor | None) -> Split | None:
    """Tiles that cover the images of a split of patches, only of the classes `normal` if there are
    classes. None for other splits, and if no image is left."""
    patches = as_patches(split.x)
    if patches is None:
        return None
    index = split.index
    if split.y is not None and normal is not None:
        index = index[torch.isin(split.y[index], normal).cpu()]
    return _covered(split, patches, index) if len(index) else None


def _covered(split: Split, patches: Patches, index: torch.Tensor) -> Split:
    """Tiles that cover the images of these patches, each with its image's class."""
    chosen = patches.owner[index.numpy()]
    tiles = replace(patches, owner=chosen, corners=patches.corners[index.numpy()]).covering()
    y = None
    if split.y is not None:
        kind = np.empty(len(patches.photos.names), np.int64)
        kind[chosen] = split.y[index].cpu().numpy()
        y = torch.from_numpy(kind[tiles.owner])
    return replace(split, x=tiles, y=y, encoder_input=None, index=torch.arange(len(tiles)))
