"""The encoder of a user's own run as a feature extractor."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.features import SHORT, Extractor, Looked, frozen
from ...core.registry import extractors
from ...model.autoencoder import Autoencoder
from ...run.folder import digest, open_run
from ...run.weights import read_model


@extractors.add("run", example="run('runs/1')")
def run(source: Any, path: str) -> Extractor:
    """The encoder of a trained run, also written run:PATH: its maps at every size, and the latent
    code as the vector. Images are brought to the size that it was trained on."""
    folder = open_run(path)
    model, description = read_model(folder)
    if len(model.shape) != 3 or model.shape[0] not in (1, 3):
        raise ValueError(f"{path} was trained on samples of shape {tuple(model.shape)}; an "
                         f"extractor needs a model of images with one or three channels")
    if model.condition is not None:
        raise ValueError(f"{path} is a conditional model, whose codes depend on a class; use a "
                         f"model without one")
    if not description.bounded:
        raise ValueError(f"{path} was trained on images in own units, not from 0 to 1; use a model "
                         f"of 8-bit images")
    channels, height, width = model.shape
    network = frozen(_Encoder(model))
    with torch.no_grad():
        maps, _ = network(torch.zeros(1, channels, height, width))
    strides = tuple(max(1, round(height / feature_map.shape[-2])) for feature_map in maps)
    mark = digest(folder)[:SHORT]
    about = (f"the encoder of {path} ({mark}); images in [0, 1], brought to {height}x{width} "
             f"pixels by antialiased bilinear interpolation")
    return Extractor(f"run:{path}", mark, about, network, channels, strides, 1, (height, width))


class _Encoder(nn.Module):
    """x (B, C, H, W) -> the encoder's last map of each size, and the code (B, D)."""

    def __init__(self, model: Autoencoder):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Looked:
        maps: dict[tuple[int, ...], Tensor] = {}

        def keep(layer: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[-2:]) > 1:
                maps[tuple(output.shape[-2:])] = output
        handles = [layer.register_forward_hook(keep) for layer in self.model.encoder.modules()]
        try:
            latent, _ = self.model.encode(x)
        finally:
            for handle in handles:
                handle.remove()
        return tuple(maps.values()), latent.z.flatten(1)
