"""Heat maps as files: an image, the image with abnormal regions in colour, and a colour bar."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..analysis.figures.heatmaps import TOP, bar_of_threshold, beside_threshold
from ..core.console import say, track
from ..core.contracts import Collection
from ..core.image_grid import shown
from ..core.output_names import png_name
from ..data.find_images import opened
from ..data.read_image import open_image
from ..inference.anomaly import Detector
from ..inference.placement import placement_of
from .write_images import as_picture, save_picture

SEEN = 224          # pixels of an image's shorter side in a heat map, at least
GAP = 8
BAR, TEXT = 14, 72  # pixels: the colour bar, and the words next to it
CHUNK = 500         # images at once

Original = Callable[[str], np.ndarray | None]   # a file's own image (H, W, C) in [0, 1], by name


def write_heatmaps(
    detector: Detector, collection: Collection, out: Path, place: str = ""
) -> None:
    """Write a picture for every image, named as the images are: those of a folder or archive
    `place` at their own size. All share one scale, on which 1 is the threshold. Raises ValueError
    if the samples are not images."""
    names = collection.names or tuple(f"{i:05}.png" for i in range(len(collection.x)))
    scale, usual = detector.model.scale_of(collection.x), detector.usual_heat
    starts = range(0, len(names), CHUNK)
    with ExitStack() as stack:
        eight = collection.x.dtype == np.uint8   # deeper files are shown as the model sees them
        original = originals(place if eight else "", stack)
        for start in track(starts, len(starts), "drawing heat maps"):
            some = _some(collection, np.arange(start, min(start + CHUNK, len(names))))
            heats = detector.maps(some)
            images = some.x * np.float32(scale)
            for name, image, heat in zip(names[start:], images, heats, strict=False):
                own = original(name) if collection.names else None
                if own is not None:
                    image, heat = own, onto_file(detector, heat, own.shape[:2])
                save_picture(out / png_name(name), heat_picture(image, heat, usual))


def originals(place: str, stack: ExitStack) -> Original:
    """A reader of the images of a folder or archive at their own size; None for other data."""
    try:
        files = stack.enter_context(opened(place)) if place else None
    except ValueError:   # an array, or a source: it has no files
        files = None

    def original(name: str) -> np.ndarray | None:
        if files is None or name not in files.sizes:
            return None
        try:
            with files.open(name) as file:
                image = np.asarray(open_image(file))
            return np.atleast_3d(image).astype(np.float32) / 255
        except (OSError, ValueError) as error:
            say(f"{name} is drawn at the model's size: {error}")
            return None
    return original


def onto_file(detector: Detector, heat: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """A heat map (h, w) as large as a file's image (H, W); 0 where the model did not look."""
    where = placement_of((size[0], size[1]), (heat.shape[0], heat.shape[1]),
                         detector.model.description.reading)
    return where.onto_file(heat, (size[0], size[1]))


def heat_picture(image: np.ndarray, heat: np.ndarray, usual: float) -> Image.Image:
    """An image (H, W, C) in [0, 1], the same in grey with its heat map (H, W), and a colour bar.
    Heat above `usual` is coloured; it is 1 at the threshold."""
    times = max(1, -(-SEEN // min(heat.shape)))
    pair = (shown(image[None], flat=True)[0], beside_threshold(image[None], heat[None], usual)[0])
    left, right = (as_picture(part).resize((times * heat.shape[1], times * heat.shape[0]),
                                           Image.Resampling.NEAREST) for part in pair)
    width, height = left.size
    whole = Image.new("RGB", (2 * width + 2 * GAP + BAR + TEXT, height), "white")
    whole.paste(left, (0, 0))
    whole.paste(right, (width + GAP, 0))
    edge = 2 * (width + GAP)
    whole.paste(as_picture(bar_of_threshold(height, BAR)), (edge, 0))
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(13)
    for value, words, anchor in ((TOP, f"{TOP:g} times", "la"), (1.0, "threshold", "lm"),
                                 (0.0, "0", "ld")):
        pen.text((edge + BAR + 4, round((1 - value / TOP) * (height - 1))), words, "black",
                 font, anchor=anchor)
    return whole


def _some(collection: Collection, rows: np.ndarray) -> Collection:
    y = None if collection.y is None else collection.y[rows]
    return Collection(collection.x[rows], y, collection.classes)
