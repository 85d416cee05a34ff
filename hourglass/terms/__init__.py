"""Terms of the loss: `(model, **options)` -> `(out, model) -> (B,)`.

A term sums over dimensions and leaves the batch; weights belong to the formula, not to the term.
"""

from . import basic, divergence
