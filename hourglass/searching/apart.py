"""Call a function in a process of its own, because one with threads or a GPU cannot fork trials."""

import multiprocessing
import sys
from collections.abc import Callable
from typing import Any

from ..core.console import VOICE, silent


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """What `work` returns. None where a process cannot be forked safely, or where it dies. Raises
    the ValueError that `work` raises."""
    if sys.platform != "linux":
        return None
    context: Any = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_send, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    try:
        result, wrong = ours.recv()
    except EOFError:
        result, wrong = None, ""
    process.join()
    if wrong:
        raise ValueError(wrong)
    return result


def _send(link: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    VOICE.set(silent)
    try:
        link.send((work(*arguments), ""))
    except ValueError as error:
        link.send((None, str(error)))
