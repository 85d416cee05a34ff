"""A loss term that lets a map of codes turn and shrink as its image does."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.contracts import Output
from ...core.hints import Share
from ...core.registry import terms
from .reconstruction import Term, per_sample

HALF_TURN = 2   # quarters, in evaluation, which draws nothing


@terms.add("equivariance")
def equivariance(model: nn.Module, smallest: Share = 0.25) -> Term:
    """-log p(T x|T z) in nats a sample: the code, turned by quarters and shrunk, must decode to the
    image, turned and shrunk alike (EQ-VAE: Kouzelis et al., 2025, arXiv 2502.09509). Such codes are
    smoother, so a prior learns them more easily.

    The size is drawn between `smallest` and 1 for each batch, the quarters too; images that are not
    square turn by half. Needs codes that are maps, such as gaussian_map's, and no skips. A smaller
    image counts as much as the whole one.
    """
    drawn: Tensor = model.sample_prior(1)  # type: ignore[operator]
    if drawn.ndim != 4:
        raise ValueError("the loss equivariance needs codes that are maps, such as those of "
                         "--bottleneck gaussian_map")

    def unlike(out: Output, model: nn.Module) -> Tensor:
        if out.skips or out.known is not None:
            raise ValueError("the loss equivariance needs a model without skips, and images "
                             "without missing pixels")
        quarters, size = _drawn(out.x, smallest) if model.training else (HALF_TURN, 0.5)
        z = _changed(out.latent.z, quarters, size)
        px = model.decode(z, out.latent.y)  # type: ignore[operator]
        x = _changed(out.x, quarters, 1.0)
        if px.mean.shape != x.shape:
            x = F.interpolate(x, px.mean.shape[2:], mode="bilinear", antialias=True)
        return -per_sample(px.log_prob(x)) * (out.x[0].numel() / x[0].numel())
    return unlike


def _drawn(x: Tensor, smallest: float) -> tuple[int, float]:
    """Quarters to turn, and a size."""
    quarters = int(torch.randint(4, ()))
    square = x.shape[2] == x.shape[3]
    return (quarters if square else HALF_TURN * (quarters % 2),
            smallest + (1 - smallest) * float(torch.rand(())))


def _changed(maps: Tensor, quarters: int, size: float) -> Tensor:
    """Maps (B, C, H, W), turned and shrunk to whole numbers of places."""
    turned = maps.rot90(quarters, (2, 3))
    smaller = [max(1, round(size * n)) for n in turned.shape[2:]]
    return turned if tuple(smaller) == tuple(turned.shape[2:]) else F.interpolate(
        turned, smaller, mode="bilinear", antialias=True)
