"""Loss terms: `(model, **options)` -> `(out, model) -> (B,)`.

A term sums over dimensions and keeps the batch; weights belong to the formula, not to the term. A
term that is a module is trained with the model. A term with a `rival` trains a discriminator: the
term sends no gradient to its weights, and `rival_loss(out, model)`, (B,), only to its weights;
`rate` multiplies the model's learning rate for it. Epochs are compared without such a term. A term
with `fixed(out)`, (B,), is replaced by that where epochs are compared. A term with `at(clock)` gets
the training's progress, or None for full strength. A loss that samples its own codes calls
`log_likelihood`.
"""

from . import (
    adversarial,
    composite_kl,
    constrained,
    equivariance,
    hamiltonian,
    importance_bounds,
    joint_kl,
    kl,
    patch_discriminator,
    perceptual,
    prior_matching,
    properties,
    reconstruction,
    riemannian,
    semi_supervised,
    smoothness,
    sparsity,
    total_correlation,
)
