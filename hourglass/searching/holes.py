"""Texts with holes, such as "ae({4..64})": ranges and choices, read without evaluating anything."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
RANGE = re.compile(rf"\s*({NUMBER})\s*\.\.\s*({NUMBER})((?:\s+[a-z]+(?:\s+{NUMBER})?)*)\s*")
WORD = re.compile(rf"\s+([a-z]+)(?:\s+({NUMBER}))?")
SPANS_DECADES = 100   # a range whose ends differ by this factor is searched on a log scale
DEEPEST = 20          # holes within holes
LARGEST = 2.0**53     # of a bound
FIGURES = 4           # significant digits of a real number that fills a hole
HOW = "write a range as {4..64} or choices as {8|16|32}"


@dataclass(frozen=True)
class NumberHole:
    """A range of numbers, both ends included."""

    low: float
    high: float
    whole: bool          # whole numbers alone
    log: bool            # searched on a log scale
    step: int = 1        # between whole numbers
    name: str = ""       # where it stands, such as model.dim

    @property
    def count(self) -> float:
        """How many values there are; infinitely many real ones."""
        return (int(self.high - self.low) // self.step + 1) if self.whole else float("inf")

    def text(self, value: float) -> str:
        """The text of a value in this hole."""
        if self.whole:
            return str(int(value))
        rounded = f"{value:.{FIGURES}g}"
        return rounded if self.low <= float(rounded) <= self.high else repr(float(value))

    def __str__(self) -> str:
        ends = (f"{int(end)}" if self.whole else f"{end:g}" for end in (self.low, self.high))
        return (" to ".join(ends) + (f" in steps of {self.step}" if self.step > 1 else "")
                + (", log scale" if self.log else ""))


@dataclass(frozen=True)
class ChoiceHole:
    """Several texts: one of them fills the hole. Each may have holes of its own."""

    options: tuple["Template", ...]
    name: str = ""

    @property
    def count(self) -> float:
        """How many configurations there are, with those of the options' own holes."""
        return sum(option.count for option in self.options)

    @property
    def labels(self) -> tuple[str, ...]:
        """The options as they were typed."""
        return tuple(option.text for option in self.options)

    def __str__(self) -> str:
        return " or ".join(self.labels)


Hole: TypeAlias = NumberHole | ChoiceHole


@dataclass(frozen=True)
class Template:
    """A text with holes: its pieces in order."""

    text: str                        # as it was typed
    pieces: tuple[str | Hole, ...]

    @property
    def count(self) -> float:
        """How many texts it can become."""
        product = 1.0
        for hole in self.own():
            product *= hole.count
        return product

    def own(self) -> list[Hole]:
        """The holes of this text, without those of the options in them."""
        return [piece for piece in self.pieces if not isinstance(piece, str)]

    def holes(self) -> Iterator[Hole]:
        """All holes, an option's own ones after the choice."""
        for hole in self.own():
            yield hole
            for option in hole.options if isinstance(hole, ChoiceHole) else ():
                yield from option.holes()


def read_template(text: str) -> Template:
    """Read a text with holes. Raises ValueError for a hole that is neither range nor choice."""
    pieces: list[str | Hole] = []
    start = 0
    while (opening := text.find("{", start)) >= 0:
        closing = _closing(text, opening)
        if text[start:opening]:
            pieces.append(text[start:opening])
        pieces.append(_hole(text[opening + 1:closing], text))
        start = closing + 1
    if "}" in text[start:]:
        raise ValueError(f"{text!r} has a }} without a {{; {HOW}")
    return Template(text, (*pieces, text[start:]) if text[start:] or not pieces else tuple(pieces))


def _closing(text: str, opening: int) -> int:
    """Where the brace that opens there is closed."""
    depth = 0
    for place in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth > DEEPEST:
            raise ValueError(f"holes are nested more than {DEEPEST} deep; {HOW}")
        if not depth:
            return place
    raise ValueError(f"{text!r} has a {{ that is never closed; {HOW}")


