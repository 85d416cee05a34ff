"""The parts of the ELBO: reconstruction, and the parts of the divergence."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from ...core.console import track
from ...data.split_data import Split
from ...model.autoencoder import Autoencoder
from ...model.losses.importance_weights import nats
from ..batches import batches
from .proposal import both, pose, redrawn

ENCODED = 250        # samples encoded together
MOST = 20_000        # most posteriors, evenly spread
PAIRS = 2**20        # pairs of code values and posteriors compared together


@dataclass(frozen=True)
class ElboParts:
    """-ELBO of samples, (N,), in nats, for one sampled code each: reconstruction + divergence.

    The divergence is mutual + marginal, if q can evaluate other samples' codes. If q and p are
    products over latent dimensions, marginal is correlation + factors.
    """

    posteriors: int                 # number of posteriors in q(z); its log limits `mutual`
    reconstruction: np.ndarray      # -log p(x|z)
    divergence: np.ndarray          # log q(z|x) - log p(z)
    mutual: np.ndarray | None = None        # log q(z|x) - log q(z): mutual information
    marginal: np.ndarray | None = None      # log q(z) - log p(z)
    correlation: np.ndarray | None = None   # log q(z) - log of the product of its marginals
    factors: np.ndarray | None = None       # log of that product - log p(z)

    @property
    def elbo(self) -> np.ndarray:
        """(N,)."""
        return -(self.reconstruction + self.divergence)

    @property
    def means(self) -> dict[str, float]:
        """Means of the available parts."""
        return {name: float(value.mean()) for name, value in vars(self).items()
                if isinstance(value, np.ndarray)}


@torch.inference_mode()
def decompose(model: Autoencoder, split: Split, rows: Tensor, seed: int = 0) -> ElboParts:
    """The parts for the samples at rows (N,) of a split, where q(z) is the mean of all the split's
    posteriors (Hoffman & Johnson, 2016; Chen et al., 2018, arXiv 1802.04942). There is no minibatch
    estimate, which would depend on the batch size."""
    everyone = torch.cat([split.evenly(MOST), rows]).unique()
    posteriors = [both(model.encode(batch.seen, batch.y)[0])[0] for batch in batches(
        split, everyone, "encoding", ENCODED)]
    chunks: list[tuple[Tensor, ...]] = []
    for chunk in track(rows.split(ENCODED), -(-len(rows) // ENCODED), "drawing codes"):
        posed = pose(model, split, chunk, 1, seed)
        chunks.append((posed.z[0], posed.likely(posed.z)[0], posed.of_q[0], posed.of_p[0]))
    z, likely, of_own, of_prior = (torch.cat(parts) for parts in zip(*chunks, strict=True))
    parts = [-likely, of_own - of_prior]
    if _compares(posteriors[0], z):
        factors = all(map(_by_factor, both(posed.latent)))
        aggregate, marginals = _aggregate(posteriors, z, factors)
        parts += [of_own - aggregate, aggregate - of_prior]
        parts += [] if marginals is None else [aggregate - marginals, marginals - of_prior]
    return ElboParts(len(everyone), *(part.cpu().numpy() for part in parts))


def _compares(q: Distribution, z: Tensor) -> bool:
    """Whether q, of a batch, can evaluate every code z (N, ...) under each posterior."""
    few = z[:2, None]
    try:
        return redrawn(q) and nats(q, few).shape == (len(few), *q.batch_shape[:1])
    except (RuntimeError, ValueError, NotImplementedError):
        return False


def _aggregate(
    posteriors: list[Distribution], z: Tensor, by_factor: bool
) -> tuple[Tensor, Tensor | None]:
    """log q(z), (N,), of codes (N, ...) under the mean of all posteriors; and with `by_factor`, log
    of the product of its marginals."""
    if by_factor:
        posteriors = [q.base_dist if isinstance(q, Independent) else q for q in posteriors]
    some, number = max(1, PAIRS // (ENCODED * z[0].numel())), 0
    whole, factors = [], []
    for chunk in track(z.split(some), -(-len(z) // some), "comparing codes with posteriors"):
        log_probs = [q.log_prob(chunk[:, None]).flatten(2) if by_factor else
                     nats(q, chunk[:, None])[..., None] for q in posteriors]   # (C, B, factors)
        number = sum(part.shape[1] for part in log_probs)
        whole.append(torch.logsumexp(torch.cat([part.sum(2) for part in log_probs], 1).double(), 1))
        if by_factor:
            marginals = torch.stack([torch.logsumexp(part, 1) for part in log_probs], 1)
            factors.append(torch.logsumexp(marginals.double(), 1))
    mean = math.log(number)
    return torch.cat(whole) - mean, (torch.cat(factors) - mean).sum(1) if by_factor else None


def _by_factor(density: Distribution) -> bool:
    """Whether it is a product of Gaussians, one per latent dimension."""
    return isinstance(density.base_dist if isinstance(density, Independent) else density, Normal)
