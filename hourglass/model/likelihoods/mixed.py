"""The likelihood of a table's rows, whose columns are of different kinds."""

import math
import re
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal
from torch.nn.functional import logsigmoid

from ...core.registry import likelihoods
from .common import EVERYWHERE, RAREST, Elementwise, above, logit_of, mean_of

NARROWEST = -4.0   # the logarithm of a number's spread stays above that, in its own deviations
TOKEN = re.compile(r"(number|pair|kinds)(?:\((\d*\.?\d+(?:e-?\d+)?)\))?(?:\*([1-9]\d*))?")


class Block(NamedTuple):
    """Neighbouring numbers of a row that have one distribution, or are of one kind."""

    kind: str          # number, pair or kinds
    width: int         # numbers of the row that it takes
    share: float = 0   # of the rows in which a pair is the greater of its two values


@likelihoods.add("mixed", example="mixed('number*2, kinds(3), pair(0.25)')")
class Mixed(nn.Module):
    """Of tables: each column has its own distribution, and a category counts once, however many
    numbers it takes (Nazabal et al., 2020, arXiv 1807.03653). Tables with categories get this.

    `columns` says what a row's numbers are, in order: `number` a number, normal with a spread that
    is learnt for the column; `kinds(3)` three that are a category of three kinds; `pair(0.25)` one
    that has but two values, the greater in a quarter of the rows, at mean 0 and deviation 1;
    `number*12` are twelve of them. A table that is trained on says it itself.
    """

    support = EVERYWHERE
    discrete = False   # numbers have a density, kinds a probability

    def __init__(self, columns: str = ""):
        super().__init__()
        self.blocks = _read(columns)
        numbers = sum(b.width for b in self.blocks if b.kind == "number")
        self.log_std = nn.Parameter(torch.zeros(numbers))

    @property
    def cells(self) -> tuple[int, ...]:
        """How many numbers of a row each of its columns takes."""
        return tuple(width for block in self.blocks for width in (
            [block.width] if block.kind == "kinds" else [1] * block.width))

    def forward(self, params: Tensor) -> Distribution:
        widths = [block.width for block in self.blocks]
        spreads = iter(above(self.log_std, NARROWEST).exp().split(
            [block.width for block in self.blocks if block.kind == "number"]))
        made = [_number(part, next(spreads)) if block.kind == "number" else
                _pair(part, block.share) if block.kind == "pair" else _kinds(part)
                for block, part in zip(self.blocks, params.split(widths, 1), strict=True)]

        def log_prob(x: Tensor) -> Tensor:
            return torch.cat([one.log_prob(part) for one, part in zip(
                made, x.split(widths, 1), strict=True)], 1)
        return Elementwise(params.shape, log_prob,
                           lambda: torch.cat([one.mean for one in made], 1))

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        width = sum(block.width for block in self.blocks)
        if not width:
            raise ValueError("mixed needs a table, or to be told what the columns are, as in "
                             "mixed('number*2, kinds(3)')")
        if shape != (width,):
            raise ValueError(f"mixed needs rows of {width} numbers, as its columns say, not "
                             f"samples of shape {shape}")
        return shape

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """Means of numbers, logits of pairs' and log frequencies of categories."""
        parts = mean_of(x, known).split([block.width for block in self.blocks])
        return torch.cat([
            part if block.kind == "number" else
            logit_of(block.share + math.sqrt(block.share * (1 - block.share)) * part)
            if block.kind == "pair" else part.clamp(min=RAREST).log()
            for block, part in zip(self.blocks, parts, strict=True)])

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {}


def _kinds(logits: Tensor) -> Distribution:
    """A category: x is 1 at the kind it is, so only that one's log probability counts; where it is
    missing, x is 0 everywhere."""
    logs = logits.log_softmax(1)
    return Elementwise(logs.shape, lambda x: x * logs, logs.exp)


def _pair(logits: Tensor, share: float) -> Distribution:
    """One of two values, the lesser below 0 and the greater above."""
    std = math.sqrt(share * (1 - share))
    return Elementwise(logits.shape, lambda x: logsigmoid(torch.where(x > 0, logits, -logits)),
                       lambda: (logits.sigmoid() - share) / std)


def _number(mean: Tensor, std: Tensor) -> Distribution:
    return Normal(mean, std, validate_args=False)


def _read(columns: str) -> list[Block]:
    """The blocks that a text names; raises ValueError."""
    found: list[Block] = []
    for token in filter(None, (part.strip() for part in columns.split(","))):
        read = TOKEN.fullmatch(token)
        kind, value, times = read.groups() if read else ("", None, None)
        if kind == "number" and not value:
            found.append(Block(kind, int(times or 1)))
        elif kind == "kinds" and value and value.isdigit() and int(value) > 1:
            found += [Block(kind, int(value))] * int(times or 1)
        elif kind == "pair" and value and 0 < float(value) < 1:
            found += [Block(kind, 1, float(value))] * int(times or 1)
        else:
            raise ValueError(f"mixed cannot read {token!r}; columns are such as number, "
                             f"number*12, kinds(3) or pair(0.25), with commas between")
    return found
