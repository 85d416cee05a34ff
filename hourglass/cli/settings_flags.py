"""Flags of the command line, made from the settings."""

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Optional

import typer

from ..run.aliases import ALIASES, DIM, NAMES
from ..run.settings import Settings


def takes_settings(names: Iterable[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a flag to a command for each of these settings. The typed ones arrive as `settings`."""
    return lambda command: _with_flags(command, names)


def _with_flags(command: Callable[..., None], names: Iterable[str]) -> Callable[..., None]:
    own = [p for p in inspect.signature(command).parameters.values() if p.name != "settings"]
    flags = []
    names = list(names)
    for name in names:
        setting = Settings.model_fields[name]
        kind = bool if setting.annotation in (bool, bool | None) else str
        plain = setting.default is False or setting.default in (None, "")
        default = "" if plain or "Default:" in str(setting.description) else (
            f" Default: {setting.default}.")
        extra: Any = setting.json_schema_extra or {}
        flag = extra.get("flag", f"--{name.replace('_', '-')}")
        switch = f"{flag}/--no-{flag[2:]}" if kind is bool else flag
        option = typer.Option(switch, *_also(name), help=f"{setting.description}{default}",
                              show_default=False)
        flags.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None,
                                       annotation=Annotated[Optional[kind], option]))  # noqa: UP045
    if "model" in names:
        option = typer.Option("--latent-dim", "--dim", help="Latent dimensions: the argument dim "
                              "of --model or --bottleneck.", show_default=False)
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
    """Other flags for the same setting: better names, and those of other tools."""
    return [f"--{other.replace('_', '-')}" for other, own in {**ALIASES, **NAMES}.items()
            if own == name]
