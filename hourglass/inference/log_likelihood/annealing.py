"""Estimate log p(x) by annealed importance sampling, which is tighter where q(z|x) is poor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.distributions import constraints

from ...core.console import track
from ...core.contracts import Batch
from ...core.distributions.support import support_of
from ...data.split_data import Split
from ...model.autoencoder import Autoencoder
from ...model.losses.importance_weights import nats
from .importance import Weighed, summed_up
from .proposal import Posed, at_once, both, pose, redrawn, seed_of

PILOTS = 4           # chains that find the step sizes
LEAPS = 10           # leapfrog steps per transition (Wu et al.)
ACCEPTED = 0.65      # target acceptance rate for step sizes (Neal, 2011)
ADAPTING = 0.2       # speed of their adaptation, in the log
STEEP = 4.0          # temperatures follow a sigmoid from -4 to 4 (Wu et al.)
WIDTHS = 0.5         # first step size, in widths of the posterior's narrowest dimension, or
FIRST = 0.1          # this value if they are unknown
OTHER = 2**31        # offset between the seeds of codes and transitions


@dataclass(frozen=True)
class ChainState:
    """States of chains on the way from q(z|x) to p(x, z), with both log densities there."""

    z: Tensor            # (K, B, ...)
    of_q: Tensor         # (K, B) log q(z|x)
    joint: Tensor        # (K, B) log p(x, z)
    slopes: tuple[Tensor, Tensor]   # (K, B, ...) of both

    def log_density(self, share: float) -> Tensor:
        """Log density (K, B) at this share of the way between both."""
        return (1 - share) * self.of_q + share * self.joint

    def slope(self, share: float) -> Tensor:
        """The gradient of the density, (K, B, ...)."""
        return (1 - share) * self.slopes[0] + share * self.slopes[1]


@dataclass
class StepSizes:
    """Step size of each sample, (B,), at each temperature."""

    now: Tensor
    per_temperature: list[Tensor] = field(default_factory=list)

    def adapt(self, accepted: Tensor) -> None:
        """Store the size that was used, and adapt the next one to the target acceptance rate.
        accepted is (K, B)."""
        self.per_temperature.append(self.now)
        self.now = self.now * torch.exp(ADAPTING * (accepted.float().mean(0) - ACCEPTED))


def check_space(model: Autoencoder, batch: Batch) -> None:
    """Raise ValueError if codes cannot move freely, or have no density everywhere."""
    if not redrawn(both(model.encode(batch.seen, batch.y)[0])[0]):
        raise ValueError("annealed importance sampling needs a factorised posterior, such as "
                         "gaussian(16)")
    for density in both(model.encode(batch.seen, batch.y)[0]):
        if support_of(density) is not constraints.real:
            raise ValueError("annealed importance sampling needs unbounded codes, such as those "
                             f"of gaussian(16); the support of {type(density).__name__} is bounded "
                             f"or unknown")


@torch.no_grad()
def anneal(
    model: Autoencoder, split: Split, rows: Tensor, steps: int, chains: int, seed: int = 0
) -> Weighed:
    """-log of the mean weight of chains from q(z|x) to p(x, z), by Hamiltonian transitions, for the
    samples at rows (N,) of a split (Neal, 2001; Wu et al., 2017, arXiv 1611.04273).

    Separate pilot chains find the step sizes first: if the weighted chains adapted themselves,
    their mean weight would not estimate p(x). With one step, this is importance sampling.
    """
    group = max(1, at_once(split.batch(rows[:1]).x) // chains)
    rise = torch.linspace(-STEEP, STEEP, steps + 1).sigmoid().double()
    shares = ((rise - rise[0]) / (rise[-1] - rise[0])).tolist()
    estimates = []
    for chunk in rows.split(group):
        posed = pose(model, split, chunk, chains + PILOTS, seed)
        noise = [torch.Generator(split.device).manual_seed(seed_of(split, row, seed + OTHER))
                 for row in chunk.split(1)]
        sizes, what = _first(posed), f"annealing {len(chunk):,} of {len(rows):,} samples"
        if steps > 1:
            _walk(posed, posed.z[chains:], shares, sizes, noise, f"{what}: step sizes")
        estimates.append(summed_up(_walk(posed, posed.z[:chains], shares, sizes, noise, what)))
    return Weighed(*(np.concatenate(parts) for parts in zip(*estimates, strict=True)))


def _first(posed: Posed) -> StepSizes:
    """Initial step sizes, (B,)."""
    try:
        return StepSizes(WIDTHS * both(posed.latent)[0].stddev.flatten(1).min(1).values)
    except NotImplementedError:
        return StepSizes(torch.full(posed.z.shape[1:2], FIRST, device=posed.z.device))


def _at(posed: Posed, z: Tensor) -> ChainState:
    """The state of chains at codes z (K, B, ...)."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        of_q, of_p = (nats(density, z).double() for density in both(posed.latent))
        joint = posed.likely(z) + of_p
        slopes = (torch.autograd.grad(of_q.sum(), z)[0], torch.autograd.grad(joint.sum(), z)[0])
    return ChainState(z.detach(), of_q.detach(), joint.detach(), slopes)


