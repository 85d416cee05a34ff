"""Feature extractors: networks that describe images by maps at several depths and one vector."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .device import choose_device
from .expressions import Call, read
from .hints import did_you_mean
from .registry import extractors

SHORT = 12        # hex digits of a digest that are shown
OF_FILES = ("onnx", "run")   # extractors that may be written as name:PATH
BITS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(bool): 1}
MARGIN = 1e-3     # how far resizing may bring floats out of [0, 1]

REMEMBERED = 2**29   # bytes of features that `remembered` holds, at most

DEVICE: ContextVar[str] = ContextVar("device of feature extractors", default="cpu")
MEMORY: ContextVar["_Memory | None"] = ContextVar("features of images", default=None)

Looked = tuple[tuple[Tensor, ...], Tensor]   # maps (B, K, H', W') from shallow to deep, (B, F)


@dataclass(frozen=True)
class Extractor:
    """A network that describes images: maps at several depths, and one vector.

    It takes images x (B, C, H, W) in [0, 1], where 1 is white, with one or three channels.
    """

    text: str                             # as a user types it
    digest: str                           # of the weights, SHORT hex digits
    about: str                            # its input range and resizing, in words
    network: nn.Module = field(repr=False)   # x (B, channels, H, W) in [0, 1] -> Looked
    channels: int = 3                     # that the network takes
    strides: tuple[int, ...] = ()         # pixels per step of each map; () without maps
    multiple: int = 1                     # each side must be a multiple of this many pixels
    size: tuple[int, int] | None = None   # (height, width) if it takes only this one
    differentiable: bool = True

    def maps(self, x: Any, size: int | tuple[int, int] | None = None) -> tuple[Tensor, ...]:
        """Maps (B, K, H', W') of images, from shallow to deep; see `look`. Raises ValueError for an
        extractor without maps."""
        self.check_maps()
        return self.look(x, size)[0]

    def check_maps(self) -> None:
        """Raise ValueError for an extractor without maps."""
        if not self.strides:
            raise ValueError(f"{self.text} gives one vector and no maps; use another extractor, "
                             f"such as efficientnet_lite0")

    def vector(self, x: Any, size: int | tuple[int, int] | None = None) -> Tensor:
        """One vector for each image, (B, F); see `look`."""
        return self.look(x, size)[1]

    def look(self, x: Any, size: int | tuple[int, int] | None = None) -> Looked:
        """Maps and vectors of images.

        `x` is an array (N, H, W) or (N, H, W, C) of 8 or 16 bits, or of floats from 0 to 1, or a
        tensor (B, C, H, W) of such floats. Its gradient passes if the extractor is differentiable.
        `size` is the longer side in pixels, or (height, width); by default images keep their size,
        except that each side becomes a multiple of `multiple`. Raises ValueError.
        """
        images = x if isinstance(x, Tensor) else as_images(x)
        place = next(self.network.parameters(), torch.empty(0))
        images = self._coloured(images).to(place.device, place.dtype)
        sides = self.size or self.sides(images.shape[-2:], size)
        looked: Looked = self.network(resized(images, sides))
        return looked

    def sides(self, shape: Iterable[int], size: int | tuple[int, int] | None) -> tuple[int, int]:
        """The (height, width) that images of this shape, (height, width), are resized to."""
        height, width = shape
        if isinstance(size, int):
            if size < 1:
                raise ValueError(f"images are brought to a longer side of 1 pixel or more, not "
                                 f"{size}; leave the size out to keep theirs")
            share = size / max(height, width)
            height, width = round(height * share), round(width * share)
        elif size is not None:
            if not (isinstance(size, Sequence) and len(size) == 2 and all(
                    isinstance(side, int) and side > 0 for side in size)):
                raise ValueError(f"the size of images is the longer side in pixels, or (height, "
                                 f"width), as whole numbers, not {size!r}")
            height, width = size
        step = self.multiple
        return max(step, round(height / step) * step), max(step, round(width / step) * step)

    def _coloured(self, x: Tensor) -> Tensor:
        if not x.is_floating_point():
            raise ValueError(f"a tensor of images holds floats from 0 to 1, not {x.dtype}; divide "
                             f"one of 8 bits by 255, or pass an array")
        if x.ndim != 4 or x.shape[1] not in (1, 3):
            raise ValueError(f"{self.text} takes images of one or three channels: arrays (N, H, W) "
                             f"or (N, H, W, C), or tensors (B, C, H, W); as a tensor, these are "
                             f"{tuple(x.shape)}")
        if x.shape[1] == self.channels:
            return x
        return x.mean(1, keepdim=True) if self.channels == 1 else x.expand(-1, 3, -1, -1)

    def __str__(self) -> str:
        return f"{self.text} ({self.digest})"


@contextmanager
def on_device(device: str | torch.device) -> Iterator[None]:
    """A context that puts extractors without a device of their own on this one."""
    before = DEVICE.set(str(device))
    try:
        yield
    finally:
        DEVICE.reset(before)


@dataclass
class _Memory:
    """Features of images, by digests of extractor and image, as long as there is room."""

    kept: dict[bytes, tuple[np.ndarray, ...]] = field(default_factory=dict)
    used: int = 0   # bytes

    def keep(self, key: bytes, values: tuple[np.ndarray, ...]) -> None:
        """Keep the features of an image, if there is room."""
        size = sum(array.nbytes for array in values)
        if self.used + size <= REMEMBERED:
            self.kept[key] = tuple(array.copy() for array in values)   # a view would keep the batch
            self.used += size


@contextmanager
def remembered() -> Iterator[None]:
    """Compute the features of each image once within, as far as REMEMBERED bytes hold them."""
    before = MEMORY.set(MEMORY.get() or _Memory())
    try:
        yield
    finally:
        MEMORY.reset(before)


def looked_up(
    images: np.ndarray, mark: str, look: Callable[[np.ndarray], Iterable[tuple[np.ndarray, ...]]]
) -> list[tuple[np.ndarray, ...]]:
    """Features of each of the images (N, H, W, C): what `look` gives of those that are not
    remembered under this mark, which names the extractor with its digest and how it is used."""
    memory = MEMORY.get()
    if memory is None:
        return list(look(images))
    keys = [hashlib.sha256(f"{mark} {image.dtype} {image.shape}".encode()
                           + np.ascontiguousarray(image).tobytes()).digest() for image in images]
    new = [i for i, key in enumerate(keys) if key not in memory.kept]
    computed = dict(zip(new, look(images[new]), strict=True)) if new else {}
    for i, values in computed.items():
        memory.keep(keys[i], values)
    return [computed[i] if i in computed else memory.kept[key] for i, key in enumerate(keys)]


def features(
    text: object, source: Any = None, device: str | torch.device | None = None
) -> Extractor:
    """The feature extractor that a text names, such as "efficientnet_lite0", "onnx:net.onnx",
    "run:runs/1", "random" or "classifier", on a device; default: that of `on_device`, or the CPU.

    `source` is the data that a classifier is trained on. Raises ValueError for an unknown name, a
    file that is not such a network, and an extra that is not installed.
    """
    call = call_of(text)
    with torch.device("cpu"):   # also where a model is made without values, to be measured
        extractor: Extractor = extractors.build(call, source)
    extractor.network.to(DEVICE.get() if device is None else choose_device(str(device)))
    return extractor


def call_of(text: object) -> Call:
    """Read "name", "name(option=2)", "onnx:PATH" or "run:PATH"."""
    name, colon, path = str(text).strip().partition(":")
    if colon and name in OF_FILES:
        if not path:
            raise ValueError(f"{name}: needs a path, as in {name}:PATH")
        return Call(name, (path,))
    if colon and name.isidentifier():
        raise ValueError(f"no feature extractor is written {name}:PATH; "
                         f"{did_you_mean(name, OF_FILES)}")
    return read(text)


def digest_of(tensors: dict[str, Tensor]) -> str:
    """The first SHORT hex digits of the SHA-256 of tensors and their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)} ".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:SHORT]


