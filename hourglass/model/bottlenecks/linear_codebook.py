"""A codebook that is one learned linear layer over fixed random vectors."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LinearCodebook(nn.Module):
    """A codebook of K entries with D numbers each. A learned layer computes the entries from fixed
    random vectors `words`, so each step moves all of them (SimVQ: Zhu et al., 2024, arXiv
    2411.02038). It is used like a `Codebook`."""

    ema = False   # the penalty `codebook` moves the layer
    words: Tensor

    def __init__(self, words: int, dim: int):
        super().__init__()
        self.register_buffer("words", torch.randn(words, dim) / dim**0.5)
        self.layer = nn.Linear(dim, dim, bias=False)

    @property
    def vectors(self) -> Tensor:
        """The entries (K, D)."""
        entries: Tensor = self.layer(self.words)
        return entries

    def scaled(self, v: Tensor) -> Tensor:
        """Vectors (..., D), unchanged."""
        return v

    @torch.no_grad()
    def nearest(self, v: Tensor) -> Tensor:
        """Vectors (..., D) -> indices of the nearest entries (...)."""
        words = self.vectors
        return (words.square().sum(1) / 2 - v @ words.T).argmin(-1)

    def write(self, words: Tensor) -> Tensor:
        """Token indices (...) -> entries (..., D)."""
        return F.embedding(words, self.vectors)

    def begin(self, v: Tensor) -> None:
        """Nothing: no entry is initialised by vectors (N, D)."""

    def follow(self, v: Tensor, words: Tensor) -> None:
        """Nothing: entries learn by gradient alone."""
