"""Flags of the command line, made from the settings."""

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Optional

import typer

from ..run.aliases import DIM, NAMES
from ..run.settings import Settings


def takes_settings(names: Iterable[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command a flag for each of these settings; those that are typed reach it as
    `settings`."""
    return lambda command: _with_flags(command, names)


def _with_flags(command: Callable[..., None], names: Iterable[str]) -> Callable[..., None]:
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "settings"]
    flags = []
    names = list(names)
    for name in names:
        setting = Settings.model_fields[name]
        kind = bool if setting.annotation in (bool, bool | None) else str
        default = "" if setting.default in (None, "") else f" [{setting.default}]"
        extra: Any = setting.json_schema_extra or {}
        flag = extra.get("flag", f"--{name.replace('_', '-')}")
        switch = f"{flag}/--no-{flag[2:]}" if kind is bool else flag
        option = typer.Option(switch, *_also(name), help=f"{setting.description}{default}",
                              show_default=False)
        flags.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None,
                                       annotation=Annotated[Optional[kind], option]))  # noqa: UP045
    if "model" in names:
        option = typer.Option("--latent-dim", "--dim", help="numbers in the code: the dim of the "
                              "named model", show_default=False)
        flags.append(inspect.Parameter(DIM, inspect.Parameter.KEYWORD_ONLY, default=None,
                                       annotation=Annotated[Optional[str], option]))  # noqa: UP045

    def wrapped(**given: Any) -> None:
        named = {p.name: given.pop(p.name) for p in own}
        command(**named, settings={k: v for k, v in given.items() if v is not None})

    wrapped.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in [*own, *flags]}
    wrapped.__doc__, wrapped.__name__ = command.__doc__, command.__name__
    return wrapped


def _also(name: str) -> list[str]:
    """The flags of other tools that mean the same."""
    return [f"--{other.replace('_', '-')}" for other, own in NAMES.items() if own == name]