def _hole(inside: str, text: str) -> Hole:
    options = _options(inside)
    if len(options) > 1:
        return _choice(options, inside)
    match = RANGE.fullmatch(inside)
    if match:
        return _range(match, inside)
    if not inside.strip():
        raise ValueError(f"{text!r} has an empty hole; {HOW}")
    if "," in inside and not any(sign in inside for sign in "(["):
        raise ValueError(f"{{{inside}}} has commas; separate choices by |, as in "
                         f"{{{'|'.join(part.strip() for part in inside.split(','))}}}")
    between = re.fullmatch(rf"\s*({NUMBER})\s*(?:-|:|\.\.\.|to)\s*({NUMBER})\s*", inside)
    if between:
        raise ValueError(f"{{{inside}}} is not a range; write {{{between[1]}..{between[2]}}}")
    raise ValueError(f"{{{inside}}} is neither a range nor choices; {HOW}, or leave the braces out")


def _options(inside: str) -> list[str]:
    """The texts between | that stand in no braces, brackets or quotes."""
    parts, depth, quote = [""], 0, ""
    for sign in inside:
        if quote or sign in "'\"":
            quote = "" if sign == quote else quote or sign
        depth += 0 if quote else {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(sign, 0)
        if sign == "|" and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _choice(options: list[str], inside: str) -> ChoiceHole:
    if len(set(options)) < len(options):
        twice = next(text for text in options if options.count(text) > 1)
        raise ValueError(f"{{{inside}}} names {twice!r} twice; name each choice once")
    bare = next((text for text in options if RANGE.fullmatch(text)), "")
    if bare:
        raise ValueError(f"{{{inside}}} has a range among its choices; give it braces of its own: "
                         f"{{{inside.replace(bare, '{' + bare + '}')}}}")
    return ChoiceHole(tuple(map(read_template, options)))


def _range(match: re.Match[str], inside: str) -> NumberHole:
    whole = not any(sign in match[1] + match[2] for sign in ".eE")
    low, high = float(match[1]), float(match[2])
    if not max(abs(low), abs(high)) < LARGEST:
        raise ValueError(f"{{{inside}}} has a bound that is too large; the largest is {LARGEST:g}")
    if low >= high:
        alike = f"it holds one value; write {match[1]}" if low == high else (
            f"write the smaller number first: {{{match[2]}..{match[1]}}}")
        raise ValueError(f"{{{inside}}}: {alike}")
    words = dict(WORD.findall(match[3]))
    wrong = next((word for word, number in words.items() if word not in ("log", "linear", "step")
                  or bool(number) != (word == "step")), "")
    step = words.get("step", "1")
    if wrong or not step.isdigit() or int(step) < 1 or ("step" in words and not whole):
        raise ValueError(f"{{{inside}}}: after a range, write log, linear or, for whole numbers, "
                         f"step and a whole number, as in {{16..128 step 16}}")
    log = "log" in words or (low > 0 and high >= SPANS_DECADES * low
                             and not {"linear", "step"} & {*words})
    if log and (low <= 0 or "step" in words or "linear" in words):
        raise ValueError(f"{{{inside}}}: a log scale needs bounds above 0, and neither linear nor "
                         f"step")
    high -= (high - low) % int(step) if whole else 0
    return NumberHole(low, high, whole, log, int(step))


def named(template: Template, names: list[str], nested: Any) -> Template:
    """The template with these names of its own holes; `nested(name, option)` names an option."""
    left = iter(names)
    pieces: list[str | Hole] = []
    for piece in template.pieces:
        if isinstance(piece, str):
            pieces.append(piece)
            continue
        name = next(left)
        if isinstance(piece, ChoiceHole):
            piece = replace(piece, options=tuple(nested(name, o) for o in piece.options))
        pieces.append(replace(piece, name=name))
    return Template(template.text, tuple(pieces))
