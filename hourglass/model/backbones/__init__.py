"""Backbones: encoder and decoder, `(shape, out, **options) -> Backbone`.

The encoder gives h (B, *code) and skips; the decoder takes them back to (B, *out). `shape` is that
of one x, `out` that of the decoder's output, which has more channels where a likelihood asks so.
"""

from . import conv, conv1d, mlp, spectral_norm, unet
