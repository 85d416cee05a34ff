"""Dense networks for rows of chosen or rated items: those of Mult-VAE and of RecVAE."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as dropped
from torch.nn.functional import normalize, silu

from ...core.contracts import Backbone
from ...core.hints import Count, Rate
from ...core.registry import backbones
from .layers import Decoder, Encoder, Skips

LAYERS = 5      # of RecVAE's encoder
EPSILON = 0.1   # of its layer norms


class Rows(nn.Module):
    """Flattens samples, brings each to length 1 and drops some of its values in training."""

    def __init__(self, rate: float, normalise: bool):
        super().__init__()
        self.rate, self.normalise = rate, normalise

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        x = normalize(x, dim=1) if self.normalise else x
        return dropped(x, self.rate, self.training)


@backbones.add("item_mlp")
def item_mlp(
    shape: tuple[int, ...], out: tuple[int, ...], widths: Count | tuple[Count, ...] = 600,
    dropout: Rate = 0.5, normalise: bool = True,
) -> Backbone:
    """Dense layers with tanh for rows of items, as in Mult-VAE (Liang et al., 2018, arXiv
    1802.05814). Each row is brought to length 1 (`normalise`), and training drops the share
    `dropout` of its values, so that the network learns to name the missing ones."""
    widths = (widths,) if isinstance(widths, int) else widths
    if not widths:
        raise ValueError("item_mlp needs at least one width, as in item_mlp(600)")
    size = math.prod(shape)
    ups = [layer for n, m in pairwise((size, *widths)) for layer in (nn.Linear(n, m), nn.Tanh())]
    downs = [layer for n, m in pairwise(widths[::-1]) for layer in (nn.Linear(n, m), nn.Tanh())]
    last = nn.Linear(widths[0], math.prod(out))
    return Backbone(Encoder([Rows(dropout, normalise), *ups]),
                    Decoder([nn.Tanh(), *downs, last, nn.Unflatten(1, out)]), (widths[-1],))


class Densely(nn.Module):
    """RecVAE's encoder: each layer also gets the sum of all earlier ones."""

    def __init__(self, size: int, width: int, rate: float):
        super().__init__()
        self.rows = Rows(rate, True)
        self.first = nn.Linear(size, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(LAYERS - 1))
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=EPSILON) for _ in range(LAYERS))

    def forward(self, x: Tensor) -> tuple[Tensor, Skips]:
        h = self.norms[0](silu(self.first(self.rows(x))))
        before = h
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            h = norm(silu(layer(h) + before))
            before = before + h
        return h, ()


class OneLayer(nn.Module):
    """A decoder of one layer: the bottleneck's own gives a number for each item, and this adds
    each item's bias."""

    def __init__(self, out: tuple[int, ...]):
        super().__init__()
        self.takes, self.out = (math.prod(out),), out
        self.bias = nn.Parameter(torch.zeros(math.prod(out)))

    def forward(self, h: Tensor, skips: Skips = ()) -> Tensor:
        return (h + self.bias).unflatten(1, self.out)


@backbones.add("rec_mlp")
def rec_mlp(
    shape: tuple[int, ...], out: tuple[int, ...], width: Count = 600, dropout: Rate = 0.5,
) -> Backbone:
    """The networks of RecVAE for rows of items (Shenbin et al., 2020, arXiv 1912.11160): five dense
    layers with swish and layer norms, each with the sum of all earlier ones, and a decoder of one
    layer. Rows are brought to length 1, and training drops the share `dropout` of their values."""
    return Backbone(Densely(math.prod(shape), width, dropout), OneLayer(out), (width,))
