"""A served model under load and abuse: requests/s, batched and not; malformed uploads; OpenAPI.

    .venv/bin/python benchmarks/serving.py runs/1            # about four minutes; --quick for one
    .venv/bin/python benchmarks/serving.py                   # trains a small model of digits first

Servers and clients share this machine and talk over loopback. Both servers, one that batches and
one that passes one request at a time through the model, run all the while and are asked in turn.
A request is lost if it gets no answer, or one with a status other than 200.
"""

import argparse
import asyncio
import io
import json
import os
import random
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

TYPES = {"image": b"multipart/form-data; boundary=b", "json": b"application/json"}
HOOKS = '''
import io, hypothesis.strategies as st, schemathesis
from PIL import Image
def png(side):
    buffer = io.BytesIO()
    Image.new("L", (side, side), 3 * side).save(buffer, "PNG")
    return buffer.getvalue()
pictures = st.integers(4, 40).map(png)   # not random bytes, which are refused
schemathesis.openapi.format("binary", pictures)
for kind in ("png", "jpeg", "webp", "gif", "bmp", "tiff", "avif", "jp2", "x-portable-anymap"):
    schemathesis.openapi.media_type(f"image/{kind}", pictures)
'''


class Server(NamedTuple):
    """A server that was started, and where it listens."""

    process: subprocess.Popen
    port: int

    @property
    def memory(self) -> float:
        """What it holds in memory, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    @property
    def busy(self) -> float:
        """Seconds of the processors' time it has had, which other load changes little."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def started(run: Path, batch: int) -> Iterator[Server]:
    """A server that passes up to `batch` samples at once. SIGTERM ends it, with exit code 0."""
    process = subprocess.Popen([sys.executable, __file__, str(run), "--serve", str(batch)],
                               stderr=subprocess.PIPE, text=True)
    try:
        match = next(match for line in process.stderr
                     if (match := re.search(r"http://127.0.0.1:(\d+)", line)))
        yield Server(process, int(match[1]))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, "the server did not end well"
    finally:
        process.kill()


def serve(run: Path, batch: int) -> None:
    from hourglass import load
    from hourglass.serving.limits import Limits
    from hourglass.serving.server import Address
    from hourglass.serving.server import serve as go_on
    limits = Limits(batch=batch, linger=Limits.linger if batch > 1 else 1e-9)
    sys.exit(bool(go_on(load(run), Address(port=0), limits)))


