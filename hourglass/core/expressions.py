"""Read texts such as "gaussian(16)" and "recon + 4 * kl" with ast. Nothing is evaluated."""

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

LONGEST = 20_000  # characters of a text: some list every column of a wide table
DEEPEST = 200     # levels of nesting; each summand of a sum counts as one
LARGEST = 2**63   # largest integer


@dataclass(frozen=True)
class Call:
    """A part's name and literal arguments, as written in a text."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        arguments = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"{self.name}({', '.join(arguments)})" if arguments else self.name


class Summand(NamedTuple):
    """A summand of a loss formula: a weight and perhaps a weight schedule, times a term."""

    weight: float
    ramp: Call | None
    call: Call


def read(text: object) -> Call:
    """Read "name" or "name(1, key=2)", or an object with such a text. Nothing is evaluated."""
    text = str(text)
    return _call(read_tree(text), text)


def read_sum(text: object) -> list[Summand]:
    """Read "recon + 4 * kl(free_bits=0.5)", or with a schedule: "recon + ramp(0, 4) * kl"."""
    text = str(text)
    return [_weighed(node, text, sign) for sign, node in _summands(read_tree(text))]


def read_tree(text: str) -> ast.expr:
    """A text as Python's syntax tree, checked for size. Raises ValueError."""
    if len(text) > LONGEST:
        raise ValueError(f"a text of {len(text)} characters is too long to be a part's name")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"cannot read {_short(text)}; write it as name or name(1, key=2), a loss "
                         f"also as a sum such as recon + 4 * kl") from None
    _check_size(tree, text)
    return tree


def _check_size(node: ast.expr, text: str) -> None:
    """Raise ValueError if a text is nested too deeply or holds too large a number."""
    level: list[ast.AST] = [node]
    for _ in range(DEEPEST):
        level = [child for parent in level for child in ast.iter_child_nodes(parent)]
        for part in level:
            if isinstance(part, ast.Constant) and isinstance(part.value, int) and (
                    abs(part.value) >= LARGEST):
                raise ValueError(f"{_short(text)} holds a number of {len(str(part.value))} digits, "
                                 f"which is too large")
        if not level:
            return
    raise ValueError(f"{_short(text)} is nested too deeply, or has over {DEEPEST} summands")


def _short(text: str) -> str:
    """The text in quotes. A long one is shortened in the middle."""
    return repr(text if len(text) <= 200 else f"{text[:90]} ... {text[-90:]}")


def _call(node: ast.expr, text: str) -> Call:
    if isinstance(node, ast.Name):
        return Call(node.id)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError(f"cannot read {text!r}; write it as name or name(1, key=2)")
    if any(keyword.arg is None for keyword in node.keywords):
        raise ValueError(f"cannot read {text!r}: ** is not allowed")
    return Call(node.func.id, tuple(_literal(a, text) for a in node.args),
                {str(k.arg): _literal(k.value, text) for k in node.keywords})


def _literal(node: ast.expr, text: str) -> Any:
    try:
        value = ast.literal_eval(node)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
        return value
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise ValueError(f"in {text!r}, {ast.unparse(node)!r} must be a finite number, a quoted "
                         f"text or a tuple of these") from None


def _summands(node: ast.expr, sign: float = 1.0) -> Iterator[tuple[float, ast.expr]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _summands(node.left, sign)
        yield from _summands(node.right, sign if isinstance(node.op, ast.Add) else -sign)
    else:
        yield sign, node


def _weighed(node: ast.expr, text: str, sign: float) -> Summand:
    *before, part = _factors(node)
    if before and isinstance(part, ast.Constant | ast.UnaryOp):
        raise ValueError(f"in {text!r}, write the weight before its term, as in 4 * kl")
    schedules = [factor for factor in before if isinstance(factor, ast.Call)]
    if len(schedules) > 1:
        raise ValueError(f"{text!r} has two weight schedules before one term; keep one")
    weight = sign
    for factor in before:
        if factor in schedules:
            continue
        value = _literal(factor, text)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"in {text!r}, the weight {ast.unparse(factor)!r} must be a number")
        weight *= value
    return Summand(weight, _call(schedules[0], text) if schedules else None, _call(part, text))


def _factors(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]
