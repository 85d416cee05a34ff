"""Where the numbers of a distribution may lie."""

from torch.distributions import Distribution, constraints


def support_of(density: Distribution | None) -> constraints.Constraint | None:
    """Where each of its numbers may lie; None where it does not say so."""
    try:
        found = density.support if density is not None else None
    except NotImplementedError:
        return None
    while isinstance(found, constraints.independent):   # of several numbers together
        found = found.base_constraint
    return found
