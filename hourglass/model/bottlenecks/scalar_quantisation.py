"""Discrete bottlenecks without a codebook: every number is rounded by itself."""

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor, nn

from ...core.hints import Count, NotNegative, Positive
from ...core.registry import bottlenecks
from .token_bottleneck import Found, Quantised, squared, straight_through
from .token_grid import places as lay_out

BEYOND = 1e-3   # margin beyond the outermost levels, so that rounding reaches them
Levels = Annotated[int, Ge(3)]
Bits = Annotated[int, Ge(1), Le(24)]


class Standardise(nn.Module):
    """Standardise numbers by the first batch's mean and variance, so that all levels are used from
    the start."""

    mean: Tensor
    std: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.zeros(dim))   # 0 before the first batch

    def forward(self, v: Tensor, learn: bool) -> Tensor:
        if learn:
            with torch.no_grad():
                flat, new = v.flatten(0, 1), self.std == 0
                std = flat.std(0, correction=0).clamp(min=1e-6)
                self.mean.copy_(torch.where(new, flat.mean(0), self.mean))
                self.std.copy_(torch.where(new, std, self.std))
        return (v - self.mean) / torch.where(self.std == 0, 1, self.std)


class RoundedLevels(nn.Module):
    """Numbers that are smoothly bounded and rounded to levels. The i-th has L levels, from
    -(L // 2) on, divided by L // 2."""

    levels: Tensor
    each: tuple[int, ...] = ()

    def __init__(self, levels: tuple[int, ...]):
        super().__init__()
        counts = torch.tensor(levels, device="cpu")
        self.size, self.spread = int(counts.prod()), Standardise(len(levels))
        self.register_buffer("levels", torch.tensor(levels), persistent=False)

    def bounded(self, v: Tensor) -> Tensor:
        """Bound v (..., D) so that rounding gives each number its levels and keeps 0. An even
        number of levels has one more below 0 than above."""
        reach = (self.levels - 1) * (1 + BEYOND) / 2
        offset = (1 - self.levels % 2) / 2
        return torch.tanh(v + torch.atanh(offset / reach)) * reach - offset

    def forward(self, v: Tensor, learn: bool) -> Found:
        u = self.bounded(self.spread(v, learn))
        w = straight_through(u, u.round()) / (self.levels // 2)
        return w, self.read(w), {}

    @torch.no_grad()
    def read(self, w: Tensor) -> Tensor:
        half = self.levels // 2
        levels = ((w * half).round() + half).long().clamp(min=0).minimum(self.levels - 1)
        return (levels * self._steps()).sum(-1)

    def write(self, words: Tensor) -> Tensor:
        half = self.levels // 2
        return (words[..., None] // self._steps() % self.levels - half) / half

    def _steps(self) -> Tensor:
        """Step of each number in the token index, (D,)."""
        return self.levels.cumprod(0) // self.levels


class Signs(nn.Module):
    """Keep only the signs of D numbers, which form a token of D bits."""

    each: tuple[int, ...] = ()

    def __init__(self, bits: int, entropy: float, commitment: float):
        super().__init__()
        self.size, self.bits, self.entropy, self.commitment = 2**bits, bits, entropy, commitment
        self.spread = Standardise(bits)

    def forward(self, v: Tensor, learn: bool) -> Found:
        v = self.spread(v, learn)
        words = read_bits(v)
        w = self.write(words).to(v.dtype)
        # probability of each sign from its distance to v: exp(-(v - 1)^2), normalised
        penalties = {"entropy": self.entropy * certainty(4 * v),
                     "commitment": self.commitment * squared(v - w)}
        return straight_through(v, w), words, penalties

    def read(self, w: Tensor) -> Tensor:
        return read_bits(w)

    def write(self, words: Tensor) -> Tensor:
        return signs_of(words, self.bits)


class SignsOnSphere(nn.Module):
    """Keep only the signs of D numbers on the unit sphere: a token of D bits, each +-1/sqrt(D)."""

    each: tuple[int, ...] = ()

    def __init__(self, bits: int, entropy: float, sharpness: float):
        super().__init__()
        self.size, self.bits, self.entropy, self.sharpness = 2**bits, bits, entropy, sharpness

    def forward(self, v: Tensor, learn: bool) -> Found:
        u = F.normalize(v, dim=-1)
        words = read_bits(u)
        # q(entry|u) is a softmax of sharpness * entry . u, which is independent for each sign
        logit = 2 * self.sharpness * u / self.bits**0.5
        return (straight_through(u, self.write(words).to(u.dtype)), words,
                {"entropy": self.entropy * certainty(logit)})

    def read(self, w: Tensor) -> Tensor:
        return read_bits(w)

    def write(self, words: Tensor) -> Tensor:
        return signs_of(words, self.bits) / self.bits**0.5


def steps(bits: int, like: Tensor) -> Tensor:
    """What each bit adds to a token's index, (D,)."""
    return 2 ** torch.arange(bits, device=like.device)


@torch.no_grad()
def read_bits(w: Tensor) -> Tensor:
    """The index (...) of the signs of w (..., D)."""
    return ((w > 0) * steps(w.shape[-1], w)).sum(-1)


def signs_of(words: Tensor, bits: int) -> Tensor:
    """Signs (..., D), as +-1, of token indices (...)."""
    return 2.0 * (words[..., None] // steps(bits, words) % 2) - 1


def certainty(logit: Tensor) -> Tensor:
    """The entropy of each sample's signs less that of the batch's signs, in nats, from their logits
    (B, P, D), summed over positions: (B,)."""
    probable = torch.sigmoid(logit)
    own = bits_of(logit, probable).flatten(1).sum(1)
    mean = probable.flatten(0, 1).mean(0)
    return own - logit.shape[1] * bits_of(torch.logit(mean, eps=1e-6), mean).sum()


def bits_of(logit: Tensor, probable: Tensor) -> Tensor:
    """Entropy in nats of binary variables with these logits and probabilities."""
    return F.softplus(logit) - logit * probable


@bottlenecks.add("fsq")
def fsq(
    code: tuple[int, ...], back: tuple[int, ...], levels: tuple[Levels, ...] = (7, 5, 5, 5),
    places: Count = 8,
) -> nn.Module:
    """Finite scalar quantisation: each position holds one number per entry of `levels`, rounded to
    that many values; together they form a token (Mentzer et al., 2023, arXiv 2309.15505). Nothing
    is learned, and no token dies. A map has a token at every position; a vector has `places`
    tokens.
    """
    if not levels:
        raise ValueError("fsq needs levels, such as fsq((7, 5, 5, 5))")
    return Quantised(lay_out(code, back, len(levels), places), RoundedLevels(levels))


@bottlenecks.add("lfq")
def lfq(
    code: tuple[int, ...], back: tuple[int, ...], bits: Bits = 10, entropy: NotNegative = 0.1,
    commitment: NotNegative = 0.25, places: Count = 8,
) -> nn.Module:
    """Lookup-free quantisation: each position holds the signs of `bits` numbers, the bits of its
    token (Yu et al., 2024, arXiv 2310.05737). The penalty `entropy` makes each sample's bits
    certain and the batch's bits diverse: it is the entropy of a sample's bits minus that of the
    batch's, bit by bit, in nats, summed over positions.
    """
    return Quantised(lay_out(code, back, bits, places), Signs(bits, entropy, commitment))


@bottlenecks.add("bsq")
def bsq(
    code: tuple[int, ...], back: tuple[int, ...], bits: Bits = 12, entropy: NotNegative = 0.1,
    sharpness: Positive = 10.0, places: Count = 8,
) -> nn.Module:
    """Binary spherical quantisation: each position holds a point of the unit sphere, rounded to the
    signs of its `bits` numbers (Zhao et al., 2024, arXiv 2406.07548). The rounding error is
    bounded, so there is no commitment loss. `entropy` is the weight of the penalty in lfq. With a
    larger `sharpness`, a point near an entry counts more surely as that entry.
    """
    return Quantised(lay_out(code, back, bits, places), SignsOnSphere(bits, entropy, sharpness))
