"""Bottlenecks of words from learned codebooks."""

from torch import Tensor, nn

from ..spec import Count, NotNegative, Rate, bottlenecks
from .codebook import Codebook
from .places import places as lay_out
from .quantised import Found, Quantised, squared, straight_through


class Chosen(nn.Module):
    """The nearest word of one codebook."""

    each: tuple[int, ...] = ()

    def __init__(self, book: Codebook, commitment: float):
        super().__init__()
        self.book, self.commitment, self.size = book, commitment, len(book.words)

    def forward(self, v: Tensor, learn: bool) -> Found:
        words, w, penalties = chosen(self.book, v, learn, self.commitment)
        return straight_through(self.book.scaled(v), w), words, penalties

    def read(self, w: Tensor) -> Tensor:
        return self.book.nearest(w)

    def write(self, words: Tensor) -> Tensor:
        return self.book.write(words)


def chosen(
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
    return Quantised(layers, Chosen(book, commitment))
