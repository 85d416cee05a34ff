"""Sharpen or blur decoded images."""

from dataclasses import dataclass

import numpy as np
from PIL import ImageEnhance, ImageFilter

from .write_images import as_picture


@dataclass(frozen=True)
class Finish:
    """Changes to images after decoding: first blur, then sharpen."""

    sharpen: float = 0.0   # Pillow's factor: 1 changes nothing, 3 is strong; 0: off
    blur: float = 0.0      # standard deviation of a Gaussian, in pixels

    @property
    def changes(self) -> bool:
        """Whether anything changes."""
        return bool(self.blur or self.sharpen)


PLAIN = Finish()   # no change


def finished(x: np.ndarray, finish: Finish) -> np.ndarray:
    """Sharpen and blur images (N, H, W, C) in [0, 1], with 8-bit precision. Without a change, they
    are returned as they are."""
    if not finish.changes:
        return x
    images = np.empty(x.shape, np.float32)
    for i, image in enumerate(x):
        for channel in range(x.shape[-1]):   # any number of channels
            picture = as_picture(image[..., channel:channel + 1])
            if finish.blur:
                picture = picture.filter(ImageFilter.GaussianBlur(finish.blur))
            if finish.sharpen:
                picture = ImageEnhance.Sharpness(picture).enhance(finish.sharpen)
            images[i, ..., channel] = np.asarray(picture, np.float32) / 255
    return images