def as_images(x: Any) -> Tensor:
    """Images (N, H, W) or (N, H, W, C), of 8 or 16 bits or of floats from 0 to 1, as a float32
    tensor (N, C, H, W) in [0, 1]. Raises ValueError."""
    if isinstance(x, list | tuple) and len({np.shape(image) for image in x}) > 1:
        raise ValueError("images that are looked at together have one size; pass those of each "
                         "size by themselves, or bring them to one")
    values = np.asarray(x)
    values = values[..., None] if values.ndim == 3 else values
    if values.ndim != 4 or not len(values):
        raise ValueError(f"images are an array (N, H, W) or (N, H, W, C), not of shape "
                         f"{np.shape(x)}")
    if values.dtype in BITS:
        values = values.astype(np.float32) / BITS[values.dtype]
    elif not np.issubdtype(values.dtype, np.floating):
        raise ValueError(f"images of type {values.dtype} have no known white; pass 8 or 16 bits, "
                         f"or floats from 0 to 1")
    low, high = float(values.min()), float(values.max())
    if not (low >= -MARGIN and high <= 1 + MARGIN):   # also if one is not finite
        raise ValueError(f"images of floats must lie in [0, 1], and these lie in [{low:.4g}, "
                         f"{high:.4g}]; scale them first, so that white is 1")
    images = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    return images.permute(0, 3, 1, 2)


def as_floats(image: np.ndarray) -> np.ndarray:
    """One image (H, W, C) as floats in [0, 1]; see `as_images`."""
    floats: np.ndarray = as_images(image[None])[0].permute(1, 2, 0).numpy()
    return floats


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (B, C, H, W) brought to (height, width): bilinear, antialiased where they shrink."""
    if tuple(x.shape[-2:]) == size:
        return x
    return functional.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)


def frozen(network: nn.Module) -> nn.Module:
    """A network whose weights never change, in evaluation mode."""
    network.zero_grad(set_to_none=True)
    return network.eval().requires_grad_(False)

