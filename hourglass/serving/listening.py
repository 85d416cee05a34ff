"""Where a server listens, who may call it by which name, and how it shuts down."""

import ipaddress
import logging
import os
import socket
import time
from dataclasses import dataclass
from types import FrameType

import uvicorn
from fastapi import FastAPI

from .connections import MOST, Connection, OrderedConnections, RepeatFilter, affordable
from .middleware import AccessControl, Traffic

LOCAL = ("127.0.0.1", "localhost", "[::1]")
LAST_WORDS = 2            # seconds for answers that are being sent when the time is up
LINGER = 0.5              # seconds in which late requests still get an answer at shutdown


@dataclass(frozen=True)
class Address:
    """Where the server listens, and who may use it."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    open: bool = False        # allow networks without a token
    grace: float = 30.0       # seconds to finish accepted requests at shutdown


def door_of(place: Address, listening: socket.socket) -> AccessControl:
    """Access control for this address. On a loopback address without a token, the server must be
    called by such a name, so that no web page can use it by a DNS trick."""
    local = is_loopback(str(listening.getsockname()[0])) and not (place.token or place.open)
    return AccessControl(place.token, (*LOCAL, place.host.lower()) if local else ())


def is_loopback(address: str) -> bool:
    """Whether other machines cannot reach an address."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def listen(place: Address) -> socket.socket:
    """The bound socket. Raises ValueError."""
    try:
        addresses = socket.getaddrinfo(place.host or None, place.port, type=socket.SOCK_STREAM,
                                       flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError):
        raise ValueError(f"there is no host {place.host!r} to listen on; 127.0.0.1 is this "
                         f"machine, 0.0.0.0 all its networks") from None
    family, _, _, _, address = addresses[0]
    if not (is_loopback(str(address[0])) or place.token or place.open):
        raise ValueError(f"{place.host or 'every network'} is open to others: set HOURGLASS_TOKEN "
                         f"or --token-file, or pass --open to allow everybody")
    # with the protocol's number, or asyncio leaves Nagle's algorithm on, a delay of 40 ms
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name != "nt":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(MOST)
    except OSError as error:
        bound.close()
        raise ValueError(f"cannot listen on {place.host}, port {place.port} ({error.strerror}); "
                         f"--port 0 takes a free one") from None
    return bound


class Draining(uvicorn.Server):
    """A uvicorn server that drains on the first signal: it keeps listening, so that /health can
    report it, until accepted requests are answered. A second signal ends it at once."""

    def __init__(self, app: FastAPI, traffic: Traffic, grace: float):
        Connection.most = affordable()
        super().__init__(uvicorn.Config(
            app, log_level="warning", access_log=False, proxy_headers=False, server_header=False,
            limit_concurrency=MOST, timeout_graceful_shutdown=LAST_WORDS, ws="none",
            http=Connection))
        self.server_state.connections = OrderedConnections()  # type: ignore[assignment]
        self.traffic, self.grace = traffic, grace
        self.until, self.empty = float("inf"), float("inf")
        for name in ("asyncio", "uvicorn.error"):
            logging.getLogger(name).addFilter(RepeatFilter())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start to drain."""
        if self.traffic.draining:
            self.until = 0.0
            return
        self.traffic.draining = True
        self.until = time.monotonic() + self.grace

    async def on_tick(self, counter: int) -> bool:
        """Whether to end; called ten times per second."""
        now = time.monotonic()
        if self.traffic.draining and not self.traffic.inside:
            self.empty = min(self.empty, now)
        if self.traffic.draining and (now >= self.until or now - self.empty >= LINGER):
            self.should_exit = True
        return await super().on_tick(counter)
