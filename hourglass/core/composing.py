"""Compositions: parts as Python objects that add up and are weighed; str() of one is its text."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .expressions import Call
from .hints import did_you_mean
from .registry import REGISTRIES, Registry


@dataclass(frozen=True, eq=False)
class Composition:
    """One part or a weighted sum of parts, such as recon() + 0.5 * kl(). It is accepted wherever
    its text, str(composition), is."""

    summands: tuple[tuple[float, str], ...]   # the weight and the text of each

    def __str__(self) -> str:
        text = ""
        for weight, part in self.summands:
            sign = ("-" if weight < 0 else "") if not text else (" - " if weight < 0 else " + ")
            text += sign + (part if abs(weight) == 1 else f"{abs(weight)!r} * {part}")
        return text

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Composition | str) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __add__(self, other: "Composition | str") -> "Composition":
        return Composition(self.summands + _as_composition(other).summands)

    def __radd__(self, other: "str | int") -> "Composition":
        return self if other == 0 else _as_composition(str(other)) + self   # 0: sum() begins so

    def __sub__(self, other: "Composition | str") -> "Composition":
        return self + -_as_composition(other)

    def __neg__(self) -> "Composition":
        return -1 * self

    def __mul__(self, other: "Composition | float") -> "Composition":
        """The parts, weighed by a number, or one part by a ramp."""
        if isinstance(other, Composition):
            return self._times(other)
        weight = _number(other)
        return Composition(tuple((weight * own, part) for own, part in self.summands))

    __rmul__ = __mul__

    def _times(self, other: "Composition") -> "Composition":
        if len(self.summands) > 1 or len(other.summands) > 1:
            raise ValueError(f"({self}) * ({other}) multiplies a sum; give each of its terms its "
                             f"own weight")
        (weight, ramp), (times, part) = self.summands[0], other.summands[0]
        return Composition(((weight * times, f"{ramp} * {part}"),))


def _number(value: Any) -> float:
    if type(value).__module__ == "numpy":   # which takes a while to import
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"the weight of a term is a finite number or a ramp, not {value!r}")
    return value


def _as_composition(value: Any) -> Composition:
    if isinstance(value, Composition):
        return value
    if isinstance(value, str):
        return Composition(((1, value),))
    raise ValueError(f"only a part or its text can be added to a part, not {value!r}")


def _literal(value: Any) -> Any:
    """An argument as a text can hold it: other parts as their texts, arrays as tuples."""
    if isinstance(value, Composition):
        return str(value)
    if type(value).__module__ == "numpy":
        value = value.tolist()
    return tuple(map(_literal, value)) if isinstance(value, list | tuple) else value


class Compositions:
    """The parts of some kinds as functions: `parts.gaussian(16)` is the text gaussian(16), its
    name and options checked.

        >>> import hourglass as hg
        >>> hg.losses.recon() + 0.5 * hg.losses.kl(free_bits=0.1)
        recon + 0.5 * kl(free_bits=0.1)
        >>> model = hg.train("digits", model=hg.parts.vae(4), epochs=1, report=False, quiet=True)
    """

    def __init__(self, what: str, kinds: Iterable[str]):
        self._what, self._kinds = what, tuple(kinds)

    def __getattr__(self, name: str) -> Callable[..., Composition]:
        if name.startswith("_"):
            raise AttributeError(name)
        known = [registry for registry in self._registries() if name in registry.parts]
        if not known:
            raise AttributeError(f"no {self._what} is named {name!r}; "
                                 f"{did_you_mean(name, dir(self))}")
        return _maker(name, known)

    def __dir__(self) -> list[str]:
        return sorted({name for registry in self._registries() for name in registry.parts})

    def __repr__(self) -> str:
        return f"{self._what}s: {', '.join(dir(self))}"

    def _registries(self) -> list[Registry]:
        return [REGISTRIES[kind] for kind in self._kinds]


def _maker(name: str, known: list[Registry]) -> Callable[..., Composition]:
    def make(*args: Any, **options: Any) -> Composition:
        call = Call(name, tuple(map(_literal, args)),
                    {key: _literal(value) for key, value in options.items()})
        _check(call, known)
        return Composition(((1, str(call)),))
    make.__name__ = make.__qualname__ = name
    make.__doc__ = "\n\n".join(f"{registry.signature(name)}: {registry.about(name)}"
                               for registry in known)
    return make


def _check(call: Call, known: list[Registry]) -> None:
    """Raises ValueError where no kind of part of that name takes these options."""
    errors = []
    for registry in known:
        try:
            registry.check(call)
            return
        except ValueError as error:
            errors.append(error)
    raise errors[0]


# what composes a model and its training; "normal" is a likelihood and a prior, with one text
PARTS = Compositions("part", ("models", "bottlenecks", "backbones", "likelihoods", "corruptions",
                              "priors", "augmentations", "optimisers", "schedules", "stops",
                              "detectors", "thresholds", "sources"))
LOSSES = Compositions("loss term", ("terms", "ramps"))
