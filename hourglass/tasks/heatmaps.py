"""Heat maps as files: an image, where it came back badly, and a bar that says how badly."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..console import track
from ..contracts import Collection
from ..figures.canvas import shown
from ..figures.heat import bar, overlaid
from ..scoring import Detector
from .pictures import as_picture, png_name, save_picture

SEEN = 224          # pixels of an image's shorter side in a heat map, at least
GAP = 8
BAR, TEXT = 14, 62  # pixels: the colour bar, and the numbers beside it
CHUNK = 500         # images at once
LOUDEST = 200       # images, the most abnormal, that the common scale is from
HIGH = 0.999        # share of their pixels that lie below its end


def write_heatmaps(detector: Detector, found: Collection, scores: np.ndarray, out: Path) -> float:
    """Write a picture for every image, named as the images are; all share one scale, whose end
    is returned. Raises ValueError where the samples are no images."""
    few = np.argsort(-scores, kind="stable")[:LOUDEST]
    top = max(float(np.quantile(detector.maps(_some(found, few)), HIGH)), 1e-12)
    names = found.names or tuple(f"{i:05}.png" for i in range(len(found.x)))
    scale = detector.model.scale_of(found.x)
    starts = range(0, len(names), CHUNK)
    for start in track(starts, len(starts), "drawing heat maps"):
        some = _some(found, np.arange(start, min(start + CHUNK, len(names))))
        heats = detector.maps(some)
        images = some.x * np.float32(scale)
        for name, image, heat in zip(names[start:], images, heats, strict=False):
            save_picture(out / png_name(name), heat_picture(image, heat, top))
    return top


def heat_picture(image: np.ndarray, heat: np.ndarray, top: float) -> Image.Image:
    """An image (H, W, C) in [0, 1], beside it its heat map (H, W), and a bar from 0 to `top`."""
    times = max(1, -(-SEEN // min(heat.shape)))
    pair = (shown(image[None], flat=True)[0], overlaid(image[None], heat[None], top)[0])
    left, right = (as_picture(part).resize((times * heat.shape[1], times * heat.shape[0]),
                                           Image.Resampling.NEAREST) for part in pair)
    width, height = left.size
    whole = Image.new("RGB", (2 * width + 2 * GAP + BAR + TEXT, height), "white")
    whole.paste(left, (0, 0))
    whole.paste(right, (width + GAP, 0))
    edge = 2 * (width + GAP)
    whole.paste(as_picture(bar(height, BAR)), (edge, 0))
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(13)
    for share, anchor in ((1.0, "la"), (0.5, "lm"), (0.0, "ld")):
        pen.text((edge + BAR + 4, round((1 - share) * (height - 1))), f"{share * top:.2g}",
                 "black", font, anchor=anchor)
    return whole


def _some(found: Collection, rows: np.ndarray) -> Collection:
    y = None if found.y is None else found.y[rows]
    return Collection(found.x[rows], y, found.classes)