def _walk(
    posed: Posed, z: Tensor, shares: Sequence[float], sizes: StepSizes,
    noise: Sequence[torch.Generator], what: str,
) -> Tensor:
    """Log weights (K, B) of chains that start at z. Without stored sizes, it adapts them."""
    finding, place = not sizes.per_temperature, _at(posed, z)
    log_w = torch.zeros_like(place.joint)
    for step, (before, share) in enumerate(track(list(pairwise(shares)), len(shares) - 1, what)):
        log_w += (share - before) * (place.joint - place.of_q)
        if share < 1:
            size = sizes.now if finding else sizes.per_temperature[step]
            place, accepted = _move(posed, place, share, size, noise)
            if finding:
                sizes.adapt(accepted)
    return log_w


def _move(
    posed: Posed, place: ChainState, share: float, size: Tensor, noise: Sequence[torch.Generator]
) -> tuple[ChainState, Tensor]:
    """A Hamiltonian transition that keeps the density at this share of the way (Duane et al.,
    1987). Returns the new state, and which chains moved, (K, B)."""
    z, device = place.z, place.z.device
    speed = torch.stack([torch.randn(z[:, 0].shape, generator=g, device=device) for g in noise], 1)
    chance = torch.stack([torch.rand(len(z), generator=g, device=device) for g in noise], 1)
    step = size.view(-1, *[1] * (z.ndim - 2))
    before = place.log_density(share) - _motion(speed)
    there = place
    speed = speed + step / 2 * place.slope(share)
    for leap in range(LEAPS):
        there = _at(posed, there.z + step * speed)
        speed = speed + (step if leap < LEAPS - 1 else step / 2) * there.slope(share)
    gained = there.log_density(share) - _motion(speed) - before
    accepted = chance.double().log() < gained.nan_to_num(-math.inf)
    return _either(accepted, there, place), accepted


def _motion(speed: Tensor) -> Tensor:
    """Kinetic energy (K, B), in double precision, of momenta (K, B, ...)."""
    return speed.double().square().flatten(2).sum(2) / 2


def _either(chosen: Tensor, a: ChainState, b: ChainState) -> ChainState:
    """The first state where chosen (K, B), otherwise the second."""
    wide = chosen.view(*chosen.shape, *[1] * (a.z.ndim - 2))
    slopes = tuple(torch.where(wide, one, other)
                   for one, other in zip(a.slopes, b.slopes, strict=True))
    return ChainState(torch.where(wide, a.z, b.z), torch.where(chosen, a.of_q, b.of_q),
                      torch.where(chosen, a.joint, b.joint), (slopes[0], slopes[1]))
