"""Are damaged compressed files ever decoded to something wrong, or a crash? A table.

    python benchmarks/damage.py [--quick] [--files 10000] [--seed 0]

Files of a small model of digits are damaged at random: bits flipped, cut short, bytes put in or
taken out, blocks swapped, two files spliced. A second kind gets a corrected checksum, and a third
also gets changed header fields. Only a person with intent would do this. Those files may decode to
other images, but must never crash, hang or take gigabytes.
"""

import argparse
import json
import resource
import tempfile
import time
import zlib
from collections import Counter

import numpy as np
from sklearn.datasets import load_digits

import hourglass as hg
from hourglass.core.console import track
from hourglass.core.contracts import Collection
from hourglass.inference.compression.container import CHECKSUM, FRONT, _checksum

ODD = (0, -1, 1, 7, 2**15, 2**31 - 1, 2**31, 2**63, -2**31, 1.5, float("nan"), True, None, "",
       "../x", [], [[]], [[[0]]], [0] * 1000, {"a": 1}, "differences", "tones")


def flip(data: bytearray, random: np.random.Generator, other: bytes) -> bytes:
    for place in random.integers(0, len(data), random.integers(1, 9)):
        data[place] ^= 1 << int(random.integers(8))
    return bytes(data)


def cut(data: bytearray, random: np.random.Generator, other: bytes) -> bytes:
    return bytes(data[:random.integers(len(data))])


def insert(data: bytearray, random: np.random.Generator, other: bytes) -> bytes:
    place = int(random.integers(len(data)))
    return bytes(data[:place]) + random.bytes(int(random.integers(1, 64))) + bytes(data[place:])


def remove(data: bytearray, random: np.random.Generator, other: bytes) -> bytes:
    start = int(random.integers(len(data)))
    return bytes(data[:start] + data[start + int(random.integers(1, 64)):])


def swap(data: bytearray, random: np.random.Generator, other: bytes) -> bytes:
    a, b, c = sorted(random.integers(0, len(data) + 1, 3))
    return bytes(data[:a] + data[b:c] + data[a:b] + data[c:])


def splice(data: bytearray, random: np.random.Generator, other: bytes) -> bytes:
    place = int(random.integers(min(len(data), len(other))))
    return bytes(data[:place]) + other[place:]


DAMAGES = (flip, cut, insert, remove, swap, splice)


def reseal(data: bytes) -> bytes:
    """The same with a checksum that is right."""
    return data[:-CHECKSUM] + _checksum(data[:-CHECKSUM])


def forge(data: bytes, random: np.random.Generator) -> bytes:
    """A file with changed header fields and a valid checksum."""
    *front, length = FRONT.unpack_from(data)
    text, words = data[FRONT.size:FRONT.size + length], data[FRONT.size + length:]
    fields = json.loads(zlib.decompress(text))
    name = str(random.choice(list(fields)))
    value = fields[name]
    if isinstance(value, list) and value and random.random() < 0.6:
        value[int(random.integers(len(value)))] = ODD[random.integers(len(ODD))]
    else:
        fields[name] = ODD[random.integers(len(ODD))]
    text = zlib.compress(json.dumps(fields).encode())
    length = len(text) if random.random() < 0.95 else int(random.integers(2**32))
    return reseal(FRONT.pack(*front, length) + text + words)


def make_files(folder: str) -> tuple[hg.Trained, list[bytes]]:
    """A model, and files of every kind that it compresses: codes, greys, strokes, names."""
    digits = (load_digits().images * 15).astype(np.uint8)
    model = hg.train(digits, model="ae(6)", epochs=2, out=f"{folder}/run", quiet=True, report=False)
    x = digits[:30, ..., None]
    noise = np.random.default_rng(0).integers(0, 256, x.shape).astype(np.uint8)
    named = Collection(x, names=tuple(f"{i}.png" for i in range(len(x))))
    return model, [model.compress(x), model.compress(named, step=0.01), model.compress(
        x, lossless=True), model.compress(noise, lossless=True)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    count = 300 if given.quick else given.files
    random, outcomes, slowest = np.random.default_rng(given.seed), Counter(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        model, files = make_files(folder)
        codec = model._codec()
        truth = [codec.decompress(content).x for content in files]
        for _ in track(range(count), count, "damaging files"):
            which, other = (int(i) for i in random.integers(len(files), size=2))
            damage = DAMAGES[random.integers(len(DAMAGES))]
            kind = str(random.choice(["damaged", "resealed", "forged"], p=[0.6, 0.2, 0.2]))
            data = (forge(files[which], random) if kind == "forged" else
                    damage(bytearray(files[which]), random, files[other]))
            data = reseal(data) if kind == "resealed" else data
            began = time.perf_counter()
            try:
                decoded = codec.decompress(data).x
                same = data in files or any(np.array_equal(decoded, true) for true in truth)
                outcome = "the right images" if same else "other images"
            except ValueError:
                outcome = "refused"
            except BaseException as error:
                outcome = f"CRASH: {type(error).__name__}"
            slowest = max(slowest, time.perf_counter() - began)
            outcomes[kind, outcome] += 1
    print(f"\n### Damaged files\n\n{count:,} damaged files by `benchmarks/damage.py`, seed "
          f"{given.seed}, the slowest {slowest:.2f} s, peak memory of the process "
          f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB.\n")
    kinds = sorted({outcome for _, outcome in outcomes})
    print(f"| | {' | '.join(kinds)} |\n|{'---|' * (len(kinds) + 1)}")
    for kind in ("damaged", "resealed", "forged"):
        print(f"| {kind} | {' | '.join(str(outcomes[kind, outcome]) for outcome in kinds)} |")


if __name__ == "__main__":
    main()
