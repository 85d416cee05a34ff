"""Backbones: encoder and decoder, `(shape, out, **options) -> Backbone`.

The encoder returns h (B, *code) and skips; the decoder maps them to (B, *out). `shape` is that of
one x. `out` is that of the decoder's output, which has more channels for some likelihoods.
"""

from . import (
    chosen_items,
    conv,
    conv1d,
    conv_gru,
    members,
    mlp,
    ratings,
    recurrent,
    resnet,
    spectral_norm,
    tcn,
    transformer,
    unet,
    vit,
)
