"""Decomposition of the KL between a set of posteriors and the prior."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution


class Decomposition(NamedTuple):
    """Three parts of KL(q(z|x) || p(z)), (B,) each, in nats. They add up to log q(z|x) - log
    p(z)."""

    mutual: Tensor        # mutual information of a sample's index and its code
    correlation: Tensor   # total correlation between latent dimensions
    factors: Tensor       # KL of each dimension's aggregated posterior, summed


def decomposed(
    z: Tensor, q: Distribution, p: Distribution, samples: int | None = None
) -> Decomposition:
    """Split KL(q(z|x) || p(z)) into three parts (Chen et al., 2018, arXiv 1802.04942).

    z (B, ...) is a sample of q(z|x), whose dimensions are independent. The aggregated posterior
    q(z) and its marginals are estimated from the batch. Without `samples`, all posteriors count
    alike: minibatch weighted sampling, without its constant. That constant, the log of the number
    of training samples per density, shifts the parts against one another and has no gradient. With
    `samples`, the size of the training set, they are weighted as in `stratified`.
    """
    log_q = q.log_prob(z[:, None]).flatten(2)      # (B, B, D): log q(z_i | x_j), per dimension
    weights = log_q.new_full(log_q.shape[:2], 1 / len(z)) if samples is None else (
        stratified(len(z), samples, z.device).to(log_q.dtype))
    joint = torch.logsumexp(log_q.sum(2) + weights.log(), 1)
    alone = torch.logsumexp(log_q + weights.log()[..., None], 1).sum(1)
    own = log_q.diagonal(dim1=0, dim2=1).sum(0)
    prior = p.log_prob(z)
    prior = prior.flatten(1).sum(1) if prior.ndim > 1 else prior
    return Decomposition(own - joint, joint - alone, alone - prior)


def stratified(batch: int, samples: int, device: torch.device | None = None) -> Tensor:
    """Weights (B, B) of a batch's posteriors in the mean over the whole set's posteriors. Each
    sample's own posterior counts once in the set, the others for all the rest.

    Rows sum to one, so for the whole set it is the plain mean. This is minibatch stratified
    sampling (Chen et al., 2018, arXiv 1802.04942, appendix C.2), averaged over which of the others
    takes the remainder, so that the order in a batch does not matter.
    """
    whole = max(batch, samples)
    others = (whole - 1) / whole / max(batch - 1, 1)
    weights = torch.full((batch, batch), others, dtype=torch.float64, device=device)
    return weights.fill_diagonal_(1 / whole if batch > 1 else 1.0)
