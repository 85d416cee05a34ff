"""Types of options, their bounds in words, and messages for a wrong name or value."""

import difflib
import inspect
import math
import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from .other_words import known_by


class Bound(NamedTuple):
    """A limit of a number: `kind` is ge, gt, le or lt. It stands in for annotated_types, whose
    import takes a sixth of the time of `hourglass --help`."""

    kind: str
    limit: float

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(source), self.kind: self.limit}


NEAR, FEW = 3, 12   # near names that are suggested; names that are listed with them
FAR = 2**62   # larger bounds are not shown: they are the limit of 64 bits, or infinity
OF_64_BITS, FINITE = Bound("le", 2**63 - 1), Bound("lt", math.inf)
Count = Annotated[int, Bound("ge", 1), OF_64_BITS]
Depth = Annotated[int, Bound("ge", 0), OF_64_BITS]
Seed = Annotated[int, Bound("ge", 0), Bound("lt", 2**31)]
Positive = Annotated[float, Bound("gt", 0), FINITE]
NotNegative = Annotated[float, Bound("ge", 0), FINITE]
Share = Annotated[float, Bound("ge", 0), Bound("le", 1)]
Rate = Annotated[float, Bound("ge", 0), Bound("lt", 1)]
Fit = Literal["crop", "pad", "stretch"]   # resize mode
Initial = Literal["data", "glorot", "pytorch"]   # rule for the initial weights


def did_you_mean(wrong: str, right: Iterable[str]) -> str:
    """Suggest the nearest right names. All are listed if they are few, or if none is near."""
    right = [str(name) for name in right]
    near = known_by(wrong, right) or difflib.get_close_matches(
        wrong.lower(), right, n=NEAR) or _with_word(wrong, right)
    listed = f"there are {', '.join(right)}" if 0 < len(right) <= (FEW if near else 40) else ""
    if not near:
        return listed.replace("are", "is", 1) if len(right) == 1 else listed
    suggested = f"did you mean {' or '.join(map(repr, near))}?"
    return suggested + (f" ({listed})" if listed and len(right) > 1 else "")


def _with_word(wrong: str, right: list[str]) -> list[str]:
    """The first names that contain the wrong one, or a word of it: "gan" is in vae_gan."""
    words = {word for word in re.split(r"[^a-z0-9]+", wrong.lower()) if len(word) > 2}
    return [name for name in right if words & set(re.split(r"[^a-z0-9]+", name.lower()))][:NEAR]


UNHINTED = (Any, inspect.Parameter.empty)   # an option of a user's own part may have no hint


def _fitted(label: str, value: Any, hint: Any) -> Any:
    """Convert the value to the hint (a list becomes a tuple, 1 becomes 1.0). Raises ValueError."""
    from pydantic import TypeAdapter, ValidationError
    if hint in UNHINTED:
        return value
    try:
        if isinstance(value, bool) and hint is not bool:
            raise ValueError(f"{label} must be {expected(hint)}, not {value!r}")
        return TypeAdapter(hint).validate_python(value)
    except ValidationError:
        near = known_by(value, _choices(hint)) if isinstance(value, str) else []
        hint_of_word = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{label} must be {expected(hint)}, not {value!r}{hint_of_word}") from None


def _choices(hint: Any) -> list[str]:
    """The texts that a hint allows."""
    inner = [choice for arg in get_args(hint) for choice in _choices(arg)]
    return [arg for arg in get_args(hint) if isinstance(arg, str)] if (
        get_origin(hint) is Literal) else inner


def takes_tuple(hint: Any) -> bool:
    """Whether a hint allows a tuple."""
    return get_origin(hint) is tuple or any(map(takes_tuple, get_args(hint)))


def expected(hint: Any) -> str:
    """A type hint in words: "a whole number from 1", "one of none, max, avg"."""
    plain = {int: "a whole number", float: "a number", str: "a text", bool: "True or False",
             type(None): "None"}
    if hint in UNHINTED:
        return "any value"
    if hint in plain:
        return plain[hint]
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return " ".join(filter(None, [expected(args[0]), *map(bound_in_words, args[1:])]))
    if origin is Literal:
        return f"one of {', '.join(str(arg) for arg in args if arg != '')}"
    if origin is tuple:
        return f"a tuple such as (8, 4): each {expected(args[0])}"
    return " or ".join(expected(a) for a in args if a is not type(None)) or str(hint)


def bound_in_words(bound: Any) -> str:
    """A bound of a type hint, ours or annotated_types', in words: "from 1"."""
    words = {"ge": "from", "gt": "above", "le": "up to", "lt": "below"}
    limits = {bound.kind: bound.limit} if isinstance(bound, Bound) else {
        kind: getattr(bound, kind) for kind in words if hasattr(bound, kind)}
    return next((f"{words[kind]} {limit:,.12g}" for kind, limit in limits.items()
                 if limit < FAR), "")
