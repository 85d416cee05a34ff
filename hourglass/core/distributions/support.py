"""Where the numbers of a distribution may lie."""

from torch.distributions import Distribution, constraints


def support_of(density: Distribution | None) -> constraints.Constraint | None:
    """Where each of its numbers may lie; None where it does not say so."""
    try:
        support = density.support if density is not None else None
    except NotImplementedError:
        return None
    while isinstance(support, constraints.independent):   # of several numbers together
        support = support.base_constraint
    return support
