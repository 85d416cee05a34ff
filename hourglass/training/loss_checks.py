"""Checks of a loss formula: the effective beta, negative weights, ramps that are too long, and
features that it sees."""

import math

from ..core.part_contracts import UsesFeatures, offers
from ..data.split_data import Source
from ..model.objective import Objective


def effective_beta(objective: Objective, shape: tuple[int, ...]) -> str:
    """Describe the KL's weight relative to the summed reconstruction loss. It is the same for
    beta * kl and for a weight on the reconstruction."""
    weights = objective.weights
    if "kl" not in weights or not weights.get("recon"):
        return ""
    beta = weights["kl"] / weights["recon"]
    ramp = objective.ramps.get("kl")
    begins = f"from {ramp.start / ramp.end * beta:g} to " if ramp and ramp.end else ""
    return (f"effective beta {begins}{beta:g}: the KL's weight, with recon as a sum over "
            f"{math.prod(shape):,} values. With their mean, it is {beta / math.prod(shape):.3g}")


def negative_weights(objective: Objective) -> list[str]:
    """A warning for every term with a negative weight, which training would maximise."""
    return [f"the weight of {name} is {weight:g}: training will make {name} as large as it can"
            for name, weight in objective.weights.items() if weight < 0]


def ramps_too_long(objective: Objective, epochs: int, batches: float) -> list[str]:
    """A warning for every ramp that ends later than `epochs` epochs of `batches` batches."""
    return [f"the ramp of {name} takes {length:.3g} epochs and the run has {epochs}, so it does "
            f"not reach {ramp.end:g}. The last epoch's weights are kept, not the best ones. "
            f"Shorten the ramp, or pass more --epochs"
            for name, ramp in objective.ramps.items()
            if (length := ramp.epochs_long(epochs, max(1, math.ceil(batches)))) > epochs]


def features_used(objective: Objective, source: Source) -> list[str]:
    """A note on every term of a feature extractor. Raises ValueError unless the data is images from
    0 to 1, which extractors take."""
    notes = [term.used for term in objective.terms.values() if offers(term, UsesFeatures)]
    if notes and (source.low < 0 or source.high > 1):
        known = math.isfinite(source.high - source.low)
        lies = f"goes from {source.low:g} to {source.high:g}" if known else "has no known white"
        raise ValueError(f"a loss of features needs images from 0 to 1, and this data {lies}; "
                         f"leave the features out of the loss, or scale the data by --range")
    return notes
