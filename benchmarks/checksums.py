"""What the checksum of a weights file costs: the time to read with and without the check.

    python benchmarks/checksums.py [--rounds 9]

Both read the whole file into memory, in turn; the figures are medians over rounds.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load

from hourglass.core.files import read_file
from hourglass.core.tensor_files import load_tensors, save_tensors

SIZES = (1, 10, 100, 1000)   # MB of weights


def seconds(read: Callable[[Path], Any], path: Path) -> float:
    """Seconds of one reading."""
    begun = time.perf_counter()
    read(path)
    return time.perf_counter() - begun


def unchecked(path: Path) -> Any:
    """The tensors of a file, without a check."""
    return load(read_file(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print("| weights, MB | checked, ms | unchecked, ms | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            path = Path(folder) / "weights"
            save_tensors(path, {"a": torch.rand(size * 250_000)}, {})
            pairs = [(seconds(load_tensors, path), seconds(unchecked, path))
                     for _ in range(rounds + 1)][1:]   # the first fills the disk's cache
            with_it, without = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            print(f"| {size:,} | {with_it * 1000:.1f} | {without * 1000:.1f} | {ratio:.2f} |",
                  flush=True)


if __name__ == "__main__":
    main()
