"""What the evidence bound is made of: reconstruction, and the parts of the divergence."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from ..autoencoder import Autoencoder
from ..console import track
from ..data.source import Split
from .importance import own_noise
from .target import densities, draw, likely, nats

ENCODED = 250        # samples together
MOST = 20_000        # posteriors, evenly spread
PAIRS = 2**20        # of values of a code and of a posterior, that are compared together


@dataclass(frozen=True)
class Parts:
    """-ELBO of samples, (N,) each, in nats, of one code drawn for each.

    reconstruction + mutual + marginal is -ELBO; where all is factor by factor, correlation +
    factors is marginal.
    """

    posteriors: int                 # whose mean q(z) is; log of that is the most of `mutual`
    reconstruction: np.ndarray      # -log p(x|z)
    mutual: np.ndarray              # log q(z|x) - log q(z): what a code tells of its sample
    marginal: np.ndarray            # log q(z) - log p(z)
    correlation: np.ndarray | None = None   # log q(z) - log of the product of its factors
    factors: np.ndarray | None = None       # log of that product - log p(z)

    @property
    def elbo(self) -> np.ndarray:
        """(N,)."""
        return -(self.reconstruction + self.mutual + self.marginal)

    @property
    def means(self) -> dict[str, float]:
        """Of those parts that there are."""
        return {name: float(value.mean()) for name, value in vars(self).items()
                if isinstance(value, np.ndarray)}


@torch.inference_mode()
def decompose(model: Autoencoder, split: Split, rows: Tensor, seed: int = 0) -> Parts:
    """The parts for samples that are the rows (N,) of a split, q(z) being the mean of all the
    split's posteriors (Hoffman & Johnson, 2016; Chen et al., 2018, arXiv 1802.04942): no estimate
    from minibatches, which would change with their size."""
    everyone = torch.cat([split.evenly(MOST), rows]).unique()
    posteriors = [densities(model, split.batch(chunk))[0] for chunk in everyone.split(ENCODED)]
    found: list[tuple[Tensor, ...]] = []
    with own_noise(split):
        for chunk in track(rows.split(ENCODED), -(-len(rows) // ENCODED), "drawing codes"):
            batch = split.batch(chunk)
            z = torch.cat([draw(model, split, row, 1, seed).z for row in chunk.split(1)], 1)
            q, p = densities(model, batch)
            found.append((z[0], *(each[0].double() for each in (
                nats(q, z), nats(p, z), -likely(model, batch, z)))))
    z, of_own, of_prior, lost = (torch.cat(parts) for parts in zip(*found, strict=True))
    whole, each = _aggregate(posteriors, z, _by_factor(posteriors[0]) and _by_factor(p))
    parts = [lost, of_own - whole, whole - of_prior,
             *([] if each is None else [whole - each, each - of_prior])]
    return Parts(len(everyone), *(part.cpu().numpy() for part in parts))


def _aggregate(
    posteriors: list[Distribution], z: Tensor, split_up: bool
) -> tuple[Tensor, Tensor | None]:
    """log q(z), (N,), of codes (N, ...) under the mean of all posteriors, and, if `split_up`, log
    of the product of its factors' own densities."""
    if split_up:
        posteriors = [q.base_dist if isinstance(q, Independent) else q for q in posteriors]
    count = sum(q.batch_shape[0] for q in posteriors)
    whole, factors = [], []
    some = max(1, PAIRS // (ENCODED * max(1, z[0].numel())))
    for chunk in track(z.split(some), -(-len(z) // some), "comparing codes with posteriors"):
        of_whole, of_factors = [], []
        for q in posteriors:
            each = q.log_prob(chunk[:, None])     # (C, B, ...)
            of_whole.append(each.flatten(2).sum(2) if each.ndim > 2 else each)
            if split_up:
                of_factors.append(torch.logsumexp(each.flatten(2), 1))
        whole.append(torch.logsumexp(torch.cat(of_whole, 1).double(), 1))
        if split_up:
            factors.append(torch.logsumexp(torch.stack(of_factors, 1).double(), 1))
    number = math.log(count)
    return torch.cat(whole) - number, (torch.cat(factors) - number).sum(1) if split_up else None


def _by_factor(density: Distribution) -> bool:
    """Whether it is a product of Gaussians, one for each number of a code."""
    return isinstance(density.base_dist if isinstance(density, Independent) else density, Normal)
