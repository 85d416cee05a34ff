"""Finishing touches to what a decoder makes: sharpened, or blurred."""

from dataclasses import dataclass

import numpy as np
from PIL import ImageEnhance, ImageFilter

from .write_images import as_picture


@dataclass(frozen=True)
class Finish:
    """What is done to images after they are decoded; blurring comes first."""

    sharpen: float = 0.0   # as Pillow counts: 1 leaves an image, 3 is strong; 0 is not asked for
    blur: float = 0.0      # standard deviation of a Gaussian, in pixels

    @property
    def changes(self) -> bool:
        """Whether anything is done."""
        return bool(self.blur or self.sharpen)


PLAIN = Finish()   # images stay as they are


def finished(x: np.ndarray, finish: Finish) -> np.ndarray:
    """Images (N, H, W, C) in [0, 1] so finished, with the digits of 8 bits; as they are, if nothing
    is asked for."""
    if not finish.changes:
        return x
    found = np.empty(x.shape, np.float32)
    for i, image in enumerate(x):
        for channel in range(x.shape[-1]):   # of which there may be any number
            picture = as_picture(image[..., channel:channel + 1])
            if finish.blur:
                picture = picture.filter(ImageFilter.GaussianBlur(finish.blur))
            if finish.sharpen:
                picture = ImageEnhance.Sharpness(picture).enhance(finish.sharpen)
            found[i, ..., channel] = np.asarray(picture, np.float32) / 255
    return found
