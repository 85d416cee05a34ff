"""A codebook: the vectors that latents are rounded to, and how they are learnt."""

import torch
import torch.distributed as processes
import torch.nn.functional as F
from torch import Tensor, nn

DEAD = 0.03     # an entry with less than this share of the mean use is dead
SMOOTHING = 1e-5


class Codebook(nn.Module):
    """A codebook of K entries with D numbers each (van den Oord et al., 2017, arXiv 1711.00937).

    With `ema`, entries are running means of the vectors assigned to them and have no gradient;
    otherwise they learn by gradient. `usage` is a running mean of the vectors per entry and batch.
    Entries are initialised with vectors of the first batch. With `restart`, unused entries are
    initialised again. With `cosine`, entries and vectors have length 1 (Yu et al., 2022, arXiv
    2110.04627). The vectors of all processes count together.
    """

    usage: Tensor
    sums: Tensor

    def __init__(self, words: int, dim: int, ema: bool = True, decay: float = 0.99,
                 restart: bool = True, cosine: bool = False):
        super().__init__()
        self.ema, self.decay, self.restart, self.cosine = ema, decay, restart, cosine
        self.words = nn.Parameter(torch.randn(words, dim) / dim**0.5, requires_grad=not ema)
        self.register_buffer("usage", torch.zeros(words))
        self.register_buffer("sums", torch.zeros(words, dim))

    @property
    def vectors(self) -> Tensor:
        """The entries (K, D)."""
        return F.normalize(self.words, dim=1) if self.cosine else self.words

    def scaled(self, v: Tensor) -> Tensor:
        """Scale vectors (..., D) for the search."""
        return F.normalize(v, dim=-1) if self.cosine else v

    @torch.no_grad()
    def nearest(self, v: Tensor) -> Tensor:
        """Vectors (..., D) -> indices of the nearest entries (...)."""
        words, v = self.vectors, self.scaled(v)
        return (words.square().sum(1) / 2 - v @ words.T).argmin(-1)

    def write(self, words: Tensor) -> Tensor:
        """Token indices (...) -> entries (..., D)."""
        return F.embedding(words, self.vectors)

    @torch.no_grad()
    def begin(self, v: Tensor) -> None:
        """Replace dead entries by random vectors of a batch (N, D). Before the first batch, all
        entries count as dead."""
        mean = self.usage.mean()
        dead = mean == 0 if not self.restart else self.usage <= DEAD * mean
        dead = dead.expand(len(self.usage))
        order = torch.randperm(len(v), device=v.device)
        fresh = self.scaled(v)[order[torch.arange(len(dead), device=v.device) % len(v)]]
        if processes.is_initialized():   # vectors differ per process, entries must not
            processes.broadcast(fresh, 0)
        self.usage.copy_(torch.where(dead, torch.where(mean == 0, 1, mean), self.usage))
        self.words.copy_(torch.where(dead[:, None], fresh, self.words))
        self.sums.copy_(torch.where(dead[:, None], fresh * self.usage[:, None], self.sums))

    @torch.no_grad()
    def follow(self, v: Tensor, words: Tensor) -> None:
        """Count the vectors (N, D) assigned to each entry, by their token indices (N,). With `ema`,
        move the entries to the running means, with Laplace-smoothed counts."""
        usage = torch.zeros_like(self.usage).index_add(0, words, torch.ones_like(v[:, 0]))
        sums = torch.zeros_like(self.sums).index_add(0, words, self.scaled(v))
        if processes.is_initialized():
            processes.all_reduce(usage)
            processes.all_reduce(sums)
        self.usage.lerp_(usage, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        if self.ema:
            total = self.usage.sum()
            smooth = (self.usage + SMOOTHING) / (total + len(usage) * SMOOTHING) * total
            self.words.copy_(self.scaled(self.sums / smooth[:, None]))
