"""A convolutional network with random weights: an untrained extractor, for comparison."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ...core.features import Extractor, Looked, digest_of, frozen
from ...core.hints import Seed
from ...core.random_numbers import seeded
from ...core.registry import extractors

WIDTHS = (3, 32, 64, 128, 256)


@extractors.add("random")
def random(source: Any, seed: Seed = 0) -> Extractor:
    """A convolutional network with random weights, drawn by `seed` (He et al., 2016, arXiv
    1606.04801): maps at strides of 2, 4, 8 and 16 pixels. It is the baseline of the others."""
    with seeded(seed):
        network = frozen(_Layers())
    strides = tuple(2 ** i for i in range(1, len(WIDTHS)))
    about = (f"a network with random weights of seed {seed}; images in [0, 1]; each side is "
             f"brought to a multiple of {strides[-1]} pixels")
    text = f"random(seed={seed})" if seed else "random"
    return Extractor(text, digest_of(network.state_dict()), about, network, 3, strides, strides[-1])


class _Layers(nn.Module):
    """x (B, 3, H, W) in [0, 1] -> a map after each layer, and the means of all, (B, 480)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(n, m, 3, 2, 1) for n, m in pairwise(WIDTHS))
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Looked:
        h, maps = 2 * x - 1, []
        for layer in self.layers:
            h = torch.relu(layer(h))
            maps.append(h)
        return tuple(maps), torch.cat([feature_map.mean((2, 3)) for feature_map in maps], 1)
