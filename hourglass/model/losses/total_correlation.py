"""Loss terms that make latent dimensions independent, over a batch."""

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
    """q(z|x). Raises ValueError if its dimensions are not independent."""
    q = posterior(out, Distribution)
    if q.batch_shape != out.latent.z.shape or q.event_shape:
        raise ValueError(f"the loss needs a bottleneck with independent latent dimensions, such as "
                         f"gaussian(16); the posterior {type(q).__name__} is joint")
    return q


def in_parts(out: Output, estimator: Estimator, samples: int) -> Decomposition:
    """The batch's KL in three parts."""
    q, p = of_factors(out), out.latent.p
    assert p is not None, "a bottleneck with a posterior has a prior"
    return decomposed(out.latent.z, q, p, samples if estimator == "mss" else None)


@terms.add("tc")
def tc(model: nn.Module, estimator: Estimator = "mws", samples: Count = 60000) -> Term:
    """Total correlation of the aggregated posterior (Chen et al., 2018, arXiv 1802.04942). It is
    about zero for independent dimensions, in large batches.

    "mws" weighs all samples of the batch alike. Its constant, which would shift the value and has
    no gradient, is left out. "mss" weighs a sample itself as one of `samples`, the size of the
    training set, and the others in the batch for the rest.
    """
    return lambda out, model: in_parts(out, estimator, samples).correlation


@terms.add("mutual")
def mutual(model: nn.Module, estimator: Estimator = "mws", samples: Count = 60000) -> Term:
    """Mutual information of a sample's index and its code, estimated like `tc`. With `mws`, it is
    at most the log of the batch size."""
    return lambda out, model: in_parts(out, estimator, samples).mutual


@terms.add("dimension_kl")
def dimension_kl(model: nn.Module, estimator: Estimator = "mws", samples: Count = 60000) -> Term:
    """KL of each dimension's aggregated posterior from its prior, summed, estimated like `tc`.
    mutual + tc + dimension_kl equals the sampled kl."""
    return lambda out, model: in_parts(out, estimator, samples).factors


@terms.add("dip")
def dip(
    model: nn.Module, kind: Literal[1, 2] = 1, off: NotNegative = 10.0,
    diagonal: NotNegative | None = None,
) -> Term:
    """Distance of the codes' covariance from the identity: off * its squares off the diagonal +
    diagonal * the squared differences from 1 on it (DIP-VAE: Kumar et al., 2018, arXiv 1711.00848).

    kind=1 uses the covariance of the posterior means over the batch, and `diagonal` defaults to ten
    times `off`. kind=2 adds the mean posterior variance, and `diagonal` defaults to `off`.
    """
    on = diagonal if diagonal is not None else off * (10 if kind == 1 else 1)

    def spread(out: Output, model: nn.Module) -> Tensor:
        q = of_factors(out)
        cov = covariance(q.mean.flatten(1))
        if kind == 2:
            cov = cov + torch.diag(q.variance.flatten(1).mean(0))
        own = cov.diagonal()
        beside = cov.square().sum() - own.square().sum()
        return (off * beside + on * (own - 1).square().sum()).expand(len(out.x))
    return spread


def covariance(means: Tensor) -> Tensor:
    """Covariance (D, D) of means (B, D), with the batch as the whole population."""
    centred = means - means.mean(0)
    with full_precision(means):
        return centred.T @ centred / len(means)
