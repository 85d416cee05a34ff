"""A dense network for rows of explicit ratings, around the means of items and users."""

import math

import torch
from torch import Tensor, nn

from ...core.contracts import Backbone
from ...core.hints import Count, Rate
from ...core.registry import backbones
from .layers import Skips

DAMPING = 5.0    # ratings at the overall mean that each mean also counts
SMALL = 1e-3     # deviation of the last layer's first weights: training begins at the means


class FromRatings(nn.Module):
    """The encoder: a user's mean rating, then features of the differences from it."""

    means: Tensor

    def __init__(self, size: int, dim: int, width: int, dropout: float):
        super().__init__()
        self.dropout = dropout
        self.register_buffer("means", torch.zeros(size))   # of the items' ratings
        self.layers = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, dim - 1))

    def centre(self, x: Tensor, known: Tensor | None) -> None:
        """Set the items' means to damped ones of x (N, *shape), where `known` is 1."""
        self.means.copy_(_damped(x, known))

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        x = x.flatten(1)
        seen = x != 0
        if self.training:
            seen = seen & (torch.rand_like(x) >= self.dropout)
        kept = seen.to(x)
        count = kept.sum(1, keepdim=True)
        rest = (x - self.means) * kept
        offset = rest.sum(1, keepdim=True) / (count + DAMPING)
        rest = (rest - offset * kept) / count.clamp(min=1).sqrt()
        return torch.cat([offset, self.layers(rest)], 1), ()


class ToRatings(nn.Module):
    """The decoder: the item's mean, plus the user's mean offset, plus a term from the code."""

    means: Tensor

    def __init__(self, out: tuple[int, ...], dim: int, width: int):
        super().__init__()
        size, self.out = math.prod(out), out
        self.register_buffer("means", torch.zeros(size))
        self.layers = nn.Sequential(nn.Linear(dim - 1, width), nn.Tanh(),
                                    nn.Linear(width, size, bias=False))

    def begin(self) -> None:
        """Begin near the means."""
        nn.init.normal_(self.layers[-1].weight, std=SMALL)  # type: ignore[arg-type]

    def centre(self, x: Tensor, known: Tensor | None) -> None:
        """Set the items' means to damped ones of x (N, *shape), where `known` is 1."""
        self.means.copy_(_damped(x, known))

    def forward(self, h: Tensor, skips: Skips = ()) -> Tensor:
        params: Tensor = self.layers(h[:, 1:]) + h[:, :1] + self.means
        return params.unflatten(1, self.out)


def _damped(x: Tensor, known: Tensor | None) -> Tensor:
    """The mean of each value, drawn to 0 where few are known: (D,) of x (N, *shape)."""
    count = torch.ones_like(x) if known is None else known
    return ((x * count).sum(0) / (count.sum(0) + DAMPING)).flatten()


@backbones.add("rating_mlp")
def rating_mlp(
    shape: tuple[int, ...], out: tuple[int, ...], dim: Count = 16, width: Count = 256,
    dropout: Rate = 0.2,
) -> Backbone:
    """Dense layers with tanh for rows of explicit ratings, where a rating of exactly 0 is unknown.

    Their inputs and outputs are ratings minus the damped means of item and user. The code has `dim`
    numbers. The first is the user's mean; the others have one hidden layer of `width` on each side
    (after AutoRec of Sedhain et al., 2015). Training drops the share `dropout` of the known
    ratings, so that the network learns to predict the missing ones."""
    if math.prod(shape) != math.prod(out):
        raise ValueError("rating_mlp needs a likelihood with one number for each item, such as "
                         "normal")
    if dim < 2:
        raise ValueError("rating_mlp needs a code of at least 2 numbers (the first is the user's "
                         f"mean), not {dim}")
    return Backbone(FromRatings(math.prod(shape), dim, width, dropout),
                    ToRatings(out, dim, width), (dim,))
