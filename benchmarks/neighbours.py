"""Seconds of the exact nearest patches of `patch_knn`, in small blocks and in one, and of faiss,
for one image of 320 by 320 pixels, and the share of patches with the same neighbour.

    python benchmarks/neighbours.py [--banks 4000 40000]

faiss is measured where faiss-cpu is installed. Features are those of the tiles in
HOURGLASS_DATA/inspection/magnetic_tile.zip, whitened and of length 1. The bank is drawn from
them, where `patch_knn` keeps a coreset.
"""

import argparse
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from feature_defects import some

from hourglass.data.photos import open_photos
from hourglass.inference.detectors.patch_features import (
    PatchFeatures,
    directions,
    whitened,
    whitening_of,
)
from hourglass.inference.detectors.patch_neighbours import EVERY_STRIDE, nearest

try:
    import faiss
except ImportError:
    faiss = None

GOOD, REPEATS = 60, 5


def seconds(work: Callable[[], object]) -> float:
    """The least processor seconds of a few tries."""
    taken = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def compare(x: np.ndarray, bank: np.ndarray) -> dict[str, tuple[float, float]]:
    """Seconds and share of equal neighbours by method."""
    x, bank = (np.ascontiguousarray(part, np.float32) for part in (x, bank))
    queries, kept = torch.from_numpy(x), torch.from_numpy(bank)
    right = nearest(queries, kept)[1].numpy()
    cells = int(np.sqrt(len(bank)))
    whole = torch.cdist(queries, kept).argmin(1).numpy()
    found = {"exact, in small blocks": (seconds(lambda: nearest(queries, kept)), 1.0),
             "exact, in one block": (seconds(lambda: torch.cdist(queries, kept).min(1)),
                                     float((whole == right).mean()))}
    return found | (_by_faiss(x, bank, right, cells) if faiss else {})


def _by_faiss(
    x: np.ndarray, bank: np.ndarray, right: np.ndarray, cells: int
) -> dict[str, tuple[float, float]]:
    """The same by indices of faiss."""
    found = {}
    quantiser = faiss.IndexFlatL2(x.shape[1])
    divided = faiss.IndexIVFFlat(quantiser, x.shape[1], cells)
    divided.nprobe = max(1, cells // 8)
    for name, index in (("faiss, exact", faiss.IndexFlatL2(x.shape[1])),
                        ("faiss, an eighth of the cells", divided),
                        ("faiss, graph", faiss.IndexHNSWFlat(x.shape[1], 32))):
        index.train(bank)
        index.add(bank)
        same = float((index.search(x, 1)[1][:, 0] == right).mean())
        found[name] = seconds(lambda index=index: index.search(x, 1)), same
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--banks", type=int, nargs="+", default=[4000, 40_000])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if faiss:
        faiss.omp_set_num_threads(1)
    place = Path(os.environ["HOURGLASS_DATA"]) / "inspection" / "magnetic_tile.zip"
    with ExitStack() as stack:
        photos = open_photos(place, stack)
        good, new = (photos.some(photos.splits[part]) for part in ("train", "test"))
        read = PatchFeatures(strides=EVERY_STRIDE, square=True)
        pools = read.samples(some(good, GOOD), 0)
        image = next(read.each(new.some([0])))
    print("| stride | patches of the image | bank | method | milliseconds | same neighbour |\n"
          "|---|---|---|---|---|---|")
    for stride, maps, (pool, _) in zip(EVERY_STRIDE, image, pools, strict=True):
        white = whitening_of(pool)
        x, known = (directions(whitened(part, white)) for part in (
            maps.reshape(-1, maps.shape[-1]), pool))
        for count in sorted({min(count, len(known)) for count in options.banks}):
            rows = np.random.default_rng(0).permutation(len(known))[:count]
            for name, (taken, same) in compare(x, known[rows]).items():
                print(f"| {stride} | {len(x):,} | {count:,} | {name} | {1000 * taken:.1f} | "
                      f"{same:.3f} |", flush=True)


if __name__ == "__main__":
    main()
