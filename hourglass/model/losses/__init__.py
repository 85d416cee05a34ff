"""Terms of the loss: `(model, **options)` -> `(out, model) -> (B,)`.

A term sums over dimensions and leaves the batch; weights belong to the formula, not to the term. A
term that is a module learns with the model. One that has a `rival` learns against it: it sends no
gradient into the rival's weights; `rival_loss(out, model)`, (B,), sends one into them alone, and
`rate` is the rival's learning rate as a multiple of the model's. Epochs are compared without it, or
with what its `fixed(out)`, (B,), gives in its place. A term with `at(clock)` is told
how far the run is, or None where it should count in full. Where the loss draws codes of its own, it
asks `log_likelihood`.
"""

from . import (
    adversarial,
    hamiltonian,
    importance_bounds,
    joint_kl,
    kl,
    perceptual,
    prior_matching,
    reconstruction,
    riemannian,
    semi_supervised,
    smoothness,
    sparsity,
    total_correlation,
)
