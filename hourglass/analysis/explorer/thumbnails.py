"""Thumbnails of many images in one picture. A page shows one part of it at a time."""

import io
import math
from typing import Any

import numpy as np
from einops import rearrange
from PIL import Image

from ...core.image_grid import shown
from ..html import embedded

LONGEST = 48    # pixels of a thumbnail's longer side
QUALITY = 88


def thumbnails(images: np.ndarray, longest: int = LONGEST) -> dict[str, Any]:
    """Images (N, H, W, C) in [0, 1] as one WebP picture, with what tells where in it each is. Each
    has at most `longest` pixels on its longer side."""
    height, width = images.shape[1:3]
    factor = min(1.0, longest / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    values = np.rint(shown(images, flat=True) * 255).astype(np.uint8)
    small = np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
                      for image in values])
    columns = math.ceil(math.sqrt(len(small)))
    whole = np.pad(small, ((0, -len(small) % columns), (0, 0), (0, 0), (0, 0)))
    sheet = rearrange(whole, "(r n) h w c -> (r h) (n w) c", n=columns)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="webp", quality=QUALITY)
    return {"address": embedded(buffer.getvalue(), "webp"), "columns": columns,
            "rows": len(whole) // columns, "width": size[0], "height": size[1]}
