"""HTTP connections: how long one may wait, how many there may be, and logs of repeated messages."""

import asyncio
import contextlib
import logging
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS = 10.0     # seconds from a connection to the complete headers of its first request
MOST = 1024        # most connections at once, active or idle
SPARE = 64         # file descriptors kept for other uses
QUIET = 10.0       # seconds between two logs of the same message


class Connection(H11Protocol):
    """One HTTP connection of uvicorn.

    A client that sends no request in time is disconnected. If there are too many connections, the
    one that has waited longest is closed, so that a new one, such as a check of /health, is
    answered. A client that closes its sending half still gets its answer.
    """

    late: asyncio.TimerHandle | None = None
    most = MOST

    def connection_made(self, transport: Any) -> None:
        """Start to wait for headers."""
        others: list[Any] = list(self.connections)   # oldest first: see `OrderedConnections`
        waiting = [other for other in others if other.cycle is None]
        if len(self.connections) >= self.most and waiting:
            waiting[0].transport.abort()
        super().connection_made(transport)
        self.late = self.loop.call_later(HEADERS, self._hang_up)

    def handle_events(self) -> None:
        """Handle incoming data: headers, or the rest of them."""
        super().handle_events()
        if self.cycle is not None:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more: answer what is under way, then close."""
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


class OrderedConnections(dict[Any, None]):
    """An ordered set of connections, with the two methods that uvicorn calls."""

    def add(self, connection: Any) -> None:
        """Add a connection at the end."""
        self[connection] = None

    def discard(self, connection: Any) -> None:
        """Remove a connection, if it is there."""
        self.pop(connection, None)


class RepeatFilter(logging.Filter):
    """Lets a repeated message through now and then, with the number of omitted ones."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, float] = {}
        self.silent: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log the message."""
        key, now = str(record.msg)[:200], time.monotonic()
        if now - self.last.get(key, -QUIET) < QUIET:
            self.silent[key] = self.silent.get(key, 0) + 1
            return False
        if len(self.last) > 1000:   # a client may send many different bad messages
            self.last.clear()
        self.last[key] = now
        missed = self.silent.pop(key, 0)
        if missed:
            record.msg = f"{record.getMessage()} (and {missed:,} more times since the last log)"
            record.args, record.exc_info = (), None
        return True


def affordable() -> int:
    """The largest number of connections: below the limit of open files, which is raised as far as
    possible."""
    try:
        import resource
    except ImportError:   # this system has no such limits
        return MOST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = MOST + SPARE
    if soft < target:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(target, hard), hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(8, min(MOST, soft - SPARE))
