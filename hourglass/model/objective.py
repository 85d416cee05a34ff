"""The loss: a weighted sum of terms, such as "recon + 4 * kl" or "recon + ramp(0, 4) * kl"."""

from typing import Any

import torch
from torch import Tensor, nn

from ..core.contracts import Clock, Output
from ..core.expressions import read_sum
from ..core.part_contracts import (
    Adversarial,
    CountsHidden,
    Fixed,
    LearnsProperties,
    Scheduled,
    offers,
)
from ..core.registry import ramps, terms
from .weight_schedules import Ramp


class Objective(nn.Module):
    """The weighted sum of loss terms, plus the bottleneck's penalties.

    Every term gives (B,), summed over dimensions; the total is the mean over the batch. Terms have
    their full weight, except between `at(clock)` and `at(None)`.
    """

    def __init__(self, formula: str, model: nn.Module):
        super().__init__()
        summands = read_sum(formula)
        names = [s.call.name for s in summands]
        if len(set(names)) < len(names):
            raise ValueError(f"{formula!r} has a term twice")
        self.factors = {s.call.name: s.weight for s in summands}
        self.ramps: dict[str, Ramp] = {s.call.name: ramps.build(s.ramp)
                                       for s in summands if s.ramp is not None}
        self.terms = {s.call.name: terms.build(s.call, model) for s in summands}
        self.learned = nn.ModuleList(t for t in self.terms.values() if isinstance(t, nn.Module))
        self.rivals = {n: t for n, t in self.terms.items() if offers(t, Adversarial)}
        self.fixed = {n: t for n, t in self.terms.items() if offers(t, Fixed)}
        # a tensor: a compiled network would be compiled again for every new number
        self.register_buffer("now", torch.tensor(self._weights(None)), persistent=False)

    @property
    def weights(self) -> dict[str, float]:
        """The full weight of every term."""
        return dict(zip(self.terms, self._weights(None), strict=True))

    @property
    def moving(self) -> list[str]:
        """Names of the terms whose meaning changes in training, by a discriminator or a weight."""
        return [name for name in self.terms if name in self.rivals or name in self.fixed]

    @property
    def only_hidden(self) -> bool:
        """Whether the reconstruction counts only the values that a corruption hid."""
        recon: Any = self.terms.get("recon")
        return offers(recon, CountsHidden) and bool(recon.hidden)

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the samples' properties that a term learns."""
        return tuple(name for term in self.terms.values() if offers(term, LearnsProperties)
                     for name in term.names)

    def at(self, clock: Clock | None) -> None:
        """Set the weights for the current progress, or to their full values."""
        for term in self.terms.values():
            if offers(term, Scheduled):
                term.at(clock)
        if self.ramps:
            self.get_buffer("now").copy_(torch.tensor(self._weights(clock)))

    def is_ramping(self, clock: Clock) -> bool:
        """Whether a weight has not yet reached its end."""
        return any(ramp.progress(clock) < 1 for ramp in self.ramps.values())

    def selection(self, out: Output, parts: dict[str, Tensor]) -> Tensor:
        """The loss that epochs are compared by, a scalar: it must not depend on a discriminator,
        nor on a weight that is learnt. Such a term is left out, or replaced by its `fixed` form."""
        weights = dict(zip(self.terms, self.get_buffer("now"), strict=True))
        moving = self.moving
        fixed = {name: part for name, part in parts.items() if name not in moving}
        fixed |= {name: term.fixed(out) for name, term in self.fixed.items()}
        zero = out.x.new_zeros(len(out.x))
        return sum((weights.get(name, 1.0) * part for name, part in fixed.items()), zero).mean()

    def rival_losses(self, out: Output, model: nn.Module) -> dict[str, Tensor]:
        """Losses of the discriminators, {name: scalar}. Each has a gradient only in its
        discriminator, where the term itself has none, so one backward pass trains both sides."""
        return {f"rival_{name}": discriminator.rival_loss(out, model).mean()
                for name, discriminator in self.rivals.items()}

    def rival_weights(self) -> list[tuple[list[nn.Parameter], float]]:
        """For every discriminator: its weights, and its learning rate relative to the model's."""
        return [(list(term.rival.parameters()), term.rate) for term in self.rivals.values()]

    def _weights(self, clock: Clock | None) -> list[float]:
        return [factor * (1.0 if (ramp := self.ramps.get(name)) is None else
                          ramp.end if clock is None else ramp.weight(clock))
                for name, factor in self.factors.items()]

    def forward(self, out: Output, model: nn.Module) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, a scalar, and {name: (B,)} of its unweighted parts."""
        parts = {name: term(out, model) for name, term in self.terms.items()}
        parts.update(out.latent.penalties)
        for name, part in parts.items():
            if part.shape != out.x.shape[:1]:
                raise TypeError(f"term {name!r} gave {tuple(part.shape)}, not {(len(out.x),)}")
        weights = dict(zip(self.terms, self.get_buffer("now"), strict=True))
        weighed = [weights[name] * part if name in weights else part
                   for name, part in parts.items()]
        return sum(weighed[1:], weighed[0]).mean(), parts
