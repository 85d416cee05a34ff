"""200,000 images of 96x96x3, made from the 10,000 real faces: memory, images/s, and the data path.

    .venv/bin/python benchmarks/at_scale.py [FOLDER]    # 6 minutes, and 6 GB of disk in FOLDER

Needs HOURGLASS_DATA with CelebA. Every training is a process of its own, whose peak resident memory
the system counts.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

MANY, FEW = 200_000, 8_000
MEASURE = """
import json, resource, sys, time
from hourglass.run.settings import make_settings, read_recipe
from hourglass.training.setup import prepare
from hourglass.training.train import run
settings = make_settings({**read_recipe("tutorial_faces"), "stop": "none", "val": 500, "test": 500,
                          "data": sys.argv[1], "epochs": 400})
began = time.perf_counter()
training = prepare(settings, out=sys.argv[2])
ready, done, started = time.perf_counter() - began, 0, 0.0
for progress in run(training):
    done += 1
    if done == 10:
        started = time.perf_counter()
    if done == int(sys.argv[3]):
        break
seconds = time.perf_counter() - started
print(json.dumps({"images_per_second": 128 * (done - 10) / seconds, "seconds_to_start": ready,
                  "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def prepare_faces(out: Path) -> None:
    """Decode the real ones, and print the speed and that of Pillow alone."""
    out.unlink(missing_ok=True)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "hourglass", "data", "prepare", "celeba", "--size", "96",
                    "-o", out], check=True, capture_output=True)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "hourglass", "data", "prepare", "celeba", "--size", "96",
                    "-o", out], check=True, capture_output=True)
    again = time.perf_counter() - started
    alone = pillow_alone()
    print(f"data prepare: 10,000 faces in {ours:.1f} s, the program's start included; "
          f"{10_000 / (ours - again):,.0f} images/s without; a second time {again:.1f} s; "
          f"Pillow alone decodes and resizes {alone:,.0f} images/s", flush=True)


def pillow_alone() -> float:
    from PIL import Image, ImageOps
    roots = [Path(os.environ["HOURGLASS_DATA"]) / name for name in ("celeba", "celeba10k")]
    place = next(root for root in roots if root.is_dir()) / "img_align_celeba.zip"
    with zipfile.ZipFile(place) as archive, ThreadPoolExecutor(os.cpu_count()) as pool:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]

        def decode(name: str) -> None:
            with archive.open(name) as file, Image.open(file) as image:
                ImageOps.fit(image.convert("RGB"), (96, 96), Image.Resampling.LANCZOS)
        started = time.perf_counter()
        for _ in pool.map(decode, names):
            pass
        return len(names) / (time.perf_counter() - started)


def multiply(faces: Path, out: Path, n: int) -> None:
    """n images from the real ones: mirrored, and moved by a few pixels."""
    images, generator = np.load(faces, mmap_mode="r"), np.random.default_rng(0)
    with open(out, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (n, 96, 96, 3)})
        for start in range(0, n, len(images)):
            for image in images[:n - start]:
                moved = np.roll(image, tuple(generator.integers(-4, 5, 2)), (0, 1))
                file.write((moved[:, ::-1] if generator.random() < 0.5 else moved).tobytes())


def trained(images: Path, folder: Path, steps: int) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", MEASURE, images, folder / f"run-{images.stem}",
                           str(steps)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def told(found: dict[str, float]) -> str:
    return (f"{found['images_per_second']:,.0f} images/s, peak {found['peak_mib']:,.0f} MiB, ready "
            f"after {found['seconds_to_start']:.1f} s")


def data_path(images: Path) -> float:
    """Images/s of batches alone, in random order over the whole file, as floats."""
    from hourglass.data.collect import collect, split
    from hourglass.data.image_options import Reading
    from hourglass.data.split_data import shuffled
    train = split(collect(str(images), Reading()), {}, 0).splits["train"]
    batches = shuffled(train, 128, 0, 1)[:400]
    train.batch(batches[0])
    started = time.perf_counter()
    for rows in batches:
        train.batch(rows)
    return sum(map(len, batches)) / (time.perf_counter() - started)


def main() -> None:
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        prepare_faces(folder / "faces.npy")
        multiply(folder / "faces.npy", folder / "few.npy", FEW)
        multiply(folder / "faces.npy", folder / "many.npy", MANY)
        for number in range(1, 4):
            few, many = (trained(folder / f"{kind}.npy", folder / str(number), 110)
                         for kind in ("few", "many"))
            print(f"round {number}: {FEW:,} in memory {told(few)}; {MANY:,} on disk {told(many)}",
                  flush=True)
        for kind in ("few", "many"):
            print(f"batches alone, {kind}: {data_path(folder / f'{kind}.npy'):,.0f} images/s")


if __name__ == "__main__":
    main()
