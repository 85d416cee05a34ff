"""The command line as far as one call needs it: typer builds the named command, and no other."""

from collections.abc import Callable, Sequence
from copy import copy
from functools import wraps
from pathlib import Path
from typing import Any

import typer
from typer.models import CommandInfo, TyperInfo

from ..core.files import check_writable

MAKE_FOLDERS = ("train", "finetune", "ensemble", "search")   # which check theirs as they make it


def with_named_command(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """The app with the flags of the one command that `words` name. Other commands keep their name
    and description, for the help. Building the flags of all takes longer than printing it."""
    named = next((word for word in words if not word.startswith("-")), "")
    short = copy(app)
    short.registered_commands = [_built(info, named) for info in app.registered_commands]
    short.registered_groups = []
    for group in app.registered_groups:
        if group.name == named:
            short.registered_groups.append(_with_checks(group))
        else:
            help_text = group.typer_instance.info.help if group.typer_instance else ""
            short.registered_commands.append(
                CommandInfo(str(group.name), callback=_only_says(str(help_text))))
    return short


def _with_checks(group: TyperInfo) -> TyperInfo:
    """The group, with commands that check their output before they run."""
    checked = copy(group)
    checked.typer_instance = copy(group.typer_instance)
    assert checked.typer_instance
    checked.typer_instance.registered_commands = [
        _checked(info) for info in checked.typer_instance.registered_commands]
    return checked


def _checked(info: CommandInfo) -> CommandInfo:
    assert info.callback
    checked = copy(info)
    checked.name = info.name or info.callback.__name__.replace("_", "-")
    if checked.name not in MAKE_FOLDERS:
        checked.callback = _checks_output(info.callback)
    return checked


def _built(info: CommandInfo, named: str) -> CommandInfo:
    assert info.callback
    name = info.name or info.callback.__name__.replace("_", "-")
    if name == named:
        return _checked(info)
    hollow = copy(info)
    hollow.name, hollow.callback = name, _only_says(info.callback.__doc__ or "")
    return hollow


def _checks_output(command: Callable[..., None]) -> Callable[..., None]:
    """The command, which first checks that its output can be written: its work may take long."""
    @wraps(command)
    def checked(**options: Any) -> None:
        out = options.get("out")
        if isinstance(out, Path):
            check_writable(out)
        command(**options)
    return checked


def _only_says(words: str) -> Callable[[], None]:
    def command() -> None:
        raise AssertionError("only the named command is called")
    command.__doc__ = words
    return command
