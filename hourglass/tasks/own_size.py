"""Apply a model of patches to images of any size, in tiles that are joined again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..core.console import track
from ..core.contracts import Collection
from ..core.output_names import png_name
from ..data.patches import Patches
from ..inference.anomaly import Detector
from ..inference.tiling import tiled
from ..inference.trained import Trained
from .heatmaps import heat_picture
from .write_images import save_picture


def each_image(
    model: Trained, collection: Collection
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield each image that was read as a patch: its name, the image (H, W, C) as the model sees
    it, and the model's output."""
    x: Patches = collection.x  # type: ignore[assignment]
    for row in track(range(len(x)), len(x), "reconstructing"):
        image = x.photos.whole(int(x.owner[row]))
        y = None if collection.y is None else collection.y[[row]]
        reconstruction = model.restore(Collection(image[None], y, collection.classes))[0]
        scaled = image * np.float32(model.scale_of(collection.x))
        yield collection.names[row], scaled, reconstruction


def whole_map(
    detector: Detector, collection: Collection, row: int
) -> tuple[np.ndarray, np.ndarray]:
    """An image (H, W, C) that was read as a patch, and its anomaly map (H, W): the blended maps of
    its tiles, on a scale where 1 is the threshold."""
    x: Patches = collection.x  # type: ignore[assignment]
    image = x.photos.whole(int(x.owner[row]))
    kind = None if collection.y is None else collection.y[row]

    def heats(tiles: np.ndarray) -> np.ndarray:
        y = None if kind is None else np.full(len(tiles), kind)
        return detector.maps(Collection(tiles, y, collection.classes))[..., None]
    return image, tiled(image, x.size, heats)[..., 0]


def write_whole_heatmaps(detector: Detector, collection: Collection, out: Path) -> None:
    """Write a heat map of its own size for every image: the blended maps of its tiles. All share
    one scale, where 1 is the threshold."""
    usual = detector.usual_heat
    for row in track(range(len(collection.x)), len(collection.x), "drawing heat maps"):
        image, heat = whole_map(detector, collection, row)
        save_picture(out / png_name(collection.names[row]), heat_picture(
            image * np.float32(detector.model.scale_of(collection.x)), heat, usual))
