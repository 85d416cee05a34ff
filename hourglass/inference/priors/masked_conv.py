"""An autoregressive network over a grid of tokens, with masked convolutions."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Look = Callable[["Before", Tensor], Tensor]   # a convolution's part, of a map or at one place
FIRST, LATER = 3, 2   # reach of the first and of later convolutions, in positions
WIDEST = 32           # reach of the first one for a grid with one row


class Before(nn.Module):
    """A masked convolution that sees the earlier positions in reading order and, with `itself`,
    also the current one (van den Oord et al., 2016, arXiv 1601.06759)."""

    mask: Tensor

    def __init__(self, n: int, m: int, reach: tuple[int, int], itself: bool):
        super().__init__()
        (self.up, self.side), self.channels = reach, n
        weight = torch.empty(m, n, self.up + 1, 2 * self.side + 1)
        self.weight = nn.Parameter(nn.init.kaiming_uniform_(weight, a=5**0.5))
        self.bias = nn.Parameter(torch.zeros(m))
        mask = torch.ones_like(weight)
        mask[:, :, -1, self.side + itself:] = 0
        self.register_buffer("mask", mask, persistent=False)

    def padded(self, u: Tensor) -> Tensor:
        """Pad (B, n, H, W) with zeros at the borders."""
        return F.pad(u, (self.side, self.side, self.up, 0))

    def over(self, padded: Tensor) -> Tensor:
        """Convolve a padded map -> (B, m, H, W)."""
        return F.conv2d(padded, self.weight * self.mask, self.bias)

    def forward(self, u: Tensor) -> Tensor:
        return self.over(self.padded(u))


class GatedBlock(nn.Module):
    """A residual block around a gated convolution (van den Oord et al., 2016, arXiv 1606.05328)."""

    def __init__(self, hidden: int, reach: tuple[int, int]):
        super().__init__()
        self.enter = nn.Sequential(nn.SiLU(), nn.Conv2d(hidden, hidden // 2, 1), nn.SiLU())
        self.conv = Before(hidden // 2, hidden, reach, itself=True)
        self.leave = nn.Conv2d(hidden // 2, hidden, 1)

    def forward(self, h: Tensor, condition: Tensor, look: Look) -> Tensor:
        value, gate = (look(self.conv, self.enter(h)) + condition).chunk(2, 1)
        return h + self.leave(value.tanh() * gate.sigmoid())


class MaskedNetwork(nn.Module):
    """Tokens (B, H, W) in groups (B,) -> logits (B, K, H, W) of each position's K tokens."""

    def __init__(self, words: int, groups: int, grid: tuple[int, int], hidden: int, blocks: int):
        super().__init__()
        height, width = grid
        hidden += hidden % 2
        first = (min(FIRST, height - 1), min(FIRST if height > 1 else WIDEST, max(width - 1, 1)))
        later = (min(LATER, height - 1), min(LATER, width))
        self.words, self.kinds = nn.Embedding(words, hidden), nn.Embedding(groups, hidden)
        self.places = nn.Parameter(torch.zeros(hidden, height, width))
        self.enter = Before(hidden, hidden, first, itself=False)
        self.blocks = nn.ModuleList(GatedBlock(hidden, later) for _ in range(blocks))
        self.leave = nn.Sequential(nn.SiLU(), nn.Conv2d(hidden, hidden, 1), nn.SiLU(),
                                   nn.Conv2d(hidden, words, 1))

    def forward(self, words: Tensor, y: Tensor) -> Tensor:
        said = self.words(words).movedim(-1, 1)
        return self.scores(said, self.places, y, lambda conv, u: conv(u))

    def scores(self, said: Tensor, place: Tensor, y: Tensor, look: Look) -> Tensor:
        """Embedded tokens (B, hidden, H, W), or one of them -> logits there."""
        condition = self.kinds(y)[:, :, None, None]
        h = look(self.enter, said) + place + condition
        for block in self.blocks:
            h = block(h, condition, look)
        out: Tensor = self.leave(h)
        return out


class Reader:
    """Samples a grid position by position, computing each layer once per position (Ramachandran et
    al., 2017, arXiv 1704.06001)."""

    def __init__(self, network: MaskedNetwork, y: Tensor):
        self.network, self.y = network, y
        self.kept: dict[Before, Tensor] = {}   # inputs of every convolution, as far as known
        self.row = self.column = 0

    def scores(self, row: int, column: int) -> Tensor:
        """Logits (B, K) of the tokens at the next position."""
        self.row, self.column = row, column
        place = self.network.places[:, row:row + 1, column:column + 1]
        unknown = torch.zeros(len(self.y), self.network.enter.channels, 1, 1)
        return self.network.scores(unknown, place, self.y, self._look)[:, :, 0, 0]

    def tell(self, words: Tensor) -> None:
        """Set the tokens (B,) at that position."""
        self._put(self.network.enter, self.network.words(words)[:, :, None, None])

    def _put(self, conv: Before, u: Tensor) -> Tensor:
        if conv not in self.kept:
            empty = torch.zeros(len(u), conv.channels, *self.network.places.shape[1:])
            self.kept[conv] = conv.padded(empty)
        kept = self.kept[conv]
        kept[:, :, self.row + conv.up, self.column + conv.side] = u[:, :, 0, 0]
        return kept

    def _look(self, conv: Before, u: Tensor) -> Tensor:
        kept = self._put(conv, u)
        return conv.over(kept[:, :, self.row:self.row + conv.up + 1,
                              self.column:self.column + 2 * conv.side + 1])
