"""Statistics of the posterior per latent dimension, and warnings about collapse."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.contracts import Latent

ACTIVE = 0.01     # least variance of a dimension's means to be active (Burda et al., 2016)
COLLAPSED = 0.1   # nats of KL below which the posterior has collapsed
WIDE = 2.0        # times the prior's width: codes that spread further are not confined
HELD = ("kl", "mean", "square", "variance")


def moments(latent: Latent) -> dict[str, Tensor]:
    """The batch's mean KL and moments of q, (D,) each; {} without a Gaussian q."""
    q, p = latent.q, latent.p
    if not isinstance(q, torch.distributions.Normal) or p is None:
        return {}
    means = q.mean.flatten(1)
    statistics = (torch.distributions.kl_divergence(q, p).flatten(1), means, means.square(),
                  q.variance.flatten(1))
    return {f"q_{name}": value.mean(0) for name, value in zip(HELD, statistics, strict=True)}


@dataclass(frozen=True)
class Posterior:
    """Statistics of a split's posteriors, one number per latent dimension."""

    kl: Tensor         # mean KL, nats
    spread: Tensor     # variance of the means
    second: Tensor     # second moment of the aggregated posterior; the prior's is 1
    middle: Tensor | float = 0.0   # mean of the means

    @property
    def active(self) -> int:
        """Number of active units: dimensions whose means vary over samples (Burda et al., 2016,
        arXiv 1509.00519)."""
        return int((self.spread > ACTIVE).sum())

    @property
    def information(self) -> float:
        """Mutual information of samples and codes, nats: the KL less that of the aggregated
        posterior, which counts as a Gaussian without correlations."""
        variance = (self.second - self.middle**2).clamp(min=1e-12)
        return float((self.kl - (self.second - 1 - variance.log()) / 2).sum())

    def row(self) -> dict[str, float]:
        """The values for an epoch's row."""
        return {"active_units": self.active, "kl_least": float(self.kl.min()),
                "kl_most": float(self.kl.max())}

    def trouble(self, beta: float, ramps: Collection[str] = ()) -> str:
        """A warning about the posterior, or "". `ramps` names the terms that have a ramp."""
        if float(self.kl.sum()) < COLLAPSED:
            rise = "" if "kl" in ramps else f"let it rise slowly with ramp(0, {beta:g}) * kl, "
            cure = (f"lower the KL's weight (now {beta:g}), {rise}or use kl(free_bits=0.1)" if beta
                    else "start from the weights of a VAE whose codes carry more (--from)")
            return (f"posterior collapse: the codes carry {float(self.kl.sum()):.2g} nats, so all "
                    f"reconstructions are alike; {cure}")
        used = self.second[self.spread > ACTIVE]
        width = math.sqrt(float(used.mean())) if len(used) else 1.0
        if width > WIDE and beta:
            return (f"the KL is too weak to confine the codes: they are {width:.1f} times as wide "
                    f"as the prior, so samples from it will miss them; raise its weight (now "
                    f"{beta:g})")
        return ""


def gathered(sums: dict[str, Tensor], count: int) -> Posterior | None:
    """Compute the posterior's statistics from sums of `moments`, and remove them from the sums."""
    if f"q_{HELD[0]}" not in sums:
        return None
    kl, mean, square, variance = (sums.pop(f"q_{name}").double() / count for name in HELD)
    return Posterior(kl, square - mean.square(), square + variance, mean)
