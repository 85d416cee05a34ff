"""Messages and progress for the user: bars in a terminal, plain lines elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar

from .output_names import harmless
from .wording import agree

Item = TypeVar("Item")
EVERY = 10.0   # seconds between two plain lines of progress
BARS: list[str] = []   # progress bars shown now
LINES: list[str] = []   # what each of several processes had to say, also those that do not print


def is_first() -> bool:
    """Whether this process prints messages: the first of a distributed training (torchrun)."""
    return os.environ.get("RANK", "0") == "0"


def as_it_is(text: str) -> str:
    """The voice of the command line."""
    return text


def silent(text: str) -> str:
    """A voice that says nothing."""
    return ""


VOICE: ContextVar[Callable[[str], str]] = ContextVar("voice", default=as_it_is)   # in whose words
# a line is said; "" is not said
WORDS: ContextVar[Callable[[str], str]] = ContextVar("words", default=as_it_is)   # of warnings


def say(text: str) -> None:
    """Print one line to standard error."""
    text = VOICE.get()(text)
    if text and "RANK" in os.environ:
        LINES.append(text)
    _print(text)


def tell(*lines: object) -> None:
    """Print results to standard output, a line each."""
    print(*(agree(line) if isinstance(line, str) else line for line in lines), sep="\n")


def say_others(lines: list[str]) -> None:
    """Print the messages of other processes, except those that this one has printed."""
    for line in dict.fromkeys(lines):
        if line not in LINES:
            _print(line)


def _print(text: str) -> None:
    if text and is_first():
        print(agree(harmless(text)), file=sys.stderr, flush=True)


def warn_if_silent(text: str) -> None:
    """Print a warning if all other lines are silenced, in the words of the shell or of Python.
    Otherwise the caller's notes contain it, and it is printed with them."""
    if is_silent() and is_first():
        print(agree(harmless(WORDS.get()(text))), file=sys.stderr, flush=True)


def is_silent() -> bool:
    """Whether messages and progress are switched off."""
    return VOICE.get() is silent


def is_terminal() -> bool:
    """Whether a progress bar can be drawn."""
    return sys.stderr.isatty() and is_first()


def track(items: Iterable[Item], total: int, what: str, done: int = 0) -> Iterator[Item]:
    """Yield the items with a progress bar that starts at `done`. Without a terminal, print a line
    every 10 seconds. Inside another bar, or when silent, none is shown."""
    if BARS or is_silent():
        yield from items
        return
    BARS.append(what)
    try:
        yield from _shown(items, total, what, done)
    finally:
        BARS.remove(what)


def _shown(items: Iterable[Item], total: int, what: str, done: int) -> Iterator[Item]:
    if is_terminal():
        from rich.console import Console
        from rich.progress import track as bar
        yield from bar(items, total=total, completed=done, description=what, transient=True,
                       console=Console(stderr=True))
        return
    said = time.monotonic()
    for count, item in enumerate(items, done + 1):
        yield item
        if time.monotonic() - said > EVERY:
            said = time.monotonic()
            _print(VOICE.get()(f"{what}: {count:,} of {total:,}"))
