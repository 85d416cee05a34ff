"""Flags of the command line, made from the settings."""

import inspect
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Annotated, Any, Optional, get_args

import typer

from ..core.console import say
from ..run.aliases import ALIASES, DIM, NAMES, own_words
from ..run.settings import Settings, chosen_recipe, make_settings


def takes_settings(names: Iterable[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a flag to a command for each of these settings. The typed ones arrive as `settings`."""
    return lambda command: _WithFlags(command, names)


class _WithFlags:
    """A command with a flag for each setting. The signature is made when typer asks for it."""

    def __init__(self, command: Callable[..., None], names: Iterable[str]):
        self.command, self.names = command, tuple(names)
        self.__doc__, self.__name__ = command.__doc__, command.__name__
        self.__module__ = command.__module__

    def __call__(self, **flags: Any) -> None:
        named = {name: flags.pop(name) for name in self._own()}
        self.command(**named, settings={k: v for k, v in flags.items() if v is not None})

    @cached_property
    def __signature__(self) -> inspect.Signature:
        dim = [_dim_flag()] if "model" in self.names else []
        return inspect.Signature([*self._own().values(), *map(_flag, self.names), *dim])

    @property
    def __annotations__(self) -> dict[str, Any]:   # type: ignore[override]
        return {name: p.annotation for name, p in self.__signature__.parameters.items()}

    def _own(self) -> dict[str, inspect.Parameter]:
        own = inspect.signature(self.command).parameters
        return {name: p for name, p in own.items() if name != "settings"}


def _flag(name: str) -> inspect.Parameter:
    setting = Settings.model_fields[name]
    kind = bool if setting.annotation in (bool, bool | None) else str
    plain = setting.default is False or setting.default in (None, "")
    default = "" if plain or "Default:" in setting.description else f" Default: {setting.default}."
    switch = f"{setting.flag}/--no-{setting.flag[2:]}" if kind is bool else setting.flag
    return _parameter(name, kind, typer.Option(
        switch, *_also(name), help=f"{setting.description}{default}", show_default=False,
        metavar=None if kind is bool else _value_of(setting.annotation)))


def _value_of(annotation: Any) -> str:
    """The kind of value that a flag takes, as its help shows it."""
    kinds = [annotation]
    for kind in kinds:   # unions and bounded numbers consist of other types
        kinds += get_args(kind)
    number = "int" if int in kinds else "float" if float in kinds else ""
    return f"<{' or '.join([number, *(kind for kind in kinds if isinstance(kind, str))])}>" if (
        number) else "<str>"


def _dim_flag() -> inspect.Parameter:
    return _parameter(DIM, str, typer.Option(
        "--latent-dim", "--dim", help="Latent dimensions: the argument dim of --model or "
        "--bottleneck.", show_default=False))


def _parameter(name: str, kind: type, option: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None,
                             annotation=Annotated[Optional[kind], option])  # noqa: UP045


def _also(name: str) -> list[str]:
    """Other flags for the same setting: better names, and those of other tools."""
    return [f"--{other.replace('_', '-')}" for other, own in {**ALIASES, **NAMES}.items()
            if own == name]


def chosen_settings(data: str, recipe: str, flags: dict[str, Any]) -> Settings:
    """Settings from a recipe, overridden by the flags and then by the argument DATA."""
    values = {**(chosen_recipe(recipe) if recipe else {}), **own_words(flags, say)}
    return make_settings({**values, "data": data} if data else values)
