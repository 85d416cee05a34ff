"""Signatures with every setting, as help(hg.train) and editors show them."""

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, ParamSpec, TypeVar

from ..run.settings import Settings
from ..training.train_options import WORDS, How

P = ParamSpec("P")
R = TypeVar("R")
FIRST = ("quiet", "report", "callbacks", "progress", "overwrite", "keep_memory")   # of How


def with_settings(
    names: Sequence[str], more: Sequence[str], kept: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Give a function that takes settings as keywords a signature that lists them, and a line for
    each in its docstring. `more` are names of How; where settings are `kept`, each stays as it was
    unless it is given."""
    def put(function: Callable[P, R]) -> Callable[P, R]:
        own = [p for p in inspect.signature(function).parameters.values()
               if p.kind is not p.VAR_KEYWORD]
        takes = inspect.signature(function).parameters["keywords"].annotation
        how = [_parameter(field.name, field.default, field.type) for field in fields(How)
               if field.name in (*FIRST, *more) and field.name not in names
               and _is_taken(field.name, takes)]
        settings = [_parameter(name, None if kept else Settings.model_fields[name].default,
                               Settings.model_fields[name].annotation)
                    for name in names if name not in {p.name for p in own}]
        gives = inspect.signature(function).return_annotation
        function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [*own, *how, *settings], return_annotation=gives)
        lines = {p.name: _about(p.name) for p in (*own, *how, *settings) if _about(p.name)}
        function.__doc__ = _with_arguments(function.__doc__ or "", lines)
        return function
    return put


def with_fields(options: type[Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Give a function that takes the fields of a dataclass as keywords a signature with them."""
    def put(function: Callable[P, R]) -> Callable[P, R]:
        own = [p for p in inspect.signature(function).parameters.values()
               if p.kind is not p.VAR_KEYWORD]
        gives = inspect.signature(function).return_annotation
        function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [*own, *(_parameter(field.name, field.default, field.type)
                     for field in fields(options))], return_annotation=gives)
        return function
    return put


def _is_taken(name: str, keywords: Any) -> bool:
    """Whether a TypedDict, as Unpack[...] has it, takes that name."""
    (taken,) = getattr(keywords, "__args__", ({},))
    return name in taken.__annotations__


def _parameter(name: str, default: Any, hint: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _about(name: str) -> str:
    setting = Settings.model_fields.get(name)
    return WORDS.get(name) or (setting.description or "" if setting else "")


def _with_arguments(doc: str, lines: dict[str, str]) -> str:
    """A docstring with a list of arguments at its end."""
    listed = "\n".join(textwrap.fill(f"{name}: {about}", 96, initial_indent="    ",
                                     subsequent_indent="        ")
                       for name, about in lines.items())
    return f"{inspect.cleandoc(doc)}\n\nArguments:\n{listed}\n"
