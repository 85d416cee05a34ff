"""Likelihoods p(x|z): modules from the decoder's output (B, *out) to a distribution over x.

`support` is where x may lie; `out(shape)` is what the decoder must put out for x of that shape.
`log_prob(x)` is of every value, (B, *shape), and `mean` (B, *shape) is the reconstruction.
`discrete` says whether these are probabilities of the values that data is stored as, or densities.
`per_value` turns the mean of -log p(x|z) into the error that the tutorials print, under its own
name, where the two differ by constants only. One that has `counts` wants its data unscaled; one
with `start(x, known)` says what the decoder would put out, (*out), to fit samples x (N, *shape)
without knowing anything of each; one with `shown(x)` says what the encoder sees of x; one with
`adapt(px, x, known)` is given every training batch and says what p(x|z) is there.
"""

from . import basic, continuous_bernoulli, counts, discretised, mixed, normal, student_t
