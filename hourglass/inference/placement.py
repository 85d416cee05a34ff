"""Map a model's view of an image back onto the file: undo crops, resizes and margins."""

from dataclasses import dataclass

import numpy as np

from ..data.image_options import Reading, read_size


@dataclass(frozen=True)
class Placement:
    """Per axis (down, across): model's pixel = scale * file's pixel + offset."""

    scale: tuple[float, float]
    offset: tuple[float, float]

    def onto_file(self, seen: np.ndarray, size: tuple[int, int], outside: float = 0) -> np.ndarray:
        """Map (h, w) of the model's view at the file's size (H, W), interpolated; `outside` where
        the model saw nothing."""
        weights, within = zip(*(self._axis(axis, seen.shape[axis], size[axis]) for axis in (0, 1)),
                              strict=True)
        mapped: np.ndarray = weights[0] @ seen @ weights[1].T
        return np.where(within[0][:, None] & within[1], mapped, outside)

    def _axis(self, axis: int, count: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Weights (length, count) of the model's pixels for each pixel of the file, and whether the
        model saw it."""
        at = self.scale[axis] * (np.arange(length) + 0.5) + self.offset[axis]
        place = np.clip(at - 0.5, 0, count - 1)
        below = np.minimum(place.astype(int), max(count - 2, 0))
        share = place - below
        weights = np.zeros((length, count))
        weights[np.arange(length), below] = 1 - share
        weights[np.arange(length), np.minimum(below + 1, count - 1)] += share
        return weights, (at >= 0) & (at <= count)


def placement_of(size: tuple[int, int], shape: tuple[int, int], reading: Reading) -> Placement:
    """The placement of a file's image of that size (H, W) in the shape (h, w) that a model sees."""
    scale, offset = [1.0, 1.0], [0.0, 0.0]
    if reading.crop:
        cut = [min(a, b) for a, b in zip(read_size(reading.crop, "crop"), size, strict=True)]
        offset = [-float((a - b) // 2) for a, b in zip(size, cut, strict=True)]
        size = (cut[0], cut[1])
    target = read_size(reading.size, "size") if reading.size else size if reading.pad else shape
    if target != size:
        factors = [a / b for a, b in zip(target, size, strict=True)]
        margin = [0.0, 0.0]
        if reading.fit == "crop":
            factors = [max(factors)] * 2
            margin = [(t - s * f) / 2 for t, s, f in zip(target, size, factors, strict=True)]
        elif reading.fit == "pad":   # Pillow pads whole pixels
            whole = [round(s * min(factors)) for s in size]
            factors = [w / s for w, s in zip(whole, size, strict=True)]
            margin = [float(round((t - w) / 2)) for t, w in zip(target, whole, strict=True)]
        offset = [o * f + m for o, f, m in zip(offset, factors, margin, strict=True)]
        scale = factors
    if reading.pad:
        offset = [o + (p - t) // 2 for o, p, t in zip(
            offset, read_size(reading.pad, "pad"), target, strict=True)]
    return Placement((scale[0], scale[1]), (offset[0], offset[1]))
