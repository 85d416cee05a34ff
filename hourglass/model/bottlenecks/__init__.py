"""Bottlenecks: `(code, back, **options)` -> a module, h (B, *code) -> Latent.

`expand(z)` maps z to the decoder's h (B, *back). `sample_prior(n)` draws z (N, D) on the CPU.
`forward(h, draw)` samples z from the posterior if `draw` is true; otherwise z is its mean.
`confined` says whether training pulls the codes towards that prior.
Discrete codes have an `alphabet`; `books` counts the codebooks behind one position.
`settle(z)` returns the nearest valid codes, if not every z is valid.
"""

from . import (
    categorical,
    flow,
    gamma,
    gaussian,
    gaussian_map,
    ladder,
    mixture,
    nothing,
    plain,
    poincare,
    scalar_quantisation,
    sphere,
    topk,
    vamp,
    vector_quantisation,
)
