"""Bottlenecks of words from learned codebooks."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...core.hints import Count, NotNegative, Rate
from ...core.registry import bottlenecks
from .codebook import Codebook
from .token_bottleneck import Found, Quantised, squared, straight_through
from .token_grid import Grid
from .token_grid import places as lay_out


class Nearest(nn.Module):
    """The nearest word of one codebook."""

    each: tuple[int, ...] = ()

    def __init__(self, book: Codebook, commitment: float):
        super().__init__()
        self.book, self.commitment, self.size = book, commitment, len(book.words)

    def forward(self, v: Tensor, learn: bool) -> Found:
        words, w, penalties = nearest(self.book, v, learn, self.commitment)
        return straight_through(self.book.scaled(v), w), words, penalties

    def read(self, w: Tensor) -> Tensor:
        return self.book.nearest(w)

    def write(self, words: Tensor) -> Tensor:
        return self.book.write(words)


class Several(nn.Module):
    """The nearest words of several codebooks, one after another in w: of parts of a vector, or, if
    `residual`, each of what those before it leave, so that the words' sum is near the vector."""

    def __init__(self, books: list[Codebook], commitment: float, residual: bool):
        super().__init__()
        self.books, self.commitment, self.residual = nn.ModuleList(books), commitment, residual
        self.size = len(books[0].words)
        self.each: tuple[int, ...] = (len(books),)

    def forward(self, v: Tensor, learn: bool) -> Found:
        found, said, penalties = [], [], dict[str, Tensor]()
        left = v
        for i, book in enumerate(self._each()):
            part = left if self.residual else v.chunk(len(self.books), 2)[i]
            words, w, paid = nearest(book, part, learn, self.commitment)
            left = left - w.detach() if self.residual else v
            # the gradient of a sum of words is v's once, not as often as there are words
            straight = i == 0 or not self.residual
            said.append(straight_through(part, w) if straight else w.detach())
            found.append(words)
            penalties = {name: penalties.get(name, 0) + value for name, value in paid.items()}
        return torch.cat(said, 2), torch.stack(found, 2), penalties

    def read(self, w: Tensor) -> Tensor:
        each = zip(self._each(), w.chunk(len(self.books), 2), strict=True)
        return torch.stack([book.nearest(part) for book, part in each], 2)

    def write(self, words: Tensor) -> Tensor:
        each = zip(self._each(), words.unbind(2), strict=True)
        return torch.cat([book.write(some) for book, some in each], 2)

    def _each(self) -> Iterator[Codebook]:
        for book in self.books:
            assert isinstance(book, Codebook)
            yield book


class Summed(nn.Module):
    """z of several words a place -> that of their sums."""

    def __init__(self, grid: Grid, depth: int):
        super().__init__()
        self.grid, self.depth = grid, depth

    def forward(self, z: Tensor) -> Tensor:
        summed = self.grid.split(z).unflatten(2, (self.depth, -1)).sum(2)
        return self.grid.join(summed, self.grid.of(z))


def nearest(
    book: Codebook, v: Tensor, learn: bool, commitment: float
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Vectors v (B, P, D) -> the nearest words (B, P), what they say (B, P, D), and the penalties
    (B,): squared distances, of which the commitment's moves v and the codebook's the words."""
    if learn:
        book.begin(v.flatten(0, 1))
    words = book.nearest(v)
    w, u = book.write(words), book.scaled(v)
    if learn:
        book.follow(v.flatten(0, 1), words.flatten())
    penalties = {"commitment": commitment * squared(u - w.detach())}
    return words, w, penalties if book.ema else penalties | {"codebook": squared(w - u.detach())}


@bottlenecks.add("vq")
def vq(
    code: tuple[int, ...], back: tuple[int, ...], words: Count = 256, dim: Count | None = 16,
    places: Count = 8, ema: bool = True, decay: Rate = 0.99, commitment: NotNegative = 0.25,
    restart: bool = True, cosine: bool = False,
) -> nn.Module:
    """Each place of the code becomes the nearest of so many `words` of `dim` numbers (van den Oord
    et al., 2017, arXiv 1711.00937). Of a map every place is a word; of a vector, `places` are.

    With `ema` words are running means of what chose them; else the penalty `codebook` draws them
    there. The penalty `commitment`, at its weight, draws the encoder to the words; both are squared
    distances, summed over a sample. Unused words begin anew, if `restart`; `cosine` compares
    directions alone (Yu et al., 2022, arXiv 2110.04627). dim=None takes the map as it is.
    """
    layers = lay_out(code, back, dim, places)
    book = Codebook(words, layers[2].dim, ema, decay, restart, cosine)
    return Quantised(layers, Nearest(book, commitment))


@bottlenecks.add("residual_vq")
def residual_vq(
    code: tuple[int, ...], back: tuple[int, ...], words: Count = 64, dim: Count = 16,
    depth: Count = 4, places: Count = 8, decay: Rate = 0.99, commitment: NotNegative = 0.25,
    restart: bool = True,
) -> nn.Module:
    """Each place of the code becomes the sum of `depth` words: the nearest of a first codebook,
    then of a second one the nearest to what is left, and so on (Zeghidour et al., 2021, arXiv
    2107.03312; Lee et al., 2022, arXiv 2203.01941). z holds them one after another; else as vq.
    """
    reduce, expand, grid = lay_out(code, back, dim, places)
    books = [Codebook(words, dim, True, decay, restart) for _ in range(depth)]
    layers = reduce, nn.Sequential(Summed(grid, depth), expand), grid
    return Quantised(layers, Several(books, commitment, residual=True))


@bottlenecks.add("product_vq")
def product_vq(
    code: tuple[int, ...], back: tuple[int, ...], words: Count = 64, dim: Count = 16,
    groups: Count = 4, places: Count = 8, decay: Rate = 0.99, commitment: NotNegative = 0.25,
    restart: bool = True,
) -> nn.Module:
    """Each place of the code becomes `groups` words, one after another, each of a codebook of its
    own and of dim / groups numbers (Jegou, Douze & Schmid, 2011); else as vq.
    """
    if dim % groups:
        raise ValueError(f"product_vq needs a dim that {groups} groups share evenly, not {dim}")
    books = [Codebook(words, dim // groups, True, decay, restart) for _ in range(groups)]
    return Quantised(lay_out(code, back, dim, places), Several(books, commitment, residual=False))
