"""News of the folder as server-sent events, which a page can take up again where it lost them."""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ..serving.middleware import Traffic
from .catalogue import Catalogue

EVERY = 1.0        # seconds between two looks at the folder while somebody listens
KEPT = 1000        # events that can be taken up again
QUIET = 15         # waits after which a word is sent, so that a dead connection is found


@dataclass
class Events:
    """Changes, numbered. A page that missed some gets them, or a request to read everything again.
    """

    catalogue: Catalogue
    boot: str = field(default_factory=lambda: secrets.token_hex(4))   # of this process
    last: int = 0
    kept: deque[tuple[int, list[str]]] = field(default_factory=lambda: deque(maxlen=KEPT))
    listeners: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    watcher: asyncio.Task[None] | None = None
    traffic: Traffic = field(default_factory=Traffic)   # of the server, which may shut down
    log_sizes: dict[str, int] = field(default_factory=dict)

    def tell(self, keys: list[str]) -> None:
        """Tell all pages that these runs have changed. An empty key means jobs or the trash."""
        if keys:
            self.last += 1
            self.kept.append((self.last, keys))
            self.news.set()
            self.news = asyncio.Event()

    async def look(self) -> None:
        """Bring the catalogue up to date, and tell what has changed."""
        self.tell(await asyncio.to_thread(self._changes))

    def _changes(self) -> list[str]:
        jobs = self.catalogue.jobs.read()
        sizes = {job.log: len(self.catalogue.jobs.log_of(job)) for job in jobs if job.alive}
        spoken = [""] if sizes != self.log_sizes else []
        self.log_sizes = sizes
        return [*self.catalogue.news(), *spoken]

    async def _watch(self) -> None:
        while self.listeners:
            await self.look()
            await asyncio.sleep(EVERY)
        self.watcher = None

    async def stream(self, seen: str) -> AsyncIterator[str]:
        """The events after `seen`, a Last-Event-ID, as text."""
        self.listeners += 1
        if self.watcher is None or self.watcher.done():
            self.watcher = asyncio.create_task(self._watch())
        try:
            at, known = self._place_of(seen)
            yield "retry: 1000\n\n" if known else self._event(at, "reset", [])
            waits = 0
            while not self.traffic.draining:
                news = self.news
                for number, keys in [event for event in self.kept if event[0] > at]:
                    yield self._event(number, "changed", keys)
                    at = number
                try:
                    await asyncio.wait_for(news.wait(), EVERY)
                except TimeoutError:
                    waits += 1
                    if waits % QUIET == 0:
                        yield ": still here\n\n"
        finally:
            self.listeners -= 1

    def _place_of(self, seen: str) -> tuple[int, bool]:
        """From which number to go on, and whether nothing was missed."""
        boot, _, number = seen.partition("-")
        if boot != self.boot or not number.isdecimal():
            return self.last, False
        oldest = self.kept[0][0] if self.kept else self.last + 1
        return min(int(number), self.last), int(number) + 1 >= oldest

    @property
    def place(self) -> str:
        """The last event's id."""
        return f"{self.boot}-{self.last}"

    def _event(self, number: int, kind: str, keys: list[str]) -> str:
        return (f"id: {self.boot}-{number}\nevent: {kind}\n"
                f"data: {json.dumps({'runs': keys})}\n\n")
