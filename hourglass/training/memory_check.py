"""Whether a model fits the memory of its device, asked before it is made."""

import torch

from ..core.device import memory_of
from ..model.summary import Summary, in_bytes


def check_memory(costs: Summary, device: torch.device, batch: int, sharers: int) -> None:
    """Raise ValueError for a model that does not fit the device, or those of all that share it,
    before it is made. A GPU that is too small for a batch says so in time, and the batch is split;
    a processor's memory does not."""
    cards = sharers if device.type == "cuda" else 1   # processes on a processor share its memory
    needed, there = costs.training_memory(2), cards * memory_of(device)
    whole = costs.training_memory(batch)
    if needed > there:
        raise ValueError(f"this model has {costs.parameters['whole']:,} parameters, and a training "
                         f"step needs at least {in_bytes(needed)}; {device} has "
                         f"{in_bytes(there)}. Make its layers, its code or --size smaller")
    if device.type == "cpu" and whole > there:
        raise ValueError(f"a training step of {batch} samples needs at least {in_bytes(whole)}, "
                         f"and {device} has {in_bytes(there)}. Make --batch-size, the layers or "
                         f"--size smaller")
