"""Connections: how long one may wait, how many there may be, and who is told that they are many."""

import asyncio
import contextlib
import logging
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS = 10.0     # seconds from a connection to the whole headers of its first request
MOST = 1024        # connections at once, answered or idle
SPARE = 64         # descriptors for all else that the process opens
QUIET = 10.0       # seconds in which the same message is logged once


class Connection(H11Protocol):
    """One connection, as uvicorn speaks HTTP on it.

    A client that sends no request in time is hung up on. Where there are too many connections, the
    one that has waited longest makes room, so that a new one, such as a look at /health, is
    answered. A client that closes its sending half gets its answer.
    """

    late: asyncio.TimerHandle | None = None
    most = MOST

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for headers."""
        others: list[Any] = list(self.connections)   # oldest first: see `Oldest`
        waiting = [other for other in others if other.cycle is None]
        if len(self.connections) >= self.most and waiting:
            waiting[0].transport.abort()
        super().connection_made(transport)
        self.late = self.loop.call_later(HEADERS, self._hang_up)

    def handle_events(self) -> None:
        """What came may be the headers, or the rest of them."""
        super().handle_events()
        if self.cycle is not None:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more: hang up, but answer first what is under way."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            return False
        self.cycle.keep_alive = False
        return True

    def _hang_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

    def _stop_waiting(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None


class Oldest(dict[Any, None]):
    """A set of connections that remembers their order; uvicorn adds to it and discards from it."""

    def add(self, connection: Any) -> None:
        """Put it last."""
        self[connection] = None

    def discard(self, connection: Any) -> None:
        """Take it out, if it is there."""
        self.pop(connection, None)


class Repeats(logging.Filter):
    """Lets a message through once in a while, with the number of times it was not logged."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, float] = {}
        self.silent: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        key, now = str(record.msg)[:200], time.monotonic()
        if now - self.last.get(key, -QUIET) < QUIET:
            self.silent[key] = self.silent.get(key, 0) + 1
            return False
        if len(self.last) > 1000:   # messages of a clumsy client are not all alike
            self.last.clear()
        self.last[key] = now
        missed = self.silent.pop(key, 0)
        if missed:
            record.msg = f"{record.getMessage()} (and {missed:,} times more since it was last said)"
            record.args, record.exc_info = (), None
        return True


def affordable() -> int:
    """How many connections there may be: below the limit of open files, which is raised as far as
    this process may."""
    try:
        import resource
    except ImportError:   # no such limits on this system
        return MOST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + SPARE
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(8, min(MOST, soft - SPARE))
