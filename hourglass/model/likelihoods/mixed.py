"""The likelihood of table rows with columns of different kinds."""

import math
import re
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal
from torch.nn.functional import logsigmoid

from ...core.registry import likelihoods
from .common import EVERYWHERE, RAREST, Elementwise, above, logit_of, mean_of

NARROWEST = -4.0   # least log standard deviation of a standardised number
TOKEN = re.compile(r"(number|pair|kinds)(?:\((\d*\.?\d+(?:e-?\d+)?)\))?(?:\*([1-9]\d*))?")


class ColumnGroup(NamedTuple):
    """Neighbouring numbers of a row with one kind of distribution, or of one category."""

    kind: str          # number, pair or kinds
    width: int         # how many numbers of the row
    share: float = 0   # of the rows in which a pair has its larger value


@likelihoods.add("mixed", example="mixed('number*2, kinds(3), pair(0.25)')")
class MixedLikelihood(nn.Module):
    """For tables: each column has its own distribution, and a category counts once, for any number
    of classes (Nazabal et al., 2020, arXiv 1807.03653). It is the default for tables with
    categories.

    `columns` describes a row's numbers in order. `number` is a normal distribution with a standard
    deviation learned for the column. `kinds(3)` is a category with three classes. `pair(0.25)` is a
    column with two values, the larger one in a quarter of the rows, standardised. `number*12` means
    twelve numbers. In training, the table sets it.
    """

    support = EVERYWHERE
    discrete = False   # numbers have a density, categories a probability

    def __init__(self, columns: str = ""):
        super().__init__()
        self.blocks = _read(columns)
        numbers = sum(b.width for b in self.blocks if b.kind == "number")
        self.log_std = nn.Parameter(torch.zeros(numbers))

    @property
    def cells(self) -> tuple[int, ...]:
        """Numbers of a row per column of the table."""
        return tuple(width for block in self.blocks for width in (
            [block.width] if block.kind == "kinds" else [1] * block.width))

    def forward(self, params: Tensor) -> Distribution:
        widths = [block.width for block in self.blocks]
        spreads = iter(above(self.log_std, NARROWEST).exp().split(
            [block.width for block in self.blocks if block.kind == "number"]))
        distributions = [_number(part, next(spreads)) if block.kind == "number" else
                         _pair(part, block.share) if block.kind == "pair" else _kinds(part)
                         for block, part in zip(self.blocks, params.split(widths, 1), strict=True)]

        def log_prob(x: Tensor) -> Tensor:
            return torch.cat([one.log_prob(part) for one, part in zip(
                distributions, x.split(widths, 1), strict=True)], 1)
        return Elementwise(params.shape, log_prob,
                           lambda: torch.cat([one.mean for one in distributions], 1))

    def out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        width = sum(block.width for block in self.blocks)
        if not width:
            raise ValueError("mixed needs a table, or a description of its columns, such as "
                             "mixed('number*2, kinds(3)')")
        if shape != (width,):
            raise ValueError(f"mixed needs rows of {width} numbers for its columns, not samples of "
                             f"shape {shape}")
        return shape

    def start(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """Means of numbers, logits of pairs, and log frequencies of categories."""
        parts = mean_of(x, known).split([block.width for block in self.blocks])
        return torch.cat([
            part if block.kind == "number" else
            logit_of(block.share + math.sqrt(block.share * (1 - block.share)) * part)
            if block.kind == "pair" else part.clamp(min=RAREST).log()
            for block, part in zip(self.blocks, parts, strict=True)])

    def per_value(self, nats: float, values: float) -> dict[str, float]:
        return {}


def _kinds(logits: Tensor) -> Distribution:
    """A category. x is 1 at its class and 0 elsewhere, so only that log probability counts. For a
    missing category, x is 0 everywhere."""
    logs = logits.log_softmax(1)
    return Elementwise(logs.shape, lambda x: x * logs, logs.exp)


def _pair(logits: Tensor, share: float) -> Distribution:
    """One of two values, the smaller below 0 and the larger above."""
    std = math.sqrt(share * (1 - share))
    return Elementwise(logits.shape, lambda x: logsigmoid(torch.where(x > 0, logits, -logits)),
                       lambda: (logits.sigmoid() - share) / std)


def _number(mean: Tensor, std: Tensor) -> Distribution:
    return Normal(mean, std, validate_args=False)


def _read(columns: str) -> list[ColumnGroup]:
    """Read the description of the columns. Raises ValueError."""
    groups: list[ColumnGroup] = []
    for token in filter(None, (part.strip() for part in columns.split(","))):
        read = TOKEN.fullmatch(token)
        kind, value, times = read.groups() if read else ("", None, None)
        if kind == "number" and not value:
            groups.append(ColumnGroup(kind, int(times or 1)))
        elif kind == "kinds" and value and value.isdigit() and int(value) > 1:
            groups += [ColumnGroup(kind, int(value))] * int(times or 1)
        elif kind == "pair" and value and 0 < float(value) < 1:
            groups += [ColumnGroup(kind, 1, float(value))] * int(times or 1)
        else:
            raise ValueError(f"mixed cannot read {token!r}; write columns as number, number*12, "
                             f"kinds(3) or pair(0.25), separated by commas")
    return groups
