"""The bottleneck of words from a learned codebook."""

import torch
from torch import Tensor, nn

from ..contracts import Alphabet, Latent
from ..spec import Count, NotNegative, Rate, bottlenecks
from .codebook import Codebook
from .places import places as lay_out


def straight_through(v: Tensor, w: Tensor) -> Tensor:
    """w itself, with v's gradient (Bengio et al., 2013, arXiv 1308.3432)."""
    return w.detach() + (v - v.detach())


@bottlenecks.add("vq")
class VectorQuantiser(nn.Module):
    """Each place of the code becomes the nearest of so many `words` of `dim` numbers (van den Oord
    et al., 2017, arXiv 1711.00937). Of a map every place is a word; of a vector, `places` are.

    With `ema` words are running means of what chose them; else the penalty `codebook` draws them
    there. The penalty `commitment`, at its weight, draws the encoder to the words; both are squared
    distances, summed over a sample. Unused words begin anew, if `restart`; `cosine` compares
    directions alone (Yu et al., 2022, arXiv 2110.04627). dim=None takes the map as it is.
    """

    confined = False

    def __init__(self, code: tuple[int, ...], back: tuple[int, ...], words: Count = 256,
                 dim: Count | None = 16, places: Count = 8, ema: bool = True, decay: Rate = 0.99,
                 commitment: NotNegative = 0.25, restart: bool = True, cosine: bool = False):
        super().__init__()
        self.reduce, self.expand, self.grid = lay_out(code, back, dim, places)
        self.book = Codebook(words, self.grid.dim, ema, decay, restart, cosine)
        self.commitment = commitment

    @property
    def alphabet(self) -> Alphabet:
        """The codebook's words."""
        return Alphabet(len(self.book.words), self.grid.places, self._read, self._write)

    def forward(self, h: Tensor, draw: bool = False) -> Latent:
        v = self.grid.split(self.reduce(h))   # (B, P, D)
        if self.training and draw:
            self.book.begin(v.flatten(0, 1))
        words = self.book.nearest(v)
        w, u = self.book.write(words), self.book.scaled(v)
        if self.training and draw:
            self.book.follow(v.flatten(0, 1), words.flatten())
        penalties = {} if self.book.ema else {"codebook": squared(w - u.detach())}
        penalties["commitment"] = self.commitment * squared(u - w.detach())
        z = self.grid.join(straight_through(u, w))
        return Latent(z, codes=words.unflatten(1, self.grid.places), penalties=penalties)

    def settle(self, z: Tensor) -> Tensor:
        """The nearest words to z (B, ...)."""
        return self._write(self._read(z))

    def sample_prior(self, n: int) -> Tensor:
        words = torch.randint(len(self.book.words), (n, *self.grid.places))
        return self._write(words.to(self.book.words.device))

    def _read(self, z: Tensor) -> Tensor:
        return self.book.nearest(self.grid.split(z)).unflatten(1, self.grid.places)

    def _write(self, words: Tensor) -> Tensor:
        return self.grid.join(self.book.write(words.flatten(1)))


def squared(t: Tensor) -> Tensor:
    """(B, ...) -> (B,), the sum of squares."""
    return t.square().flatten(1).sum(1)
