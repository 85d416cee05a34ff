"""A search space: the settings of a training, where some texts have holes."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeAlias

from ..core.composing import Composition
from ..core.hints import did_you_mean
from ..run.aliases import DIM, own_words
from ..run.settings import SHARES, Settings, make_settings
from .hole_names import name_holes
from .holes import ChoiceHole, Hole, NumberHole, Template, read_template

# of the settings, those that decide which samples and values are compared, and where
FIXED = frozenset((
    "data", *SHARES, "seed", "only", "labelled", "begin", "size", "fit", "crop", "pad", "grey",
    "invert", "range", "show", "binarise", "strict", "include", "exclude", "label_depth", "pages",
    "patches", "patches_each", "device", "tensorboard", "minutes"))
OPTIONS = ("trials", "metric", "objective", "target", "limit", "prune", "storage", "workers",
           "cluster", "out")   # of the search, which are no settings of a training
Value: TypeAlias = float | str | int   # a number, or a choice as it was typed
Pick: TypeAlias = Callable[[Hole], Value]


@dataclass(frozen=True)
class SearchSpace:
    """The settings that all trials share, and the texts with holes that differ."""

    shared: Mapping[str, Any]
    templates: Mapping[str, Template]

    @cached_property
    def holes(self) -> dict[str, Hole]:
        """All holes by name, in the order of the settings."""
        return {hole.name: hole for template in self.templates.values()
                for hole in template.holes()}

    @property
    def count(self) -> float:
        """How many configurations there are; infinitely many where a hole takes real numbers."""
        product = 1.0
        for template in self.templates.values():
            product *= template.count
        return product

    def fill(self, pick: Pick) -> tuple[dict[str, Any], dict[str, Value]]:
        """Settings without holes, and the value of each hole that was met, by its name."""
        picked: dict[str, Value] = {}
        texts = {name: _filled(template, pick, picked)
                 for name, template in self.templates.items()}
        return {**self.shared, **texts}, picked

    def settings(self, pick: Pick) -> Settings:
        """The settings of one configuration. Raises ValueError for values that do not fit."""
        return make_settings(self.fill(pick)[0])


def read_space(values: Mapping[str, Any], say: Callable[[str], None]) -> SearchSpace:
    """Read settings whose texts may have holes. Raises ValueError for a wrong hole or name, and
    for a hole in a setting that all trials must share."""
    values = own_words({name: str(value) if isinstance(value, Composition) else value
                        for name, value in values.items()}, say)
    known = [*Settings.model_fields, DIM]
    for name in values:
        if name not in known:
            if isinstance(values[name], dict):
                raise ValueError(f"settings stand without a table: remove the line [{name}]")
            if name in OPTIONS:
                raise ValueError(f"{name} is an option of the search, not a setting: pass --{name}")
            near = did_you_mean(name, [*known, *OPTIONS])
            raise ValueError(f"no setting is named {name!r}; "
                             f"{near or 'hourglass search --help describes them all'}")
    texts = {name: value for name, value in values.items()
             if isinstance(value, str) and {*"{}"} & {*value} and name not in ("data", "begin")}
    for name in texts:
        if name in FIXED:
            raise ValueError(f"{name} must be the same for all trials, or their values cannot be "
                             f"compared; give it without a hole")
    templates = {name: name_holes(name, read_template(text)) for name, text in texts.items()}
    return SearchSpace({n: v for n, v in values.items() if n not in templates}, templates)


def _filled(template: Template, pick: Pick, picked: dict[str, Value]) -> str:
    text = ""
    for piece in template.pieces:
        if isinstance(piece, str):
            text += piece
            continue
        value = picked[piece.name] = pick(piece)
        if isinstance(piece, NumberHole):
            text += piece.text(float(value))
        else:
            option = piece.options[piece.labels.index(str(value))]
            text += _filled(option, pick, picked)
    return text


def from_values(values: Mapping[str, Value]) -> Pick:
    """Fill the holes with these values, by name; raises KeyError where one is missing."""
    return lambda hole: values[hole.name]


def at_end(high: bool, chosen: Mapping[str, Value] | None = None) -> Pick:
    """Fill each hole with its lowest or its highest number, or its first choice, unless one is
    `chosen` by name."""
    def pick(hole: Hole) -> Value:
        if chosen and hole.name in chosen:
            return chosen[hole.name]
        return hole.labels[0] if isinstance(hole, ChoiceHole) else (
            hole.high if high else hole.low)
    return pick


def every(space: SearchSpace) -> Iterator[dict[str, Value]]:
    """The values of every configuration of a space without real numbers."""
    def within(templates: list[Template]) -> Iterator[dict[str, Value]]:
        if not templates:
            yield {}
            return
        first, *rest = templates
        for values in _of_template(first):
            for others in within(rest):
                yield {**values, **others}
    yield from within(list(space.templates.values()))


def _of_template(template: Template) -> Iterator[dict[str, Value]]:
    own = template.own()
    if not own:
        yield {}
        return
    first, rest = own[0], replace(template, pieces=tuple(own[1:]))
    for values in _of_hole(first):
        for others in _of_template(rest):
            yield {**values, **others}


def _of_hole(hole: Hole) -> Iterator[dict[str, Value]]:
    if isinstance(hole, NumberHole):
        for value in range(int(hole.low), int(hole.high) + 1, hole.step):
            yield {hole.name: value}
        return
    for option in hole.options:
        yield from ({hole.name: option.text, **values} for values in _of_template(option))


def expanded(words: list[str], values: Mapping[str, Any]) -> str:
    """A message on words that a shell has made of braces without quotes, or ""."""
    numbers = [re.fullmatch(r"(\D*?)([+-]?\d+)(\D*)", word) for word in words]
    for name, value in values.items():
        first = re.fullmatch(r"(\D*?)([+-]?\d+)(\D*)", str(value))
        series = [first, *numbers]
        if first is None or not all(series):
            continue
        texts = {(match[1], match[3]) for match in series if match}
        steps = {int(b[2]) - int(a[2]) for a, b in pairwise(series) if a and b}
        if len(texts) == 1 and len(steps) == 1:
            flag, last = f"--{name.replace('_', '-')}", numbers[-1]
            step = steps.pop()
            high = (last[2] if last else "") + (f" step {step}" if step > 1 else "")
            return (f"the shell has expanded the braces of {flag}; put them in quotes: {flag} "
                    f"'{first[1]}{{{first[2]}..{high}}}{first[3]}'")
    return ""
