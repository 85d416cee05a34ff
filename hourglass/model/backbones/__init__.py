"""Backbones: encoder and decoder, `(shape, out, **options) -> Backbone`.

The encoder returns h (B, *code) and skips; the decoder maps them to (B, *out). `shape` is that of
one x. `out` is that of the decoder's output, which has more channels for some likelihoods.
"""

from . import (
    conv,
    conv1d,
    conv_gru,
    items,
    members,
    mlp,
    recurrent,
    resnet,
    spectral_norm,
    stars,
    tcn,
    transformer,
    unet,
    vit,
)
