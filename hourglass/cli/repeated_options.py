"""A command that says which of its options is given more than once."""

from collections import Counter
from typing import Any

from typer.core import TyperCommand, TyperOption

from ..core.console import say


class CommandThatSaysRepeats(TyperCommand):
    """A command of Typer. Of an option that is given several times the last value counts, as
    elsewhere, and a line says so."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of a command."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for param, count in Counter(order).items():
            if count > 1 and isinstance(param, TyperOption) and not (param.multiple or
                                                                     param.is_flag):
                words = [word for word in param.opts if word.startswith("--")] or param.opts
                name = min(words, key=len)   # the others are other tools' names of it
                say(f"{name} is given {count} times, and the last one counts")
        return super().parse_args(ctx, args)
