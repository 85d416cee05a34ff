"""Costs of a space's smallest and largest models, and limits on the models to train."""

import operator
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..core.hints import did_you_mean
from ..data.split_data import Source
from ..model.summary import in_bytes, remember
from ..run.settings import PARTS, Settings
from ..run.suited import batch_size_for, suited
from .holes import ChoiceHole, Hole, NumberHole
from .space import SearchSpace, Value, at_end

SIGNS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt}
LIMIT = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*(\d[\d_]*(?:\.\d+)?(?:[eE]\d+)?)\s*")
SIZING = (*PARTS, "model", "latent_dim", "optimiser", "batch_size")   # settings that decide costs
MOST_TRIED = 200   # models that are made to find the largest


class ModelCosts(NamedTuple):
    """The costs of one model."""

    parameters: float       # trained numbers
    multiply_adds: float    # per sample
    memory: float           # bytes of a training step

    def __str__(self) -> str:
        return (f"{int(self.parameters):,} parameters, {int(self.multiply_adds):,} multiply-adds, "
                f"{in_bytes(int(self.memory))} in training")


class Limit(NamedTuple):
    """A bound on a cost, such as parameters <= 4723."""

    cost: str
    sign: str
    bound: float

    def allows(self, costs: ModelCosts) -> bool:
        """Whether a model of these costs may be trained."""
        return bool(SIGNS[self.sign](getattr(costs, self.cost), self.bound))

    def __str__(self) -> str:
        return f"{self.cost} {self.sign} {self.bound:g}" if self.bound >= 1e9 else (
            f"{self.cost} {self.sign} {self.bound:.10g}")


class Extremes(NamedTuple):
    """The smallest and the largest model of a space, with the values of their holes."""

    smallest: ModelCosts
    largest: ModelCosts
    least: dict[str, Value]
    most: dict[str, Value]


def read_limits(text: str) -> list[Limit]:
    """Read limits separated by commas. Raises ValueError."""
    limits = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = LIMIT.fullmatch(part)
        if not match:
            raise ValueError(f"--limit takes a bound on a cost, such as 'parameters <= 4723', not "
                             f"{part!r}")
        if match[1] not in ModelCosts._fields:
            raise ValueError(f"no cost is named {match[1]!r}; "
                             f"{did_you_mean(match[1], ModelCosts._fields)}")
        limits.append(Limit(match[1], match[2], float(match[3].replace("_", ""))))
    return limits


def refused_by(limits: Sequence[Limit], costs: ModelCosts) -> str:
    """The first limit that a model breaks, in words; "" if it may be trained."""
    broken = next((limit for limit in limits if not limit.allows(costs)), None)
    return "" if broken is None else (f"{broken.cost} {getattr(costs, broken.cost):,.10g}, and the "
                                      f"limit is {broken}")


def costs_of(settings: Settings, source: Source) -> ModelCosts:
    """The costs of the model that these settings make, without allocating it. Raises ValueError."""
    parts, _ = suited(settings, source)
    summary = remember(parts, source.shape, settings.optimiser, len(source.classes))
    return ModelCosts(summary.parameters["whole"], summary.multiply_adds["whole"],
                      summary.training_memory(batch_size_for(settings, source)))


def extremes(space: SearchSpace, source: Source) -> Extremes:
    """Make the smallest and the largest model of a space. Raises ValueError, with its settings, if
    one cannot be made.

    Numbers are at one of their ends, choices are varied one after the other.
    """
    tried: dict[str, ModelCosts] = {}
    least, smallest = _extreme(space, source, False, tried)
    most, largest = _extreme(space, source, True, tried)
    return Extremes(smallest, largest, least, most)


def _extreme(
    space: SearchSpace, source: Source, high: bool, tried: dict[str, ModelCosts]
) -> tuple[dict[str, Value], ModelCosts]:
    chosen: dict[str, Value] = {}
    best = _costs(space, source, chosen, high, tried)
    improved = True
    while improved and len(tried) < MOST_TRIED:
        improved = False
        for name, hole in space.holes.items():
            if name.partition(".")[0] not in SIZING:
                continue
            for value in _values(hole):
                costs = _costs(space, source, {**chosen, name: value}, high, tried)
                if costs[::2] > best[::2] if high else costs[::2] < best[::2]:
                    chosen, best, improved = {**chosen, name: value}, costs, True
    return space.fill(at_end(high, chosen))[1], best


def _values(hole: Hole) -> Sequence[Value]:
    return hole.labels if isinstance(hole, ChoiceHole) else _ends(hole)


def _ends(hole: NumberHole) -> Sequence[Value]:
    return hole.low, hole.high


def _costs(
    space: SearchSpace, source: Source, chosen: Mapping[str, Value], high: bool,
    tried: dict[str, ModelCosts]
) -> ModelCosts:
    values = space.fill(at_end(high, chosen))[0]
    sizes = {name: value for name, value in values.items() if name in SIZING}
    key = repr(sorted(sizes.items()))
    if key not in tried:
        try:
            tried[key] = costs_of(space.settings(at_end(high, chosen)), source)
        except ValueError as error:
            said = ", ".join(f"{name} {sizes[name]}" for name in space.templates if name in sizes)
            raise ValueError(f"a model of this space cannot be made{': ' * bool(said)}{said}. "
                             f"{error}") from None
    return tried[key]


def check_extremes(bounds: Extremes, limits: Sequence[Limit], memory: int) -> None:
    """Raise ValueError if no model keeps within the limits, or if the largest one that may be
    trained needs more than `memory` bytes."""
    reason = refused_by(limits, bounds.smallest)
    if reason and refused_by(limits, bounds.largest):
        raise ValueError(f"every model of this space breaks --limit: the smallest has {reason}. "
                         f"Widen the space or the limit")
    bounded = any(limit.sign.startswith("<") for limit in limits)
    if bounds.largest.memory > memory and not bounded:
        raise ValueError(f"the largest model of this space has {bounds.largest}, and there are "
                         f"{in_bytes(memory)}. Narrow the space, or skip large models with --limit "
                         f"'memory <= {memory // 2}'")
