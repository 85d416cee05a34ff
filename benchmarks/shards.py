"""Training and codes of images in tar shards: peak memory at 20,000 and at 200,000 images.

    .venv/bin/python benchmarks/shards.py [FOLDER] [--count 20000 --count 200000]    # 5 minutes

Writes the shards (JPEGs of 16x16, 5,000 a shard, 2.5 KB with headers and label) into FOLDER. Each
command is a process of its own, whose peak resident memory the system counts. It trains a tiny
model for one epoch, then writes codes in shards.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
from PIL import Image

EACH = 5_000
MEASURE = """
import resource, sys
from hourglass.cli.main import main
sys.argv = ["hourglass", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    if ended.code:
        raise
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def write_shards(folder: Path, count: int) -> str:
    """Write shards of `count` images of noise with a bright bar, and their labels. Returns their
    pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for shard in range(count // EACH):
        place = folder / f"images-{shard:03}.tar"
        if place.exists():
            continue
        part = place.with_suffix(".part")
        with tarfile.open(part, "w") as tar:
            for number in range(EACH * shard, EACH * (shard + 1)):
                pixels = generator.integers(0, 60, (16, 16), np.uint8)
                pixels[:, number % 14:number % 14 + 2] = 230
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "JPEG")
                for suffix, content in (("jpg", buffer.getvalue()),
                                        ("cls", str(number % 14).encode())):
                    member = tarfile.TarInfo(f"{number:07}.{suffix}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        part.rename(place)
    return str(folder / f"images-{{000..{count // EACH - 1:03}}}.tar")


def measured(cache: Path, *words: str) -> tuple[float, float]:
    """Peak memory in MiB, and seconds, of a command."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", MEASURE, *words], capture_output=True, text=True,
                          env={**os.environ, "XDG_CACHE_HOME": str(cache)})
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout.split("peak")[-1]), time.perf_counter() - started


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--count", type=int, action="append")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(given.folder or scratch)
        for count in given.count or [20_000, 200_000]:
            pattern, out = write_shards(place / "images", count), place / f"out-{count}"
            train = ("train", pattern, "--model", "ae(2)", "--backbone", "mlp((8,))", "--epochs",
                     "1", "--batch-size", "1000", "--no-report", "--out", str(out / "run"))
            embed = ("embed", str(out / "run"), pattern, "-o", str(out / "codes"), "--shards", "10")
            for name, words in (("train", train), ("embed", embed)):
                peak, seconds = measured(place / f"cache-{count}", *words)
                print(f"{count:,} images, {name}: peak {peak:,.0f} MiB, {seconds:,.0f} s, "
                      f"{count / seconds:,.0f} images/s", flush=True)


if __name__ == "__main__":
    main()
