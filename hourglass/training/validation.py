"""Losses over a whole split, with the same noise each time, in one process or several."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..core.random_numbers import seeded
from ..data.split_data import Split
from ..model.loss_step import Step
from ..model.posterior_stats import Posterior, gathered

if TYPE_CHECKING:
    from lightning_fabric import Fabric

EVALUATION_SEED = 0    # seed of the noise, so that epochs can be compared
EVALUATION_BATCH = 250


def together(
    sums: dict[str, Tensor], count: int, fabric: "Fabric | None"
) -> tuple[dict[str, Tensor], int]:
    """Sum losses and counts over all processes."""
    if fabric is None or fabric.world_size == 1:
        return sums, count

    def summed(value: Tensor) -> Tensor:
        reduced: Any = fabric.all_reduce(value.detach().clone(), reduce_op="sum")
        return reduced
    counted = summed(torch.tensor(count, device=fabric.device))
    return {name: summed(value) for name, value in sums.items()}, int(counted)


@torch.no_grad()
def evaluate(
    step: Step, split: Split, fabric: "Fabric | None" = None, size: int = EVALUATION_BATCH,
    most: int | None = None,
) -> tuple[dict[str, float], Posterior | None]:
    """Mean losses over a split at full weights, each sample counted once, with the same noise at
    every call; and statistics of the posterior. Not compiled, as its batches have many sizes."""
    step.eval()
    step.objective.at(None)
    sums: dict[str, Tensor] = {}
    rank, world = (fabric.global_rank, fabric.world_size) if fabric else (0, 1)
    rows = torch.arange(min(len(split), most or len(split)))[rank::world]
    with seeded(EVALUATION_SEED, split.device):
        for chunk in rows.split(size):
            batch = split.batch(chunk)
            with fabric.autocast() if fabric else torch.autocast("cpu", enabled=False):
                _, losses = step(batch.x, batch.y, batch.encoder_input, batch.known,
                                 batch.properties, closely=True)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0) + value * len(batch.x)
    sums, count = together(sums, len(rows), fabric)
    posterior = gathered(sums, count)
    return {name: float(total) / count for name, total in sums.items()}, posterior
