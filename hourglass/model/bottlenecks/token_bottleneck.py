"""The bottleneck of words, whatever it is that chooses them."""

import math
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from ...core.contracts import Alphabet, Latent
from .token_grid import Grid

Found = tuple[Tensor, Tensor, Mapping[str, Tensor]]


class Quantiser(Protocol):
    """What rounds vectors to words: each place (P) holds one word, or an axis G of them."""

    size: int                 # words there are
    each: tuple[int, ...]     # of a place: () or (G,)

    def __call__(self, v: Tensor, learn: bool) -> Found:
        """v (B, P, D) -> what the words say (B, P, E), with v's gradient, the words (B, P, *each),
        and penalties (B,); learns from v if told to."""
        ...

    def read(self, w: Tensor) -> Tensor:
        """The words (B, P, *each) that say w (B, P, E), or come nearest."""
        ...

    def write(self, words: Tensor) -> Tensor:
        """What words (B, P, *each) say, (B, P, E)."""
        ...


def straight_through(v: Tensor, w: Tensor) -> Tensor:
    """w itself, with v's gradient (Bengio et al., 2013, arXiv 1308.3432)."""
    return w.detach() + (v - v.detach())


def squared(t: Tensor) -> Tensor:
    """(B, ...) -> (B,), the sum of squares."""
    return t.square().flatten(1).sum(1)


class Quantised(nn.Module):
    """h's vectors, rounded to words by a quantiser, and their prior: every word as likely."""

    confined = False
    here: Tensor

    def __init__(self, layers: tuple[nn.Module, nn.Module, Grid], quantiser: Quantiser):
        super().__init__()
        self.reduce, self.expand, self.grid = layers
        self.quantiser = quantiser
        self.places = (*self.grid.places, *quantiser.each)
        self.books = math.prod(quantiser.each)   # of which a place's words are
        self.register_buffer("here", torch.empty(0), persistent=False)   # knows the device

    @property
    def alphabet(self) -> Alphabet:
        """The words, and where they are."""
        return Alphabet(self.quantiser.size, self.places, self._read, self._write)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        reduced = self.reduce(h)
        v, places = self.grid.split(reduced), self.grid.of(reduced)
        # training's steps alone teach the words: evaluation draws too
        w, words, penalties = self.quantiser(v, self.training and draw)
        return Latent(self.grid.join(w, places), codes=words.unflatten(1, places),
                      penalties=dict(penalties))

    def settle(self, z: Tensor) -> Tensor:
        """The nearest words to z (B, ...)."""
        return self._write(self._read(z))

    def sample_prior(self, n: int) -> Tensor:
        return self._write(torch.randint(self.quantiser.size, (n, *self.places)))

    def _read(self, z: Tensor) -> Tensor:
        words = self.quantiser.read(self.grid.split(z.to(self.here.device)))
        return words.unflatten(1, self.grid.places).to(z.device)

    def _write(self, words: Tensor) -> Tensor:
        flat = words.flatten(1, len(self.grid.places)).to(self.here.device)
        return self.grid.join(self.quantiser.write(flat)).to(words.device)
