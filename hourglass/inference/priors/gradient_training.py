"""Train priors with weights: Adam on the codes, keeping the weights with the best loss on held-out
codes."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...core.console import track
from ...core.random_numbers import seeded

BATCH = 512
HELD_OUT = 0.1
LEAST, MOST = 500, 3000    # steps
PASSES = 100               # most passes over the codes
OFTEN = 200                # steps between evaluations on held-out codes


class CodeScaling(nn.Module):
    """Standardise codes per latent dimension, and back."""

    mean: Tensor
    std: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))

    def fit(self, z: Tensor) -> None:
        """Learn the codes' mean and standard deviation."""
        self.mean, self.std = z.mean(0), z.std(0, correction=0).clamp(min=1e-6)

    def forth(self, z: Tensor) -> Tensor:
        """Standardise codes."""
        return (z - self.mean) / self.std

    def back(self, u: Tensor) -> Tensor:
        """Undo `forth`."""
        return u * self.std + self.mean


def learn(
    model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], z: Tensor, y: Tensor, what: str,
    lr: float = 2e-3, batch: int = BATCH, most: int = MOST,
) -> None:
    """Train `model` with this loss on codes (B, ...) of groups (B,), for at most `most` steps.
    `what` names the progress bar."""
    order = torch.randperm(len(z))
    val = order[:min(int(HELD_OUT * len(z)), 2000)]
    train = order[len(val):]
    steps = int(min(most, max(LEAST, PASSES * len(train) // batch)))
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps, pct_start=0.1)
    best, kept = float("inf"), copy.deepcopy(model.state_dict())
    for step in track(range(1, steps + 1), steps, what):
        rows = train[torch.randint(len(train), (batch,))]
        optimiser.zero_grad(set_to_none=True)
        loss(z[rows], y[rows]).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimiser.step()
        schedule.step()
        if step % OFTEN == 0 or step == steps:
            score = _held_out(loss, z[val], y[val]) if len(val) else -float(step)
            if score < best:
                best, kept = score, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)


def _held_out(loss: Callable[[Tensor, Tensor], Tensor], z: Tensor, y: Tensor) -> float:
    """The mean loss, in the same noise at every look."""
    with seeded(1), torch.no_grad():
        return float(loss(z, y).mean())
