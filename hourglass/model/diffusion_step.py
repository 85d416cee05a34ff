"""One step of the training of latent diffusion, and the moving average of its weights."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..core.contracts import Clock
from .latent_diffusion import Condition, LatentDiffusion, dropped


@dataclass(frozen=True)
class Conditions:
    """The conditions of each latent: its class, and one of its texts.

    `y` (N,) are classes, -1 for none. The texts of sample i are those numbered
    `texts[starts[i]:starts[i + 1]]`; `features` holds the text encoder's output for each.
    """

    y: Tensor
    starts: Tensor
    texts: Tensor
    features: Any   # (U, K), in memory or on disk

    def of_samples(self, rows: Tensor, chance: Tensor) -> Condition:
        """Of samples with these numbers (B,). Uniform numbers (B,) choose among their texts."""
        at = rows.cpu()
        first, count = self.starts[at], self.starts[at + 1] - self.starts[at]
        chosen = first + (chance.cpu() * count).long().clamp(max=(count - 1).clamp(min=0))
        there = count > 0
        if not len(self.texts):
            empty = torch.zeros(len(at), 1, device=rows.device)
            return Condition(self.y[at].to(rows.device), empty, there.to(rows.device))
        number = self.texts[torch.where(there, chosen, 0)]
        text = self.features.index_select(0, number).float()
        return Condition(self.y[at].to(rows.device), text.to(rows.device), there.to(rows.device))


class MovingAverage:
    """In the place of a loss formula: before each step, the averaged weights follow the trained
    ones (Polyak & Juditsky, 1992), at first faster."""

    weights: dict[str, float] = {}   # noqa: RUF012
    terms: dict[str, Any] = {}       # noqa: RUF012
    ramps: dict[str, Any] = {}       # noqa: RUF012
    rivals: dict[str, Any] = {}      # noqa: RUF012
    only_hidden = True               # no reconstruction to measure

    def __init__(self, trained: nn.Module, averaged: nn.Module, decay: float):
        self.trained, self.averaged, self.decay = trained, averaged, decay

    @torch.no_grad()
    def at(self, clock: Clock | None) -> None:
        """Average, before the step that the clock counts; nothing at None."""
        if clock is None:
            return
        decay = min(self.decay, (1 + clock.step) / (10 + clock.step))
        pairs = zip(self.averaged.parameters(), self.trained.parameters(), strict=True)
        for slow, fast in pairs:
            slow.lerp_(fast.detach(), 1 - decay)

    def is_ramping(self, clock: Clock) -> bool:
        """Never."""
        return False


class DiffusionStep(nn.Module):
    """The denoiser, its loss and its averaged weights, which are those that are used and
    evaluated."""

    def __init__(self, model: LatentDiffusion, conditions: Conditions, decay: float):
        super().__init__()
        self.model, self.averaged = model, deepcopy(model).requires_grad_(False)
        self.conditions = conditions
        self.objective = MovingAverage(self.model, self.averaged, decay)
        self.single: set[str] = set()

    def forward(
        self, x: Tensor, y: Tensor, encoder_input: Tensor | None = None,
        known: Tensor | None = None, properties: Tensor | None = None, closely: bool = False,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean squared error of a batch of latents x (B, *shape), with the numbers y (B,) of
        their samples. In training, some samples lose class or text. The noise is torch's."""
        network = self.model if self.training else self.averaged
        count, device = len(x), x.device
        chance = torch.rand(2, count)
        conditions = self.conditions.of_samples(y, chance[0])
        if self.training:
            conditions = dropped(conditions, chance[1].to(device), bool(network.classes),
                                 bool(network.texts))
        sigma = network.noising.draw(torch.randn(count)).to(device)
        loss = network.loss(network.standardised(x), sigma, torch.randn_like(x), conditions).mean()
        return loss, {"loss": loss}
