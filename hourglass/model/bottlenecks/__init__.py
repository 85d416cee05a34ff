"""Bottlenecks: `(code, back, **options)` -> a module, h (B, *code) -> Latent.

`expand(z)` leads back to the decoder's h (B, *back); `sample_prior(n)` draws z (N, D) on the CPU.
`confined` says whether training draws the codes towards that prior.
`forward(h, draw)` draws z from the posterior only if asked to; else z is its mean.
Discrete codes have an `alphabet`; where a place's words are of several codebooks, `books` says how
many. `settle(z)` leads to the nearest codes that the decoder knows, where those are not all z.
"""

from . import (
    categorical,
    flow,
    gamma,
    gaussian,
    ladder,
    mixture,
    plain,
    poincare,
    scalar_quantisation,
    sphere,
    topk,
    vamp,
    vector_quantisation,
)
