"""What every request passes first: the token, the limits on count, bytes and time, the drain."""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from .errors import AGAIN, Refusal, problem
from .limits import Limits

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

OPEN = "/health"   # needs no token and is answered however many requests there are


@dataclass
class Traffic:
    """What is under way."""

    inside: int = 0          # requests accepted and not yet answered
    draining: bool = False   # the server is about to end: no more are accepted
    cut_off: int = 0         # accepted, and not answered when it ended

    @contextmanager
    def visit(self) -> Iterator["Visit"]:
        """Count one request while it is under way."""
        visit = Visit(self)
        self.inside += 1
        try:
            yield visit
        except asyncio.CancelledError:
            self.cut_off += not visit.over
            raise
        finally:
            visit.leave()


@dataclass
class Visit:
    """One request under way."""

    traffic: Traffic
    begun: bool = False   # to be answered
    over: bool = False

    def leave(self) -> None:
        """It counts no longer."""
        self.traffic.inside -= not self.over
        self.over = True

    def through(self, send: Send) -> Send:
        """`send`, watched: the client may ask again as soon as it has the end of its answer, so
        this request is over just before."""
        async def watched(message: Message) -> None:
            self.begun = True
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self.leave()
            await send(message)
        return watched


class Body:
    """A request's body as it arrives, refused as soon as it is too large; and whether whoever
    sends it is still there."""

    def __init__(self, receive: Receive, most: int):
        self.raw, self.most, self.came = receive, most, 0
        self.over, self.left = asyncio.Event(), asyncio.Event()

    async def receive(self) -> Message:
        """The next piece; never returns once all have come or the client has left."""
        if self.over.is_set():
            await asyncio.Event().wait()
        message = await self.raw()
        if message["type"] == "http.disconnect":
            self.left.set()
            self.over.set()
            return await self.receive()
        self.came += len(message.get("body", b""))
        if self.came > self.most:
            raise too_large(self.most)
        if not message.get("more_body", False):
            self.over.set()
        return message

    async def gone(self) -> None:
        """Returns when the client has left without its answer."""
        await self.over.wait()
        while not self.left.is_set():
            if (await self.raw())["type"] == "http.disconnect":
                self.left.set()


@dataclass(frozen=True)
class Door:
    """Who is let in."""

    token: str = ""                # that clients must send, if any
    hosts: tuple[str, ...] = ()    # names by which the server may be called, if not any

    def refused(self, headers: dict[bytes, bytes]) -> Response | None:
        """Why a request with these headers is not let in, if it is not."""
        scheme, _, sent = headers.get(b"authorization", b"").partition(b" ")
        known = hmac.compare_digest(sent.strip(), self.token.encode()) and (
            scheme.lower() == b"bearer")
        if self.token and not known:
            return problem(401, "this server wants its token, as Authorization: Bearer TOKEN",
                           {"WWW-Authenticate": "Bearer"})
        return self.misled(headers)

    def misled(self, headers: dict[bytes, bytes]) -> Response | None:
        """Why a browser should not be answered: a page of another origin sends it here."""
        origin = headers.get(b"origin")
        if origin is not None and not self.token:
            sender = re.sub(rb"^https?://", b"", origin).lower()
            if sender != headers.get(b"host", b"").lower():
                return problem(403, "a page of another origin may not ask this server; to let it, "
                                    "give the server a token, which the page must send")
        host = re.sub(rb":\d*$", b"", headers.get(b"host", b"")).decode("latin-1")
        if self.hosts and host.lower() not in self.hosts:   # a web page's, led here by its name
            return problem(400, f"this server is called {self.hosts[0]}, not {host!r}; to be "
                                f"called otherwise it wants a token")
        return None


class Guard:
    """ASGI middleware."""

    def __init__(self, app: App, limits: Limits, door: Door, traffic: Traffic):
        self.app, self.limits, self.door, self.traffic = app, limits, door, traffic

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        send = self._closing(send)
        if scope["path"] == OPEN:
            await (self.door.misled(headers) or self.app)(scope, receive, send)
            return
        refused = self.door.refused(headers) or self._refused(headers)
        if refused:
            await refused(scope, receive, send)
            return
        with self.traffic.visit() as visit:
            late = await self._pass(scope, Body(receive, self.limits.body), visit.through(send))
            if late and not visit.begun:
                await late(scope, receive, send)

    def _closing(self, send: Send) -> Send:
        """`send`, which asks clients to hang up once the server is about to end, so that nobody
        asks on a connection that it is closing."""
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and self.traffic.draining:
                headers = [*message.get("headers", []), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)
        return closing

    def _refused(self, headers: dict[bytes, bytes]) -> Response | None:
        """Why there is no room for a request with these headers, if there is none."""
        if self.traffic.draining:
            return problem(503, "the server is ending; ask another, or this one later", AGAIN)
        if self.traffic.inside >= self.limits.queue:
            return problem(503, f"{self.limits.queue} requests are under way, which is as many as "
                                f"this server takes; come again in a second", AGAIN)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self.limits.body:
            return problem(413, too_large(self.limits.body).detail)
        return None

    async def _pass(self, scope: Message, body: Body, send: Send) -> Response | None:
        """Have the request answered; returns what to say where that took too long. Whatever was
        begun for a client that left is given up."""
        answer = asyncio.ensure_future(self.app(scope, body.receive, send))
        gone = asyncio.ensure_future(body.gone())
        try:
            await asyncio.wait({answer, gone}, timeout=self.limits.seconds,
                               return_when=asyncio.FIRST_COMPLETED)
            left, done = gone.done(), answer.done()
        finally:
            answer.cancel()   # which says nothing to one that is done
            gone.cancel()
            (failed, _) = await asyncio.gather(answer, gone, return_exceptions=True)
        if done and isinstance(failed, Exception):
            raise failed
        if done or left:
            return None
        if body.over.is_set():
            return problem(504, f"this took longer than {self.limits.seconds:g} seconds; ask for "
                                f"less at once", AGAIN)
        return problem(408, f"the request had not arrived after {self.limits.seconds:g} seconds")


def too_large(most: int) -> Refusal:
    """The refusal of a body of more bytes."""
    return Refusal(413, f"a request may have {most:,} bytes at most; send fewer or smaller "
                        f"images, or numbers, at once")
