"""Clients that come and go: whether a server's memory, descriptors and latency stay flat.

    python benchmarks/clients.py [runs/1] [--clients 500] [--minutes 10] [--pause 8]

Each client connects, does what people's programs do, leaves, and comes again: it asks for health,
sends an image and keeps the connection for more, sends half a request and vanishes, connects and
stays silent, resets in the middle of an answer, sends bytes that are not HTTP. Between two requests
it waits `--pause` seconds on average. Clients come one after another within the first minute, and
leave within the last; in between, their number is constant. Each minute, a line says what memory
the server uses, how late answers were, and how busy the processors were. Other work on the machine
is included, so it changes the latency.
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
from typing import NamedTuple

import numpy as np
from serving import TYPES, Server, answer, form, png, request, run_of, started

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
KINDS = {"health": 3, "images": 6, "half": 1, "silent": 1, "reset": 1, "nonsense": 1}


class Minute(NamedTuple):
    """What was measured in a minute."""

    name: str
    memory: float       # MiB
    descriptors: int
    answered: int
    p50: float          # ms
    p99: float
    busy: float         # percent of all processors
    own: float          # percent of all processors that the server took
    load: float         # processes that wanted to run, on average

    def line(self) -> str:
        """The same as a row of a table."""
        return (f"| {self.name} | {self.memory:.1f} | {self.descriptors} | {self.answered:,} | "
                f"{self.p50:.1f} | {self.p99:.1f} | {self.busy:.0f}% | {self.own:.0f}% | "
                f"{self.load:.1f} |")


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


async def client(port: int, number: int, log: Log, from_to: tuple[float, float],
                 pause: float) -> None:
    """Come and go between these moments."""
    draw = random.Random(number)
    await asyncio.sleep(max(0.0, from_to[0] - time.monotonic()))
    while time.monotonic() < from_to[1]:
        kind = draw.choices(list(KINDS), list(KINDS.values()))[0]
        try:
            await visit(port, kind, draw, log, pause)
        except (OSError, asyncio.IncompleteReadError):
            log.outcomes["hung up on"] += 1
        except TimeoutError:
            log.outcomes["no answer in 60 s"] += 1
        await asyncio.sleep(draw.expovariate(1 / pause))


class Processors:
    """How busy the processors were since the last look, with all that ran and with the server."""

    def __init__(self, server: Server):
        self.server, self.before = server, self.now(server)

    @staticmethod
    def now(server: Server) -> tuple[float, float, float]:
        """Ticks of work and of all time of the processors, and the server's seconds of work."""
        ticks = [int(word) for word in Path("/proc/stat").read_text().split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks), server.busy

    def shares(self) -> tuple[float, float]:
        """Percent of all processors' time that was work, and that was the server's."""
        before, self.before = self.before, self.now(self.server)
        busy, whole, own = (now - then for now, then in zip(self.before, before, strict=True))
        return 100 * busy / whole, 100 * own * os.sysconf("SC_CLK_TCK") / whole


async def load(server: Server, clients: int, minutes: int, pause: float) -> list[Minute]:
    """A row for each minute. Clients come within the first one, and leave within the last."""
    log, begun, rows = Log(), time.monotonic(), list[Minute]()
    used, end = Processors(server), begun + 60 * minutes
    waiting = [asyncio.create_task(client(
        server.port, i, log, (begun + 60 * i / clients, end - 60 * i / clients), pause))
        for i in range(clients)]
    for minute in range(1, minutes + 1):
        await asyncio.sleep(max(0.0, begun + 60 * minute - time.monotonic()))
        times, log.times = log.times, []
        late = np.percentile(times or [np.nan], (50, 99)) * 1000
        kind = " (they come)" if minute == 1 else " (they leave)" if minute == minutes else ""
        rows.append(Minute(f"{minute}{kind}", server.memory,
                           len(os.listdir(f"/proc/{server.process.pid}/fd")), len(times),
                           *late, *used.shares(), os.getloadavg()[0]))
        print(rows[-1].line(), flush=True)
    await asyncio.gather(*waiting, return_exceptions=True)
    print(f"\nanswers and others: {dict(log.outcomes.most_common())}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--pause", type=float, default=8, help="seconds")
    options = parser.parse_args()
    with run_of(options.run, 1) as run:
        print("| minute | memory, MiB | descriptors | answered | p50, ms | p99, ms "
              "| processors busy | server | load |\n|---|---|---|---|---|---|---|---|---|")
        with started(run, 128) as server:
            rows = asyncio.run(load(server, options.clients, options.minutes, options.pause))
            time.sleep(12)   # those that said nothing are hung up on after 10
            left = len(os.listdir(f"/proc/{server.process.pid}/fd"))
            print(f"12 s after the last has left: {left} descriptors, {server.memory:.1f} MiB")
    steady = rows[1:-1]   # while clients come and leave, their number changes
    if len(steady) > 1:
        half = len(steady) // 2
        early, late = (np.median([row.p50 for row in part])
                       for part in (steady[:half], steady[half:]))
        print(f"between: memory {steady[0].memory:.1f} to {steady[-1].memory:.1f} MiB; median of "
              f"p50 {early:.1f} ms in the first half, {late:.1f} in the second; processors "
              f"{np.mean([row.busy for row in steady]):.0f}% busy, the server took "
              f"{np.mean([row.own for row in steady]):.0f}%")


if __name__ == "__main__":
    main()
