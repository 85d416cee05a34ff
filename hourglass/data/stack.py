"""Collect samples one by one in an array: arrays, tensors, images or image files."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .plain_arrays import plain_array
from .read_image import Reading, open_image, plain, shape_image
from .storage import room
from .x_and_label import is_picture

ROWS = 4096   # samples that are copied together


@dataclass
class Stack:
    """An array that grows by samples of one shape. Its precision and channels widen if a sample
    needs it: grey images among colour ones become colour."""

    total: int          # capacity in samples
    reading: Reading    # how images are sized and coloured
    x: np.ndarray = field(default_factory=lambda: np.empty(0))
    count: int = 0
    labels: list[Any] = field(default_factory=list)
    pictures: bool = False   # whether any sample was an image
    deep: bool = False       # of more than 8 bits per pixel, which are not resized

    def add(self, item: Any, label: Any) -> None:
        """Add a sample. Raises ValueError if its shape differs."""
        sample = self._read(item)
        if not self.count:
            self.x = room(self.total, sample.shape, _stored(sample.dtype))
        if sample.shape != self.x.shape[1:] or sample.dtype != self.x.dtype:
            self._widen(sample)
        self.x[self.count] = sample   # grey is repeated over the colours
        self.labels.append(label)
        self.count += 1

    def grow(self, total: int) -> None:
        """Increase the capacity."""
        self.total = total
        self._copy(room(total, self.x.shape[1:], self.x.dtype))

    def whole(self) -> np.ndarray:
        """All samples (N, ...)."""
        if self.count < len(self.x) and isinstance(self.x, np.memmap):
            self.grow(self.count)   # its file must hold nothing else
        return self.x[:self.count]

    def _copy(self, to: np.ndarray) -> None:
        for start in range(0, self.count, ROWS):
            end = min(start + ROWS, self.count)
            to[start:end] = self.x[start:end]
        self.x = to

    def _widen(self, sample: np.ndarray) -> None:
        shape = self._shape_with(sample)
        kind = np.promote_types(self.x.dtype, _stored(sample.dtype))
        if shape != self.x.shape[1:] or kind != self.x.dtype:
            self._copy(room(self.total, shape, kind))

    def _shape_with(self, sample: np.ndarray) -> tuple[int, ...]:
        """The common shape of this sample and the earlier ones. Raises ValueError if they
        differ."""
        own, before = sample.shape, self.x.shape[1:]
        if own == before:
            return own
        if self.pictures and len(own) == len(before) == 3 and own[:2] == before[:2] and (
                1 in (own[2], before[2])):
            return (*own[:2], max(own[2], before[2]))
        advice = 'size="64" brings images to one size' if self.pictures else (
            "bring all to one shape; pass labels separately, as in train(x, y=labels)")
        raise ValueError(f"its shape is {own}, but earlier samples have {before}; {advice}")

    def _read(self, item: Any) -> np.ndarray:
        if isinstance(item, Mapping) and isinstance(item.get("bytes"), bytes):
            item = item["bytes"]   # how Hugging Face stores encoded images
        if isinstance(item, Image.Image):
            return self._shaped(item, decoded=False)
        if isinstance(item, Path) or (isinstance(item, str) and is_picture(item)):
            return self._shaped(open_image(str(Path(item).expanduser()), self.reading))
        if isinstance(item, bytes):
            return self._shaped(open_image(io.BytesIO(item), self.reading))
        sample = plain_array(item)
        if sample.dtype.kind not in "biuf":
            raise ValueError(f"it holds values that are not numbers, such as {str(item)[:40]!r}")
        if not sample.ndim:
            raise ValueError("it is a single number; a sample is a vector (D,), a series or an "
                             "image")
        return sample

    def _shaped(self, image: Image.Image, decoded: bool = True) -> np.ndarray:
        """An image (H, W, C), shaped as `reading` says."""
        self.pictures = True
        if image.mode.startswith(("I", "F")):
            self.deep = True
            return np.atleast_3d(np.asarray(image))
        return shape_image(image if decoded else plain(image), self.reading)


def _stored(kind: np.dtype) -> np.dtype:
    """The precision in which such samples are stored."""
    return np.dtype(np.float32) if kind.kind == "f" else kind
