"""The KL of a whole set of posteriors from the prior, taken apart."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution


class Decomposition(NamedTuple):
    """Three parts of KL(q(z|x) || p(z)), (B,) each, in nats: their sum is log q(z|x) - log p(z)."""

    mutual: Tensor        # between a sample's number and its code
    correlation: Tensor   # the total correlation: between factors
    factors: Tensor       # KL of each factor's aggregate posterior, summed


def decomposed(
    z: Tensor, q: Distribution, p: Distribution, samples: int | None = None
) -> Decomposition:
    """KL(q(z|x) || p(z)) in three parts (Chen et al., 2018, arXiv 1802.04942).

    z (B, ...) was drawn from q(z|x), of independent factors, whose batch shape is z's. The
    aggregate posterior q(z) and its factors are estimated from the batch's posteriors. Without
    `samples` each counts alike: minibatch weighted sampling, less its constant, log of the number
    of training samples for each density, which shifts the parts against one another and has no
    gradient. With `samples`, how many that number is, they count as in `stratified`.
    """
    each = q.log_prob(z[:, None]).flatten(2)      # (B, B, D): log q(z_i | x_j), factor by factor
    weights = each.new_full(each.shape[:2], 1 / len(z)) if samples is None else (
        stratified(len(z), samples, z.device).to(each.dtype))
    joint = torch.logsumexp(each.sum(2) + weights.log(), 1)
    alone = torch.logsumexp(each + weights.log()[..., None], 1).sum(1)
    own = each.diagonal(dim1=0, dim2=1).sum(0)
    prior = p.log_prob(z)
    prior = prior.flatten(1).sum(1) if prior.ndim > 1 else prior
    return Decomposition(own - joint, joint - alone, alone - prior)


def stratified(batch: int, samples: int, device: torch.device | None = None) -> Tensor:
    """Weights (B, B) of a batch's posteriors in the mean over all the posteriors of a set, as each
    sample sees it: its own counts once in the set, the others for all the rest.

    Rows sum to one, so of the whole set it is the mean itself. It is minibatch stratified sampling
    (Chen et al., 2018, arXiv 1802.04942, appendix C.2), averaged over which of the others is its
    remainder: so the order of a batch makes no difference.
    """
    whole = max(batch, samples)
    others = (whole - 1) / whole / max(batch - 1, 1)
    weights = torch.full((batch, batch), others, dtype=torch.float64, device=device)
    return weights.fill_diagonal_(1 / whole if batch > 1 else 1.0)
