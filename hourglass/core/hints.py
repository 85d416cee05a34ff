"""Types of options, their bounds in words, and messages for a wrong name or value."""

import difflib
import inspect
import math
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin


class Bound(NamedTuple):
    """A limit of a number: `kind` is ge, gt, le or lt. It stands in for annotated_types, whose
    import takes a sixth of the time of `hourglass --help`."""

    kind: str
    limit: float

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(source), self.kind: self.limit}


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
    """Suggest the nearest right name, and list all of them if they are few."""
    right = list(right)
    near = difflib.get_close_matches(wrong.lower(), right, n=1)
    listed = f"there are {', '.join(right)}" if 0 < len(right) <= 40 else ""
    if not near:
        return listed
    return f"did you mean {near[0]!r}?" + (f" ({listed})" if listed and len(right) > 1 else "")


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
        raise ValueError(f"{label} must be {expected(hint)}, not {value!r}") from None


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
