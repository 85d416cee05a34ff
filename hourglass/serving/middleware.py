"""Middleware: the token, limits on number, bytes and time, and the shutdown."""

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import Response

from .errors import AGAIN, Refusal, problem
from .limits import Limits
from .tally import Tally

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

OPEN = "/health"   # needs no token and is always answered


@dataclass
class Traffic:
    """The requests under way."""

    inside: int = 0          # requests that are accepted but not yet answered
    draining: bool = False   # the server shuts down: no more requests are accepted
    cut_off: int = 0         # accepted requests without an answer at the end
    tally: Tally = field(default_factory=Tally)   # of all answers

    @contextmanager
    def visit(self) -> Iterator["ActiveRequest"]:
        """Count one request while it is under way."""
        visit = ActiveRequest(self)
        self.inside += 1
        try:
            yield visit
        except asyncio.CancelledError:
            self.cut_off += not visit.over
            raise
        finally:
            visit.leave()


@dataclass
class ActiveRequest:
    """One request under way."""

    traffic: Traffic
    begun: bool = False   # whether an answer is due
    over: bool = False

    def leave(self) -> None:
        """Stop counting the request."""
        self.traffic.inside -= not self.over
        self.over = True

    def through(self, send: Send) -> Send:
        """Wrap `send`: this request ends just before its answer does, because the client may then
        send the next one."""
        async def watched(message: Message) -> None:
            self.begun = True
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self.leave()
            await send(message)
        return watched


class Body:
    """A request's body as it arrives. It is refused once it is too large, and knows when the
    client has left."""

    def __init__(self, receive: Receive, most: int):
        self.raw, self.most, self.came = receive, most, 0
        self.over, self.left = asyncio.Event(), asyncio.Event()

    async def receive(self) -> Message:
        """The next piece. Never returns after the last piece, or after the client has left."""
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
        """Return when the client has left without its answer."""
        await self.over.wait()
        while not self.left.is_set():
            if (await self.raw())["type"] == "http.disconnect":
                self.left.set()


@dataclass(frozen=True)
class AccessControl:
    """Access control."""

    token: str = ""                # that clients must send, if there is one
    hosts: tuple[str, ...] = ()    # allowed names of the server; () for any

    def refused(self, headers: dict[bytes, bytes]) -> Response | None:
        """The refusal of a request with these headers, or None."""
        scheme, _, sent = headers.get(b"authorization", b"").partition(b" ")
        known = hmac.compare_digest(sent.strip(), self.token.encode()) and (
            scheme.lower() == b"bearer")
        if self.token and not known:
            return problem(401, "this server needs its token, as Authorization: Bearer TOKEN",
                           {"WWW-Authenticate": "Bearer"})
        return self.misled(headers)

    def misled(self, headers: dict[bytes, bytes]) -> Response | None:
        """The refusal of a browser whose page comes from another origin, or None."""
        origin = headers.get(b"origin")
        if origin is not None and not self.token:
            sender = re.sub(rb"^https?://", b"", origin).lower()
            if sender != headers.get(b"host", b"").lower():
                return problem(403, "pages of another origin may not use this server; to allow it, "
                                    "give the server a token, which the page must send")
        host = re.sub(rb":\d*$", b"", headers.get(b"host", b"")).decode("latin-1")
        if self.hosts and host.lower() not in self.hosts:   # a web page with a DNS trick
            return problem(400, f"this server's name is {self.hosts[0]}, not {host!r}; for other "
                                f"names it needs a token")
        return None


class Guard:
    """ASGI middleware that applies access control and limits."""

    def __init__(self, app: App, limits: Limits, door: AccessControl, traffic: Traffic):
        self.app, self.limits, self.door, self.traffic = app, limits, door, traffic

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        send = self.traffic.tally.through(scope["path"], self._closing(send))
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
        """Wrap `send`: at shutdown, it asks clients to close their connections, so that none sends
        a request on a closing one."""
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and self.traffic.draining:
                headers = [*message.get("headers", []), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)
        return closing

    def _refused(self, headers: dict[bytes, bytes]) -> Response | None:
        """The refusal of a request with these headers if there is no room, or None."""
        if self.traffic.draining:
            return problem(503, "the server is shutting down; try another, or try later", AGAIN)
        if self.traffic.inside >= self.limits.queue:
            return problem(503, f"the server is busy with {self.limits.queue} requests, its limit; "
                                f"try again in a second", AGAIN)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self.limits.body:
            return problem(413, too_large(self.limits.body).detail)
        return None

    async def _pass(self, scope: Message, body: Body, send: Send) -> Response | None:
        """Answer the request. Returns a refusal if that took too long. Work for a client that has
        left is cancelled."""
        answer = asyncio.ensure_future(self.app(scope, body.receive, send))
        gone = asyncio.ensure_future(body.gone())
        try:
            await asyncio.wait({answer, gone}, timeout=self.limits.seconds,
                               return_when=asyncio.FIRST_COMPLETED)
            left, done = gone.done(), answer.done()
        finally:
            answer.cancel()   # no effect on a finished one
            gone.cancel()
            (failed, _) = await asyncio.gather(answer, gone, return_exceptions=True)
        if done and isinstance(failed, Exception):
            raise failed
        if done or left:
            return None
        if body.over.is_set():
            return problem(504, f"this took longer than {self.limits.seconds:g} seconds; send less "
                                f"at once", AGAIN)
        return problem(408, f"the request had not arrived after {self.limits.seconds:g} seconds")


def too_large(most: int) -> Refusal:
    """The refusal of a body with more bytes."""
    return Refusal(413, f"a request may have at most {most:,} bytes; send fewer or smaller "
                        f"images, or fewer numbers")