def png(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def form(content: bytes, name: str = "a.png", field: str = "images") -> bytes:
    return (f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
            f"Content-Type: image/png\r\n\r\n").encode() + content + b"\r\n--b--\r\n"


def request(path: str, kind: bytes, body: bytes, more: bytes = b"") -> bytes:
    return (f"POST /v1/{path} HTTP/1.1\r\nHost: localhost\r\n".encode()
            + f"Content-Length: {len(body)}\r\n".encode() + b"Content-Type: " + kind + b"\r\n"
            + more + b"\r\n" + body)


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return int(head.split()[1]), await reader.readexactly(int(length[1]) if length else 0)


async def load_test(port: int, sent: list[bytes], clients: int, seconds: float
                    ) -> tuple[list[float], int, float]:
    """Latencies of what was answered with 200, how many were lost, and how long it took."""
    times: list[float] = []
    lost = 0
    start = time.perf_counter()

    async def client(number: int) -> None:
        nonlocal lost
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count = number
        while time.perf_counter() - start < seconds:
            count += 1
            begun = time.perf_counter()
            writer.write(sent[count % len(sent)])
            try:
                status, _ = await asyncio.wait_for(answer(reader), 60)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                lost += 1
                return
            lost += status != 200
            times.append(time.perf_counter() - begun)
        writer.close()
    await asyncio.gather(*(client(i) for i in range(clients)))
    return times, lost, time.perf_counter() - start


def under_load(run: Path, quick: bool) -> Iterator[str]:
    images = [png(np.random.default_rng(i).integers(0, 255, (28, 28), np.uint8)) for i in range(50)]
    sent = [request("encode", TYPES["image"], form(image)) for image in images]
    seconds, rounds = (2, 2) if quick else (8, 4)
    yield ("| clients | | requests/s | CPU time a request, ms | p50, p99, ms | lost |")
    yield "|---|---|---|---|---|---|"
    with started(run, 128) as batched, started(run, 1) as single:
        for clients in (1, 16, 48):
            servers = {"batched": batched, "one at a time": single}
            speeds: dict[str, list[float]] = {name: [] for name in servers}
            costs: dict[str, list[float]] = {name: [] for name in servers}
            times: dict[str, list[float]] = {name: [] for name in servers}
            lost: Counter[str] = Counter()
            for turn in range(rounds + 1):
                for name, server in servers.items():
                    before = server.busy
                    latencies, missed, took = asyncio.run(load_test(server.port, sent, clients,
                                                                    seconds))
                    lost[name] += missed
                    if turn:   # the first warms up
                        speeds[name].append(len(latencies) / took)
                        costs[name].append(1000 * (server.busy - before) / len(latencies))
                        times[name] += latencies
                    print(f"{clients} clients, round {turn}, {name}: {len(latencies) / took:.0f}/s",
                          file=sys.stderr)
            for name in servers:
                late = np.percentile(times[name], (50, 99)) * 1000
                yield (f"| {clients} | {name} | {spread(speeds[name], 0)} "
                       f"| {spread(costs[name], 2)} | {late[0]:.1f}, {late[1]:.1f} "
                       f"| {lost[name]} of {len(times[name]):,} |")
            ratio, cost = ([one / two for one, two in zip(*figures.values(), strict=True)]
                           for figures in (speeds, costs))
            yield f"| {clients} | ratio | {spread(ratio, 2)} | {spread(cost, 2)} | | |"


def spread(values: list[float], digits: int) -> str:
    return (f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to "
            f"{max(values):,.{digits}f})")


def bomb(side: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    packed = zlib.compress(bytes(side * (side // 8 + 1) if side < 20_000 else 10**7))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed)


def malformed(seed: int) -> Iterator[tuple[str, bytes, set[int]]]:
    """Without end: what it is, the request's bytes, and with what it is rightly refused."""
    chance = random.Random(seed)
    good = {kind: png(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8), kind)
            for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF")}
    archive = io.BytesIO()
    zipfile.ZipFile(archive, "w").writestr("a.png", good["PNG"])
    large, smaller = bomb(50_000), bomb(6000)
    image, json_type = TYPES["image"], TYPES["json"]
    while True:
        kind = chance.choice(list(good))
        cut = good[kind][:chance.randint(1, len(good[kind]) // 2)]
        noise = chance.randbytes(chance.randint(1, 5000))
        path = chance.choice(["encode", "reconstruct", "score", "restore"])
        yield "cut short", request(path, image, form(cut)), {415, 422}
        yield "random bytes", request(path, image, form(noise)), {415, 422}
        yield "bomb of 50,000 x 50,000", request(path, image, form(large)), {413}
        yield "bomb of 6,000 x 6,000", request(path, image, form(smaller)), {413}
        yield "empty", request(path, image, form(b"")), {422}
        yield "SVG", request(path, image, form(b"<svg xmlns='http://www.w3.org/2000/svg'/>")), {415}
        yield "zip", request(path, image, form(archive.getvalue())), {415}
        yield "path for a name", request(path, image, form(noise, "../" * 40 + "etc/passwd")), {
            415, 422}
        other_type = chance.choice([json_type, b"text/plain", b"image/png", b"x"])
        yield "no form", request(path, other_type, good["PNG"]), {415}
        yield "broken form", request(path, image, form(good["PNG"])[:-chance.randint(5, 90)]), {400}
        yield "noise for a form", request(path, image, noise), {400}
        yield "huge part header", request(path, image, form(b"a", "y" * 200_000)), {400}
        yield "huge header", request(path, image, b"", b"X-Y: " + b"z" * 200_000 + b"\r\n"), {
            400, 0}   # the HTTP parser refuses, and closes, perhaps while it is still sent
        yield "wrong field", request(path, image, form(good["PNG"], field="file")), {422}
        yield "70 files", request(path, image, form(good["PNG"])[:-7] * 70 + b"--b--\r\n"), {422}
        yield "20 MB", request(path, image, form(bytes(20_000_000))), {413}
        yield "no JSON", request("generate", json_type, noise), {400}
        for body in (b'{"n": "a"}', b'{"n": -1}', b'{"n": 1e9}', b"[]", b'{"x": 1}', b"null"):
            yield "wrong JSON", request("generate", json_type, body), {422}
        yield "NaN", request("generate", json_type, b'{"temperature": NaN}'), {422}
        yield "deep JSON", request("generate", json_type, b"[" * 100_000), {400}
        yield "wrong codes", request("decode", json_type, b'{"codes": [[1, "a", null]]}'), {422}


def frames(count: int) -> bytes:
    pictures = [Image.new("L", (30, 30), i % 255) for i in range(count)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


async def once(port: int, sent: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        return await asyncio.wait_for(answer(reader), 60)
    except ConnectionResetError:
        return 0, b""
    finally:
        writer.close()


def abused(run: Path, quick: bool) -> Iterator[str]:
    count = 200 if quick else 1000
    wrong: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    with started(run, 128) as server:
        good = request("reconstruct", TYPES["image"], form(png(np.zeros((28, 28), np.uint8))))
        animated = request("reconstruct", TYPES["image"], form(frames(1000)))
        for sent in (good, animated):
            assert asyncio.run(once(server.port, sent))[0] == 200
        source = malformed(0)
        memory = []
        for number in range(2 * count):   # as many before, so that what is kept anyway is there
            kind, sent, right = next(source)
            status, said = asyncio.run(once(server.port, sent))
            in_json = kind == "huge header" or list(json.loads(said or "{}")) == ["error"]
            if status not in right or not in_json:
                wrong[f"{kind}: {status}"] += 1
            kinds[kind] += number >= count
            if number + 1 in (count, 3 * count // 2, 2 * count):
                memory.append(server.memory)
                print(f"{number + 1} requests, {memory[-1]:.0f} MiB", file=sys.stderr)
        assert asyncio.run(once(server.port, good))[0] == 200
    which = f" {dict(wrong)}" if wrong else ""
    yield (f"{2 * count:,} malformed requests of {len(kinds)} kinds: {sum(wrong.values())} not "
           f"refused in the right way{which}. Resident memory after the first {count:,}, half of "
           f"the others and all of them: {', '.join(f'{m:.0f}' for m in memory)} MiB. An animation "
           f"of 1,000 frames counts as its first; the server answers as before.")


def conforming(run: Path, quick: bool) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, started(run, 128) as server:
        (Path(folder) / "hooks.py").write_text(HOOKS)
        said = subprocess.run(
            ["st", "run", f"http://127.0.0.1:{server.port}/openapi.json", "--seed", "0",
             "--continue-on-failure", "-n", "20" if quick else "300"],
            capture_output=True, text=True, cwd=folder, env={
                **os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": os.pathsep.join(
                    [folder, os.environ.get("PYTHONPATH", "")]),
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"})
    print(said.stdout, file=sys.stderr)
    cases = re.search(r"(\d+) generated.*", said.stdout)
    yield (f"Schemathesis against the served OpenAPI: exit code {said.returncode}, "
           f"{cases[0] if cases else 'nothing'}.")


@contextmanager
def run_of(given: Path | None, epochs: int) -> Iterator[Path]:
    """The given run; without one, a run on the digits, trained for this number of epochs."""
    with tempfile.TemporaryDirectory() as folder:
        run = given or Path(folder) / "run"
        if not given:
            subprocess.run([sys.executable, "-m", "hourglass", "train", "digits", "--epochs",
                            str(epochs), "--no-report", "--out", run], check=True,
                           capture_output=True)
        yield run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--quick", action="store_true")
    parts = {"load": under_load, "abuse": abused, "openapi": conforming}
    parser.add_argument("--only", choices=parts)
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.run, given.serve)
    with run_of(given.run, 5) as run:
        print("## Serving\n")
        for part in [parts[given.only]] if given.only else parts.values():
            for line in part(run, given.quick):
                print(line, flush=True)
            print()


if __name__ == "__main__":
    main()
