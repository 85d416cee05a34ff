"""Distances between the codes of a batch and samples of the prior, one number per batch."""

from typing import Literal

import torch
from torch import Tensor, nn

from ...core.contracts import Output
from ...core.hints import Count, Positive
from ...core.precision import at_least_single, full_precision
from ...core.registry import terms
from .reconstruction import Term

Kernel = Literal["imq", "rbf"]


def with_prior(out: Output, model: nn.Module) -> tuple[Tensor, Tensor]:
    """A batch's codes, and as many samples of the model's own prior, (B, D) each."""
    z = at_least_single(out.latent.z).flatten(1)
    if z.is_meta:   # a learned prior cannot be sampled there
        return z, torch.empty_like(z)
    with torch.no_grad():
        drawn: Tensor = model.sample_prior(len(z))  # type: ignore[operator]
    return z, drawn.to(z).flatten(1)


@terms.add("mmd")
def mmd(
    model: nn.Module, kernel: Kernel = "imq",
    scales: tuple[Positive, ...] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
) -> Term:
    """Squared maximum mean discrepancy between a batch's codes and samples of the prior (WAE:
    Tolstikhin et al., 2018, arXiv 1711.01558; InfoVAE: Zhao et al., 2019, arXiv 1706.02262).

    The kernel of the distance d is C / (C + d^2) ("imq") or exp(-d^2 / C) ("rbf"), averaged over
    `scales` s with C = 2 D s; 2 D is the mean of d^2 under N(0, 1). The value is at most 1, so its
    weight must be about a hundred for a reconstruction loss summed over values. The estimate is
    unbiased, so it can be negative.
    """
    if not scales:
        raise ValueError("mmd needs at least one scale, as in mmd(scales=(0.5, 1, 2))")

    def discrepancy(out: Output, model: nn.Module) -> Tensor:
        return squared_mmd(*with_prior(out, model), kernel, scales).expand(len(out.x))
    return discrepancy


def squared_mmd(a: Tensor, b: Tensor, kernel: Kernel, scales: tuple[float, ...]) -> Tensor:
    """The U-statistic of a (N, D) and b (M, D), a scalar: no sample is compared with itself."""
    return (_within(a, kernel, scales) + _within(b, kernel, scales)
            - 2 * alike(a, b, kernel, scales).mean())


def _within(a: Tensor, kernel: Kernel, scales: tuple[float, ...]) -> Tensor:
    n = len(a)
    same = alike(a, a, kernel, scales)
    return (same.sum() - same.diagonal().sum()) / max(n * (n - 1), 1)


def alike(a: Tensor, b: Tensor, kernel: Kernel, scales: tuple[float, ...]) -> Tensor:
    """The kernel of every pair of a (N, D) and b (M, D), (N, M)."""
    with full_precision(a):
        squares = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
    squares = squares.clamp(min=0)
    total = torch.zeros_like(squares)
    for scale in scales:
        width = 2 * a.shape[1] * scale
        total = total + (width / (width + squares) if kernel == "imq" else
                         torch.exp(-squares / width))
    return total / len(scales)


@terms.add("sliced")
def sliced(model: nn.Module, directions: Count = 64) -> Term:
    """Squared sliced Wasserstein distance between a batch's codes and samples of the prior: the
    mean over random directions, where sorting gives the pairs (Kolouri et al., 2018, arXiv
    1804.01947)."""
    def distance(out: Output, model: nn.Module) -> Tensor:
        z, p = with_prior(out, model)
        axes = torch.randn(z.shape[1], directions, device=z.device, dtype=z.dtype)
        axes = axes / axes.norm(dim=0)
        return along(z, p, axes).mean().expand(len(z))
    return distance


def along(a: Tensor, b: Tensor, axes: Tensor) -> Tensor:
    """Squared Wasserstein distances (K,) of a and b, (N, D) each, along unit axes (D, K)."""
    with full_precision(a):
        first, second = (a @ axes).sort(0).values, (b @ axes).sort(0).values
    return (first - second).square().mean(0)
