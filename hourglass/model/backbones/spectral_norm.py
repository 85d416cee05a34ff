"""A wrapper around a backbone that limits the slopes of its decoder."""

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ...core.contracts import Backbone
from ...core.registry import backbones, usual_backbone
from .layers import ToOneMap

NORMALISED = (nn.Linear, nn.Conv1d, nn.ConvTranspose1d, nn.Conv2d, nn.ConvTranspose2d)


@backbones.add("spectral")
def spectral(shape: tuple[int, ...], out: tuple[int, ...], of: str = "auto") -> Backbone:
    """Another backbone with spectral normalisation in its decoder: each layer's weights are divided
    by their largest singular value, as in --decoder spectral. of="auto" wraps the model's own
    backbone (Miyato et al., 2018, arXiv 1802.05957; RAE-SN: Ghosh et al., 2020, arXiv
    1903.12436)."""
    if of.partition("(")[0].strip() == "spectral":
        raise ValueError("spectral wraps another backbone, such as spectral('conv')")
    encoder, decoder, code = backbones.make(usual_backbone(shape) if of == "auto" else of, shape,
                                            out)
    sums = {module.conv for module in decoder.modules() if isinstance(module, ToOneMap)}
    for layer in list(decoder.modules()):
        if isinstance(layer, NORMALISED):
            # the sum over channels is one convolution, whose matrix is a single row
            spectral_norm(layer, dim=1 if layer in sums else None)
    return Backbone(encoder, decoder, code)
