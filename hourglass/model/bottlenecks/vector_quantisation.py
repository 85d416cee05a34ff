"""Discrete bottlenecks with learned codebooks."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...core.hints import Count, NotNegative, Rate
from ...core.registry import bottlenecks
from .codebook import Codebook
from .linear_codebook import LinearCodebook
from .token_bottleneck import Found, Quantised, squared, straight_through, turned
from .token_grid import TokenGrid
from .token_grid import places as lay_out

Book = Codebook | LinearCodebook


class NearestEntry(nn.Module):
    """The nearest entry of one codebook."""

    each: tuple[int, ...] = ()

    def __init__(self, book: Book, commitment: float, rotate: bool = False):
        super().__init__()
        self.book, self.commitment, self.size = book, commitment, len(book.words)
        self.pass_on = turned if rotate else straight_through

    def forward(self, v: Tensor, learn: bool) -> Found:
        words, w, penalties = nearest(self.book, v, learn, self.commitment)
        return self.pass_on(self.book.scaled(v), w), words, penalties

    def read(self, w: Tensor) -> Tensor:
        return self.book.nearest(w)

    def write(self, words: Tensor) -> Tensor:
        return self.book.write(words)


class SeveralCodebooks(nn.Module):
    """The nearest entries of several codebooks, concatenated in w. Each codebook encodes a part of
    the vector, or, if `residual`, what the earlier ones leave, so that the entries add up to it."""

    def __init__(self, books: list[Codebook], commitment: float, residual: bool):
        super().__init__()
        self.books, self.commitment, self.residual = nn.ModuleList(books), commitment, residual
        self.size = len(books[0].words)
        self.each: tuple[int, ...] = (len(books),)

    def forward(self, v: Tensor, learn: bool) -> Found:
        indices, quantised, penalties = [], [], dict[str, Tensor]()
        left = v
        for i, book in enumerate(self._each()):
            part = left if self.residual else v.chunk(len(self.books), 2)[i]
            words, w, paid = nearest(book, part, learn, self.commitment)
            left = left - w.detach() if self.residual else v
            # a sum of entries has v's gradient once, not once per entry
            straight = i == 0 or not self.residual
            quantised.append(straight_through(part, w) if straight else w.detach())
            indices.append(words)
            penalties = {name: penalties.get(name, 0) + value for name, value in paid.items()}
        return torch.cat(quantised, 2), torch.stack(indices, 2), penalties

    def read(self, w: Tensor) -> Tensor:
        pairs = zip(self._each(), w.chunk(len(self.books), 2), strict=True)
        return torch.stack([book.nearest(part) for book, part in pairs], 2)

    def write(self, words: Tensor) -> Tensor:
        pairs = zip(self._each(), words.unbind(2), strict=True)
        return torch.cat([book.write(some) for book, some in pairs], 2)

    def _each(self) -> Iterator[Codebook]:
        for book in self.books:
            assert isinstance(book, Codebook)
            yield book


class SumOfEntries(nn.Module):
    """z with several entries per position -> z with their sums."""

    def __init__(self, grid: TokenGrid, depth: int):
        super().__init__()
        self.grid, self.depth = grid, depth

    def forward(self, z: Tensor) -> Tensor:
        summed = self.grid.split(z).unflatten(2, (self.depth, -1)).sum(2)
        return self.grid.join(summed, self.grid.of(z))


def nearest(
    book: Book, v: Tensor, learn: bool, commitment: float
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Vectors v (B, P, D) -> indices of the nearest entries (B, P), these entries (B, P, D), and
    penalties (B,): squared distances. `commitment` moves v, `codebook` moves the entries."""
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
    restart: bool = True, cosine: bool = False, rotate: bool = False,
) -> nn.Module:
    """Vector quantisation: each position of the code becomes the nearest of `words` codebook
    entries with `dim` numbers (van den Oord et al., 2017, arXiv 1711.00937). A map has a token at
    every position; a vector has `places` tokens.

    With `ema`, entries are running means of the vectors assigned to them; otherwise the penalty
    `codebook` moves them. The penalty `commitment`, times its weight, moves the encoder's vectors
    to the entries; both are squared distances, summed over a sample. With `restart`, unused entries
    are initialised again. `cosine` compares directions only (Yu et al., 2022, arXiv 2110.04627).
    dim=None uses the map unchanged. `rotate` turns the decoder's gradient from the entry to the
    vector (Fifty et al., 2024, arXiv 2410.06424); otherwise it is passed on as it is.
    """
    layers = lay_out(code, back, dim, places)
    book = Codebook(words, layers[2].dim, ema, decay, restart, cosine)
    return Quantised(layers, NearestEntry(book, commitment, rotate))


@bottlenecks.add("sim_vq")
def sim_vq(
    code: tuple[int, ...], back: tuple[int, ...], words: Count = 1024, dim: Count = 16,
    places: Count = 8, commitment: NotNegative = 0.25, rotate: bool = False,
) -> nn.Module:
    """Vector quantisation with one linear layer over a fixed random codebook: all entries move
    together, so that a large codebook stays in use (Zhu et al., 2024, arXiv 2411.02038). Other
    arguments: see vq.
    """
    layers = lay_out(code, back, dim, places)
    return Quantised(layers, NearestEntry(LinearCodebook(words, dim), commitment, rotate))


@bottlenecks.add("residual_vq")
def residual_vq(
    code: tuple[int, ...], back: tuple[int, ...], words: Count = 64, dim: Count = 16,
    depth: Count = 4, places: Count = 8, decay: Rate = 0.99, commitment: NotNegative = 0.25,
    restart: bool = True,
) -> nn.Module:
    """Residual vector quantisation: each position becomes the sum of `depth` entries. Each codebook
    encodes what the earlier ones leave (Zeghidour et al., 2021, arXiv 2107.03312; Lee et al., 2022,
    arXiv 2203.01941). z holds the entries one after another. Other arguments: see vq.
    """
    reduce, expand, grid = lay_out(code, back, dim, places)
    books = [Codebook(words, dim, True, decay, restart) for _ in range(depth)]
    layers = reduce, nn.Sequential(SumOfEntries(grid, depth), expand), grid
    return Quantised(layers, SeveralCodebooks(books, commitment, residual=True))


@bottlenecks.add("product_vq")
def product_vq(
    code: tuple[int, ...], back: tuple[int, ...], words: Count = 64, dim: Count = 16,
    groups: Count = 4, places: Count = 8, decay: Rate = 0.99, commitment: NotNegative = 0.25,
    restart: bool = True,
) -> nn.Module:
    """Product quantisation: each position becomes `groups` entries, one after another, each from
    its own codebook with dim / groups numbers (Jegou, Douze & Schmid, 2011). Other arguments: see
    vq.
    """
    if dim % groups:
        raise ValueError(f"product_vq needs a dim that is a multiple of {groups} groups, not {dim}")
    books = [Codebook(words, dim // groups, True, decay, restart) for _ in range(groups)]
    quantiser = SeveralCodebooks(books, commitment, residual=False)
    return Quantised(lay_out(code, back, dim, places), quantiser)
