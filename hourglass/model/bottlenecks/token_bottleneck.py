"""The bottleneck of discrete tokens, for any quantiser."""

import math
from collections.abc import Mapping
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.contracts import Alphabet, Latent
from .token_grid import TokenGrid

Found = tuple[Tensor, Tensor, Mapping[str, Tensor]]


class Quantiser(Protocol):
    """Rounds vectors to tokens. Each position (P) holds one token, or an axis G of them."""

    size: int                 # number of different tokens
    each: tuple[int, ...]     # tokens per position: () or (G,)

    def __call__(self, v: Tensor, learn: bool) -> Found:
        """v (B, P, D) -> the rounded vectors (B, P, E) with v's gradient, the token indices
        (B, P, *each), and penalties (B,). With `learn`, the codebook learns from v."""
        ...

    def read(self, w: Tensor) -> Tensor:
        """Rounded vectors w (B, P, E) -> their (or the nearest) token indices (B, P, *each)."""
        ...

    def write(self, words: Tensor) -> Tensor:
        """Token indices (B, P, *each) -> rounded vectors (B, P, E)."""
        ...


def straight_through(v: Tensor, w: Tensor) -> Tensor:
    """The value of w with v's gradient (Bengio et al., 2013, arXiv 1308.3432)."""
    return w.detach() + (v - v.detach())


def turned(v: Tensor, w: Tensor) -> Tensor:
    """The value of w with v's gradient, turned and scaled as v (..., D) is on its way to w, so that
    it tells where in the entry's region v lies (Fifty et al., 2024, arXiv 2410.06424)."""
    e, q = F.normalize(v.detach(), dim=-1), F.normalize(w.detach(), dim=-1)
    between = F.normalize(e + q, dim=-1)
    longer = w.detach().norm(dim=-1, keepdim=True) / v.detach().norm(
        dim=-1, keepdim=True).clamp(min=1e-12)
    moved = v - 2 * between * (between * v).sum(-1, keepdim=True) + 2 * q * (e * v).sum(
        -1, keepdim=True)
    return straight_through(longer * moved, w)   # the value exactly, whatever rounding does


def squared(t: Tensor) -> Tensor:
    """(B, ...) -> (B,), the sum of squares."""
    return t.square().flatten(1).sum(1)


class Quantised(nn.Module):
    """h's vectors, rounded to tokens by a quantiser, with a uniform prior over tokens."""

    confined = False
    here: Tensor

    def __init__(self, layers: tuple[nn.Module, nn.Module, TokenGrid], quantiser: Quantiser):
        super().__init__()
        self.reduce, self.expand, self.grid = layers
        self.quantiser = quantiser
        self.places = (*self.grid.places, *quantiser.each)
        self.books = math.prod(quantiser.each)   # codebooks per position
        self.register_buffer("here", torch.empty(0), persistent=False)   # marks the device

    @property
    def alphabet(self) -> Alphabet:
        """The tokens and their positions."""
        return Alphabet(self.quantiser.size, self.places, self._read, self._write)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        reduced = self.reduce(h)
        v, places = self.grid.split(reduced), self.grid.of(reduced)
        # only training steps teach the codebook; evaluation may sample too
        w, words, penalties = self.quantiser(v, self.training and draw)
        return Latent(self.grid.join(w, places), codes=words.unflatten(1, places),
                      penalties=dict(penalties))

    def settle(self, z: Tensor) -> Tensor:
        """The nearest valid codes to z (B, ...)."""
        return self._write(self._read(z))

    def sample_prior(self, n: int) -> Tensor:
        return self._write(torch.randint(self.quantiser.size, (n, *self.places)))

    def _read(self, z: Tensor) -> Tensor:
        words = self.quantiser.read(self.grid.split(z.to(self.here.device)))
        return words.unflatten(1, self.grid.places).to(z.device)

    def _write(self, words: Tensor) -> Tensor:
        flat = words.flatten(1, len(self.grid.places)).to(self.here.device)
        return self.grid.join(self.quantiser.write(flat)).to(words.device)
