"""A user's own feature network in an ONNX file. Such a file describes a network and cannot run
other code."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.features import SHORT, Extractor, Looked
from ...core.registry import extractors

TRIAL = 64   # pixels a side of the image that shows the outputs of a network of any size


@extractors.add("onnx", example="onnx('features.onnx')")
def onnx(source: Any, path: str) -> Extractor:
    """A feature network in an ONNX file, also written onnx:PATH: images (B, C, H, W) in [0, 1] to
    maps (B, K, H', W'), from shallow to deep, or to a vector (B, F), or both. It runs on the CPU,
    and no gradient passes through it."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"there is no file {path}, which would hold a feature network as ONNX")
    return _opened(str(file.resolve()), path, file_mark(str(file)))


def file_mark(path: str) -> str:
    """The first hex digits of a file's SHA-256."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:SHORT]


def first_output(network: nn.Module, x: Tensor) -> Tensor:
    """The first output of a network for images x (B, C, H, W), as vectors (B, F)."""
    session: Any = network
    return torch.from_numpy(session.run(x)[0]).flatten(1)


@lru_cache(maxsize=4)   # by the digest, too: another file of that name is another network
def _opened(file: str, path: str, digest: str) -> Extractor:
    network, shape = open_network(file, path)
    channels = shape[1] if shape[1] == 1 else 3
    fixed = all(isinstance(side, int) for side in shape[2:])
    size = (int(shape[2]), int(shape[3])) if fixed else None
    try:
        maps, _ = network(torch.rand(1, channels, *(size or (TRIAL, TRIAL))))
    except Exception as error:   # of onnxruntime's many kinds, with no base of their own
        raise ValueError(f"{path} does not take an image of {channels} channels: "
                         f"{in_a_line(error)}") from None
    height = size[0] if size else TRIAL
    strides = tuple(max(1, round(height / feature_map.shape[-2])) for feature_map in maps)
    brought = (f"brought to {size[0]}x{size[1]} pixels by antialiased bilinear interpolation"
               if size else "at their own size")
    about = f"the outputs of {Path(path).name} (sha256 {digest}); images in [0, 1], {brought}"
    return Extractor(f"onnx:{path}", digest, about, network, channels, strides, 1, size, False)


def open_network(file: str, path: str) -> tuple[nn.Module, list[Any]]:
    """The network of an ONNX file, and the shape (B, C, H, W) that its input declares: numbers, or
    names of free sizes. Raises ValueError."""
    try:
        import onnxruntime
    except ImportError:
        raise ValueError("features of an ONNX file need an extra: pip install "
                         "'hourglass[features]'") from None
    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        (network_input,) = session.get_inputs()
        batch, channels, _, _ = shape = list(network_input.shape)
    except Exception as error:   # of onnxruntime's many kinds, with no base of their own
        raise ValueError(f"{path} is not an ONNX network of one input (B, C, H, W): "
                         f"{in_a_line(error)}") from None
    if isinstance(channels, int) and channels not in (1, 3):
        raise ValueError(f"{path} takes {channels} channels; a feature network takes images of one "
                         f"or three, (B, C, H, W)")
    if isinstance(batch, int) and batch != 1:
        raise ValueError(f"{path} takes exactly {batch} images at once; export it again with a "
                         f"free number of them")
    return _Session(session, network_input.name, batch == 1), shape


def in_a_line(error: Exception) -> str:
    """The first words of an error of onnxruntime, whose messages have many lines."""
    return " ".join(str(error).split())[:160]


class _Session(nn.Module):
    """x (B, C, H, W) -> outputs with four dimensions as maps; the first other one as the vector, or
    the mean of the last map."""

    def __init__(self, session: Any, name: str, singly: bool):
        super().__init__()
        self.session, self.name, self.singly = session, name, singly   # one image at a time

    def run(self, x: Tensor) -> list[Any]:
        """All outputs, in the order of the file, as arrays."""
        parts = [self.session.run(None, {self.name: part.numpy()})
                 for part in x.float().cpu().split(1 if self.singly else len(x))]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    @torch.no_grad()
    def forward(self, x: Tensor) -> Looked:
        outputs = [torch.from_numpy(output).to(x.device) for output in self.run(x)]
        maps = tuple(output for output in outputs if output.ndim == 4 and output.shape[-1] > 1)
        flat = [output.flatten(1) for output in outputs
                if output.ndim != 4 or output.shape[-1] == 1]
        return maps, flat[0] if flat else maps[-1].mean((2, 3))
