"""Pieces of networks for sequences: what they read, where a line ends, how they write."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...core.precision import at_least_single, full_precision
from ...core.tokens import END, PAD

Choose = Callable[[Tensor], Tensor]
LARGE = 4000                # tokens of a vocabulary, from which on the rare ones cost less
SLOWEST = 10_000.0          # wavelength of the slowest wave of a position
FREQUENT = (0.1, 0.4)       # shares of a large vocabulary: the frequent, and the less frequent


def check_sequence(name: str, shape: tuple[int, ...], out: tuple[int, ...]) -> bool:
    """Whether samples are lines of tokens (T,), not series (C, T). Raises ValueError for others."""
    if len(shape) == 1 and len(out) == 2:
        return True
    if len(shape) == 2:
        return False
    raise ValueError(f"the backbone {name} needs sequences: lines of text or series (C, T), not "
                     f"samples of shape {shape}")


def trimmed(x: Tensor) -> Tensor:
    """Token indices (B, S) of lines x (B, T), without the places where all are padding."""
    ids = x.long()
    if ids.is_meta or not ids.numel():
        return ids
    return ids[:, :max(1, int(ends_of(ids).max()))]


def ends_of(ids: Tensor) -> Tensor:
    """The number of places (B,) of lines (B, T), up to the last that is not padding."""
    places = torch.arange(1, ids.shape[1] + 1, device=ids.device)
    return ((ids != PAD) * places).amax(1)


def before(ids: Tensor) -> Tensor:
    """What precedes each token of lines (B, T): padding first."""
    return nn.functional.pad(ids[:, :-1], (1, 0), value=PAD)


def with_positions(read: Tensor) -> Tensor:
    """(B, T, D) with waves that say where each place is."""
    places, width = read.shape[1:]
    speed = torch.exp(-math.log(SLOWEST) * torch.arange(0, width, 2) / width)
    angle = torch.arange(places)[:, None] * speed
    return read + torch.cat([angle.sin(), angle.cos()], 1).to(read)


class TokenInput(nn.Module):
    """Token indices (B, T) -> (B, T, width). In training, `word_dropout` hides that share of them,
    so that a decoder must read the code (Bowman et al., 2016, arXiv 1511.06349)."""

    def __init__(self, size: int, width: int, dropout: float, word_dropout: float = 0.0):
        super().__init__()
        self.table = nn.Embedding(size + 1, width)
        nn.init.normal_(self.table.weight, std=width**-0.5)
        self.dropout, self.word_dropout = nn.Dropout(dropout), word_dropout

    def forward(self, ids: Tensor) -> Tensor:
        if self.training and self.word_dropout:
            hidden = torch.rand(ids.shape, device=ids.device) < self.word_dropout
            ids = ids.masked_fill(hidden, PAD)
        embedded: Tensor = self.dropout(self.table(ids))
        return embedded


class TokenHead(nn.Module):
    """States (B, S, width) and tokens (B, S) -> log probability of each token, (B, S), in nats; 0
    where it is padding.

    Tokens are numbered by how frequent they are. Of LARGE vocabularies, the rare tokens get fewer
    numbers than the frequent ones, which is several times as fast (adaptive softmax of Grave et
    al., 2017, arXiv 1609.04309).
    """

    def __init__(self, width: int, size: int):
        super().__init__()
        cuts = [round(share * size) for share in FREQUENT]
        self.large = size >= LARGE
        self.leave = (nn.AdaptiveLogSoftmaxWithLoss(width, size, cuts) if self.large else
                      nn.Linear(width, size))

    def forward(self, states: Tensor, ids: Tensor) -> Tensor:
        if ids.is_meta:
            return self.logits(states.flatten(0, 1)).log_softmax(1)[:, 0].unflatten(0, ids.shape)
        known = ids != PAD   # what pads a line costs nothing
        with full_precision(states):
            read, targets = at_least_single(states[known]), ids[known] - 1
            log_probs = (self.leave(read, targets).output if self.large else
                         -nn.functional.cross_entropy(self.leave(read), targets, reduction="none"))
        return torch.zeros(ids.shape, dtype=log_probs.dtype, device=ids.device).masked_scatter(
            known, log_probs)

    def logits(self, states: Tensor) -> Tensor:
        """Logits (N, size) of states (N, width); the first is of the token 1."""
        with full_precision(states):
            read = at_least_single(states)
            logits: Tensor = (
                self.leave.log_prob(read) if self.large else self.leave(read))  # type: ignore[operator]
        return logits


def log_probs_by_prefix(decoder: nn.Module, h: Tensor, x: Tensor) -> Tensor:
    """Log probability (B, S) of the first S of tokens x (B, T), each given those before it."""
    ids = trimmed(x)
    log_probs: Tensor = decoder.head(decoder.read(h, before(ids)), ids)  # type: ignore[operator]
    return log_probs


def write_by_prefix(decoder: nn.Module, h: Tensor, length: int, choose: Choose) -> Tensor:
    """Tokens (B, length) that a decoder writes one by one, each time reading all before it."""
    ids = torch.zeros(len(h), length, dtype=torch.long, device=h.device)
    done = torch.zeros(len(h), dtype=torch.bool, device=h.device)
    for place in range(length):
        states = decoder.read(h, before(ids[:, :place + 1]))  # type: ignore[operator]
        logits = decoder.head.logits(states[:, -1])  # type: ignore[union-attr, operator]
        ids[:, place] = choose(logits).masked_fill(done, PAD)
        done = done | (ids[:, place] == END)
        if done.all():
            break
    return ids
