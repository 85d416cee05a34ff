"""Feature vectors of images in place of a model's codes: as a table, nearest images, duplicates."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.contracts import Collection
from ..core.features import Extractor, as_images, features, resized
from ..data.photos import LazyImages, open_photos
from .duplicates import write_groups
from .embed import SUFFIXES, Embedded, write_codes
from .find_similar import write_nearest
from .write_images import SUFFIXES as PICTURES
from .write_images import check_name

SIZE = 224        # pixels of the longer side
THUMBNAIL = 64    # pixels a side, at which images are drawn and compared


def embedded_by(extractor: Extractor, images: Any) -> Embedded:
    """The vectors of all images of a folder, archive, file or array, of any sizes. The images of
    the result are thumbnails. Unreadable ones are left out, with a note. Raises ValueError."""
    with ExitStack() as stack:
        photos = open_photos(images, stack)
        vectors, small, kept = [], [], []
        for row, image in photos.decoded("looking at images", "cannot be read and is left out"):
            if image is not None:
                vectors.append(_vector(extractor, image))
                small.append(_thumbnail(image))
                kept.append(row)
        if not kept:
            raise ValueError(f"{images} holds no image that can be read")
        return Embedded(_collection(photos.some(kept), np.stack(small), photos.splits, kept),
                        np.stack(vectors), 1 / 255)


def embed_by(
    text: str, images: str | Path, out: Path, device: str = "cpu"
) -> list[str]:
    """Write the vectors of images as a table, as `embed` writes codes. Returns lines to print.
    Raises ValueError."""
    check_name(out, SUFFIXES)
    extractor = features(text, device=device)
    embedded = embedded_by(extractor, images)
    write_codes(embedded, out)
    return [f"{len(embedded.z):,} vectors of {embedded.z.shape[1]:,} numbers", _about(extractor)]


def nearest_by(
    text: str, images: str | Path, queries: list[str], n: int, out: Path, device: str = "cpu"
) -> list[str]:
    """Write the n images nearest to each query, a file, by the distance of their vectors. Returns
    lines to print. Raises ValueError."""
    check_name(out, (*PICTURES, ".csv"))
    extractor = features(text, device=device)
    embedded = [embedded_by(extractor, query) for query in queries]
    if any(len(image.z) != 1 for image in embedded):
        raise ValueError("--nearest takes single images; give a file for each")
    z, x = (np.concatenate(parts) for parts in zip(*((image.z, image.values(slice(None)))
                                                     for image in embedded), strict=True))
    return [*write_nearest(embedded_by(extractor, images), queries, x, z, n, out),
            _about(extractor)]


def duplicates_by(
    text: str, images: str | Path, within: float, out: Path, device: str = "cpu"
) -> list[str]:
    """Write groups of images that occur twice, exactly or nearly, by their vectors and then their
    thumbnails. Returns lines to print. Raises ValueError."""
    check_name(out, (".csv",))
    extractor = features(text, device=device)
    return [*write_groups(embedded_by(extractor, images), within, out, str(images)),
            f"pixels are compared at {THUMBNAIL}x{THUMBNAIL}", _about(extractor)]


@torch.inference_mode()
def _vector(extractor: Extractor, image: np.ndarray) -> np.ndarray:
    vector: np.ndarray = extractor.vector(image[None], SIZE)[0].float().cpu().numpy()
    return vector


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """An image (H, W, C) as 8-bit colours (64, 64, 3)."""
    small = resized(as_images(image[None]), (THUMBNAIL, THUMBNAIL))[0].expand(3, -1, -1)
    thumbnail: np.ndarray = (small * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return thumbnail


def _collection(
    photos: LazyImages, small: np.ndarray, splits: dict[str, np.ndarray] | None, kept: list[int]
) -> Collection:
    place = {row: i for i, row in enumerate(kept)}
    parts = {name: np.array([place[row] for row in rows.tolist() if row in place], int)
             for name, rows in (splits or {}).items()}
    return Collection(small, photos.y, photos.classes, photos.names, parts)


def _about(extractor: Extractor) -> str:
    return (f"features of {extractor}: {extractor.about}; the longer side is first brought to "
            f"{SIZE} pixels")
