"""How often a server was asked for each operation, how it answered, and how long that took."""

import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
OPERATION = re.compile(r"/v1/[a-z_]{1,20}")
UNCOUNTED = ("/health", "/v1/traffic")   # of those who watch the server
REMEMBERED = 1000   # answers whose times are kept, of each operation
FAILED, UNKNOWN = 400, 404   # statuses: the first of a refusal, and of no such path


@dataclass
class Answers:
    """The answers of one operation."""

    answered: int = 0
    refused: int = 0          # with a status from 400 on
    last: float = 0.0         # when, in seconds since 1970
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def quantile(self, share: float) -> float | None:
        """The time within which that share of the last answers was ready; None without any."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


@dataclass
class Tally:
    """All answers of a server since it started, by operation."""

    since: float = field(default_factory=time.time)
    operations: dict[str, Answers] = field(default_factory=dict)

    def through(self, path: str, send: Send) -> Send:
        """Wrap `send`: the answer to a request of this path is counted once it was sent."""
        if path in UNCOUNTED:
            return send
        name, begun = path if OPERATION.fullmatch(path) else "other", time.perf_counter()
        status = 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._note(name, status, time.perf_counter() - begun)
        return counted

    def _note(self, name: str, status: int, seconds: float) -> None:
        if status == UNKNOWN and name not in self.operations:   # clients invent paths
            name = "other"
        answers = self.operations.setdefault(name, Answers())
        answers.refused += status >= FAILED
        answers.answered += status < FAILED
        answers.last = time.time()
        answers.seconds.append(seconds)
