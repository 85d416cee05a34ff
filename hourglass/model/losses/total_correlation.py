"""What keeps the factors of codes apart from one another, over a batch."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ...core.contracts import Output
from ...core.hints import Count, NotNegative
from ...core.precision import full_precision
from ...core.registry import terms
from .kl import posterior
from .kl_decomposition import Decomposition, decomposed
from .reconstruction import Term

Estimator = Literal["mws", "mss"]   # minibatch weighted sampling, minibatch stratified sampling


def of_factors(out: Output) -> Distribution:
    """q(z|x), or an error that says that the loss wants a posterior of every factor."""
    q = posterior(out, Distribution)
    if q.batch_shape != out.latent.z.shape or q.event_shape:
        raise ValueError(f"the loss needs a bottleneck with a posterior of each factor, such as "
                         f"gaussian(16); this one's {type(q).__name__} is of all at once")
    return q


def in_parts(out: Output, estimator: Estimator, samples: int) -> Decomposition:
    """The batch's KL in its three parts."""
    q, p = of_factors(out), out.latent.p
    assert p is not None, "a bottleneck with a posterior has a prior"
    return decomposed(out.latent.z, q, p, samples if estimator == "mss" else None)


@terms.add("tc")
def tc(model: nn.Module, estimator: Estimator = "mws", samples: Count = 60000) -> Term:
    """Total correlation of the factors of the aggregate posterior (Chen et al., 2018, arXiv
    1802.04942): of independent ones about zero, in large batches.

    "mws" counts every sample of the batch alike; its constant, which would shift the value and has
    no gradient, is left out. "mss" counts a sample itself as one of `samples`, for how many the
    training set has, and the others of the batch for the rest.
    """
    return lambda out, model: in_parts(out, estimator, samples).correlation


@terms.add("mutual")
def mutual(model: nn.Module, estimator: Estimator = "mws", samples: Count = 60000) -> Term:
    """Mutual information of a sample's number and its code, estimated as `tc` is; of `mws` it is at
    most the logarithm of the batch's size."""
    return lambda out, model: in_parts(out, estimator, samples).mutual


@terms.add("dimension_kl")
def dimension_kl(model: nn.Module, estimator: Estimator = "mws", samples: Count = 60000) -> Term:
    """KL of each factor's aggregate posterior from its prior, summed, estimated as `tc` is;
    mutual + tc + dimension_kl is kl, by its sample."""
    return lambda out, model: in_parts(out, estimator, samples).factors


@terms.add("dip")
def dip(
    model: nn.Module, kind: Literal[1, 2] = 1, off: NotNegative = 10.0,
    diagonal: NotNegative | None = None,
) -> Term:
    """How far the covariance of codes is from the identity: off * the squares beside the diagonal +
    diagonal * the squared differences from 1 on it (DIP-VAE: Kumar et al., 2018, arXiv 1711.00848).

    kind=1 takes the covariance of the posteriors' means over the batch, and ten times `off` for
    `diagonal` if it is not given; kind=2 adds the mean of their variances, and takes `off`.
    """
    on = diagonal if diagonal is not None else off * (10 if kind == 1 else 1)

    def spread(out: Output, model: nn.Module) -> Tensor:
        q = of_factors(out)
        found = covariance(q.mean.flatten(1))
        if kind == 2:
            found = found + torch.diag(q.variance.flatten(1).mean(0))
        own = found.diagonal()
        beside = found.square().sum() - own.square().sum()
        return (off * beside + on * (own - 1).square().sum()).expand(len(out.x))
    return spread


def covariance(means: Tensor) -> Tensor:
    """(D, D) of means (B, D), over the batch as if it were all there is."""
    centred = means - means.mean(0)
    with full_precision(means):
        return centred.T @ centred / len(means)
