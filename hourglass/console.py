"""What a person sees while something takes long: bars in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
EVERY = 10.0   # seconds between two plain lines


def say(text: str) -> None:
    """One line for the person at the terminal."""
    print(text, file=sys.stderr, flush=True)


def is_terminal() -> bool:
    """Whether a bar can be drawn."""
    return sys.stderr.isatty()


def track(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """The items, with a bar of how many are done; without a terminal, a line now and then."""
    if is_terminal():
        from rich.console import Console
        from rich.progress import track as bar
        yield from bar(items, total=total, description=what, transient=True,
                       console=Console(stderr=True))
        return
    said = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        if time.monotonic() - said > EVERY:
            said = time.monotonic()
            say(f"{what}: {done:,} of {total:,}")
