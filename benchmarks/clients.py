"""Clients that come and go: whether a server's memory, descriptors and latency stay flat.

    python benchmarks/clients.py [runs/1] [--clients 500] [--minutes 10] [--pause 2]

Each client connects, does what people's programs do, leaves, and comes again: it asks for health,
sends an image and keeps the connection for more, sends half a request and vanishes, connects and
says nothing, resets in the middle of an answer, sends what is no HTTP. Between two requests it
waits `--pause` seconds on average. Every tenth of the time, a line says what the server holds.
"""

import argparse
import asyncio
import os
import random
import socket
import struct
import time
from collections import Counter
from pathlib import Path

import numpy as np
from serving import TYPES, Server, answer, form, png, request, run_of, started

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
KINDS = {"health": 3, "images": 6, "half": 1, "silent": 1, "reset": 1, "nonsense": 1}


class Log:
    """What came of the requests so far."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.times: list[float] = []

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
                  sent: bytes) -> None:
        """Send a request whole, and wait for its answer."""
        begun = time.perf_counter()
        writer.write(sent)
        status, _ = await asyncio.wait_for(answer(reader), 60)
        self.outcomes[str(status)] += 1
        self.times.append(time.perf_counter() - begun)


async def visit(port: int, kind: str, draw: random.Random, log: Log, pause: float) -> None:
    """One connection from its beginning to its end."""
    image = png(np.full((28, 28), draw.randrange(255), np.uint8))
    sent = request("encode", TYPES["image"], form(image))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if kind in ("health", "images"):
            for _ in range(draw.randint(1, 4)):
                await log.ask(reader, writer, HEALTH if kind == "health" else sent)
                await asyncio.sleep(draw.expovariate(1 / pause))
            return
        log.outcomes[kind] += 1
        if kind != "silent":
            writer.write({"half": sent[:len(sent) // 2], "reset": sent,
                          "nonsense": draw.randbytes(200)}[kind])
        await asyncio.sleep(draw.expovariate(1 / pause))
        if kind == "reset":
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    finally:
        writer.close()


async def client(port: int, number: int, log: Log, until: float, pause: float) -> None:
    """Come and go until then."""
    draw = random.Random(number)
    await asyncio.sleep(draw.random() * pause)
    while time.monotonic() < until:
        kind = draw.choices(list(KINDS), list(KINDS.values()))[0]
        try:
            await visit(port, kind, draw, log, pause)
        except (OSError, asyncio.IncompleteReadError):
            log.outcomes["hung up on"] += 1
        except TimeoutError:
            log.outcomes["no answer in 60 s"] += 1
        await asyncio.sleep(draw.expovariate(1 / pause))


async def load(server: Server, clients: int, seconds: float, pause: float) -> list[tuple]:
    """Rows of time, MiB, descriptors, and how many were answered in which time, in ms."""
    log, begun, rows = Log(), time.monotonic(), []
    waiting = [asyncio.create_task(client(server.port, i, log, begun + seconds, pause))
               for i in range(clients)]
    for part in range(1, 11):
        await asyncio.sleep(max(0.0, begun + part * seconds / 10 - time.monotonic()))
        times, log.times = log.times, []
        held = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        late = np.percentile(times or [np.nan], (50, 99)) * 1000
        rows.append((time.monotonic() - begun, server.memory, held, len(times), *late))
        print(f"| {rows[-1][0]:.0f} | {rows[-1][1]:.1f} | {held} | {len(times):,} | "
              f"{late[0]:.1f} | {late[1]:.1f} |", flush=True)
    await asyncio.gather(*waiting, return_exceptions=True)
    print(f"\nanswers and others: {dict(log.outcomes.most_common())}")
    return rows


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("run", nargs="?", type=Path)
    asked.add_argument("--clients", type=int, default=500)
    asked.add_argument("--minutes", type=float, default=10)
    asked.add_argument("--pause", type=float, default=2, help="seconds")
    told = asked.parse_args()
    with run_of(told.run, 1) as run:
        print("| seconds | memory, MiB | descriptors | answered | p50, ms | p99, ms |")
        print("|---|---|---|---|---|---|")
        with started(run, 128) as server:
            rows = asyncio.run(load(server, told.clients, 60 * told.minutes, told.pause))
            time.sleep(12)   # those that said nothing are hung up on after 10
            left = len(os.listdir(f"/proc/{server.process.pid}/fd"))
            print(f"12 s after the last has left: {left} descriptors, {server.memory:.1f} MiB; "
                  f"the second tenth had {rows[1][1]:.1f} MiB, the last {rows[-1][1]:.1f}")


if __name__ == "__main__":
    main()
