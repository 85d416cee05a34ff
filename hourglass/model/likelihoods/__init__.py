"""Likelihoods p(x|z): modules from the decoder's output (B, *out) to a distribution over x.

`support` is the range of x; `out(shape)` is the shape of the decoder's output for x of that shape.
`log_prob(x)` is per value, (B, *shape), and `mean` (B, *shape) is the reconstruction.
`discrete` says whether `log_prob` is a probability of stored values, or a density.
`per_value` converts the mean of -log p(x|z) to the error that Keras tutorials print, with its name,
if they differ only by constants. `counts` means that the data must stay unscaled.
`start(x, known)` gives decoder outputs (*out) that fit samples x (N, *shape) without seeing each.
`ranks` means that its mean ranks items, so that epochs are compared by their ranking.
`shown(x)` is the encoder's input for x. `adapt(px, x, known)` adjusts p(x|z) to a training batch.
"""

from . import (
    basic,
    continuous_bernoulli,
    counts,
    discretised,
    mixed,
    mixture_of,
    multinomial,
    normal,
    student_t,
    tokens,
)
