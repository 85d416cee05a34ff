"""Values of a TOML file, checked against the types of the options that they are for."""

from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin


def check_type(path: Path, name: str, value: Any, hint: Any) -> None:
    """Raise ValueError, which names the file and the option, for a value of another type."""
    if not _fits(value, _plain(hint)):
        raise ValueError(f"{path}: {name} is {value!r}, but must be {_described(_plain(hint))}")


def _plain(hint: Any) -> Any:
    """The type of an option that may be left out: int of int | None."""
    return next(kind for kind in get_args(hint) if kind is not NoneType) if (
        isinstance(hint, UnionType)) else hint


def _fits(value: Any, hint: Any) -> bool:
    kind = get_origin(hint) or hint
    if kind in (list, tuple):
        return isinstance(value, list) and all(isinstance(v, get_args(hint)[0]) for v in value)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _described(hint: Any) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text",
            list: "a list of texts", tuple: "a list of texts", dict: "a table"}[
                get_origin(hint) or hint]
