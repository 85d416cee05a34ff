"""Steering the KL: what the weights of a formula come to, and ramps that a run is too short for."""

import math

from ..model.objective import Objective


def effective_beta(objective: Objective, shape: tuple[int, ...]) -> str:
    """The KL's weight against the summed reconstruction, in words, however the formula puts it:
    beta * kl, or a weight on the reconstruction instead."""
    weights = objective.weights
    if "kl" not in weights or not weights.get("recon"):
        return ""
    beta = weights["kl"] / weights["recon"]
    ramp = objective.ramps.get("kl")
    begins = f"from {ramp.start / ramp.end * beta:g} to " if ramp and ramp.end else ""
    return (f"effective beta {begins}{beta:g}: as {beta / math.prod(shape):.3g} * kl beside the "
            f"mean over {math.prod(shape):,} values")


def negative_weights(objective: Objective) -> list[str]:
    """A word for every term whose weight asks for as much of it as can be."""
    return [f"the weight of {name} is {weight:g}: training will make {name} as large as it can"
            for name, weight in objective.weights.items() if weight < 0]


def ramps_too_long(objective: Objective, epochs: int, batches: float) -> list[str]:
    """A word for every ramp that does not end within so many epochs of so many batches."""
    return [f"the ramp of {name} takes {length:.3g} epochs and the run has {epochs}: it will not "
            f"reach {ramp.end:g}, and the last epoch's weights will be kept, not the best ones; "
            f"make it shorter, or give more --epochs"
            for name, ramp in objective.ramps.items()
            if (length := ramp.epochs_long(epochs, max(1, math.ceil(batches)))) > epochs]
