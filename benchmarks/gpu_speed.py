"""What gpu.py times: networks in every precision, pythae's VQ-VAE, and images from disk."""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from gpu_checks import Found, blobs, state

AIM = 15.0         # seconds for pythae's VQ-VAE, 100 epochs of 50,000 images
PUBLISHED = 235.0  # by pythae on a V100
TOUCHES = 4        # times an activation is written or read: forward, backward, and its gradient
SMALL = 64         # pixels a side of images that are many
VALIDATED = 64     # images after an epoch
NETWORKS = (("tutorial_cae", 28, 1), ("tutorial_faces", 96, 3))
WAYS: dict[str, dict[str, Any]] = {
    "fp32": {"precision": "32-true"}, "bf16": {"precision": "bf16-mixed"},
    "fp32, no CUDA graph": {"precision": "32-true", "cuda_graph": False},
    "compiled, bf16": {"precision": "bf16-mixed", "compile": True}}


class Peaks(NamedTuple):
    """What the device does at most, measured."""

    bf16: float     # FLOP/s of a matrix product
    single: float
    copy: float     # bytes/s, read and written


def peaks(given: argparse.Namespace) -> Peaks:
    """Of large matrix products and copies, each the best of five."""
    side = 256 if given.quick else 8192 if given.device != "cpu" else 1024
    rates = []
    for kind in (torch.bfloat16, torch.float32):
        a, b = (torch.randn(side, side, device=given.device, dtype=kind) for _ in range(2))
        rates.append(2 * side**3 / _fastest(lambda a=a, b=b: a @ b, given))
    values = torch.zeros(2**20 if given.quick else 2**28 if given.device != "cpu" else 2**24,
                         device=given.device)
    into = torch.empty_like(values)
    return Peaks(*rates, 2 * values.nbytes / _fastest(lambda: into.copy_(values), given))


def _fastest(work: Any, given: argparse.Namespace) -> float:
    work()
    times = []
    for _ in range(5):
        wait(given)
        began = time.perf_counter()
        work()
        wait(given)
        times.append(time.perf_counter() - began)
    return min(times)


def wait(given: argparse.Namespace) -> None:
    """Wait until the device has finished its work."""
    if given.device != "cpu":
        torch.cuda.synchronize()


def prepared(given: argparse.Namespace, folder: str, x: Any, **settings: Any) -> Any:
    """A training of these images, ready to start."""
    from hourglass.run.settings import make_settings
    from hourglass.training.setup import prepare
    values = {"device": given.device, "test": 0.0, "val": VALIDATED, "stop": "none",
              "epochs": 10**6}
    if isinstance(x, Path):
        return prepare(make_settings({**values, **settings, "data": str(x)}),
                       out=Path(folder) / "run")
    y = np.arange(len(x)) % 2   # for models that need classes
    return prepare(make_settings({**values, **settings}), x, y, out=Path(folder) / "run")


def pace(given: argparse.Namespace, training: Any, seconds: float) -> float:
    """Images a second in the product's own training loop, after a warm-up."""
    from hourglass.training.train import run
    batch, done, began, warm = training.settings.batch_size, 0, 0.0, 3 if given.quick else 40
    ends = time.perf_counter() + 120   # to compile
    progress = run(training)
    for seen in progress:
        done += 0 if seen.row else 1   # batches
        if not began and (done == warm or time.perf_counter() > ends):
            wait(given)
            warm, began = done, time.perf_counter()
        elif began and time.perf_counter() - began > seconds:
            break
    wait(given)
    took = time.perf_counter() - began
    progress.close()
    return batch * (done - warm) / took


def roofline(training: Any, found: Peaks, way: str) -> float:
    """Images a second that the card allows: by multiply-adds, three times forward's, or by the
    bytes of activations, weights, gradients and Adam's two."""
    from hourglass.model.summary import summarise
    costs = summarise(training.parts, training.source.shape, training.settings.optimiser)
    half = "bf16" in way
    flops = 6 * costs.multiply_adds["whole"]
    moved = TOUCHES * costs.activations * (2 if half else 4) + (
        40 * costs.parameters["whole"] / training.settings.batch_size)
    return min((found.bf16 if half else found.single) / flops, found.copy / moved)


def speed(given: argparse.Namespace) -> Iterator[Found]:
    """The tutorial's two networks in every precision."""
    limits = peaks(given)
    ways = dict(list(WAYS.items())[:1]) if given.quick else WAYS
    for way, settings in ways.items():   # compiled last, which may take longer than there is time
        for recipe, size, channels in NETWORKS:
            yield _timed(given, limits, (recipe, size, channels), way, settings)


def _timed(given: argparse.Namespace, limits: Peaks, network: tuple[str, int, int], way: str,
           settings: dict[str, Any]) -> Found:
    """One network in one precision."""
    from hourglass.run.settings import read_recipe
    recipe, size, channels = network
    options = {k: v for k, v in read_recipe(recipe).items()
               if k not in ("data", "val", "stop", "epochs", "size", "precision")}
    if given.quick:
        x, options["batch_size"] = blobs(200, min(size, 32), channels), 8
    else:   # enough that the ends of epochs do not count
        x = np.tile(blobs(4096, size, channels), (12 if size <= SMALL else 4, 1, 1, 1))
        batch = options["batch_size"]   # whole batches: a compiled network is made anew for others
        x = x[:(len(x) - VALIDATED) // batch * batch + VALIDATED]
    try:
        with tempfile.TemporaryDirectory() as folder:
            training = prepared(given, folder, x, **{**options, **settings})
            rate = pace(given, training, 0.2 if given.quick else 4.0)
            most = roofline(training, limits, way)
    except (RuntimeError, ValueError) as error:
        return f"{recipe}, {way}", str(error).splitlines()[0][:60], "", "FAILED"
    return f"{recipe}, {way}", f"{rate:,.0f} images/s", f"{rate / most:.1%} of the roofline"


def vq(given: argparse.Namespace) -> Iterator[Found]:
    """pythae's VQ-VAE on 50,000 images of MNIST: as many epochs as there is time for, of 100."""
    from hourglass.training.train import run
    x, what = _mnist(given, 500 if given.quick else 50_000)
    epochs, most = (1, 5.0) if given.quick else (100, 40.0)
    with tempfile.TemporaryDirectory() as folder:
        training = prepared(
            given, folder, x, model="vq_vae(dim=16, words=512)", backbone="conv(filters=(32, 64))",
            batch_size=100, lr=1e-3, schedule="constant", likelihood="normal", val=0.0,
            epochs=epochs)
        began, done, ended = time.perf_counter(), 0, False
        for progress in run(training):
            done += 0 if progress.row else 1   # batches
            if time.perf_counter() - began > most:
                break
        else:
            ended = True
        wait(given)
        took = time.perf_counter() - began
    rate = min(done * 100, epochs * len(x)) / took
    whole = took if ended else epochs * len(x) / rate
    yield (f"VQ-VAE, {len(x):,} images {what}, {epochs} epochs",
           f"{whole:.1f} s" + ("" if ended else f" by the first {took:.0f} s"),
           f"aim {AIM:.0f} s, V100 {PUBLISHED:.0f} s", "" if given.quick or given.device == "cpu"
           else state(whole <= AIM, "SLOW"))
    yield "VQ-VAE", f"{rate:,.0f} images/s"


def _mnist(given: argparse.Namespace, count: int) -> tuple[np.ndarray, str]:
    """Images (N, 28, 28, 1) and what they are."""
    try:
        import os

        from hourglass.data.collect import collect
        from hourglass.data.read_image import Reading
        if not given.data:
            raise ValueError("no folder of data")
        os.environ["HOURGLASS_DATA"] = given.data
        return np.asarray(collect("mnist", Reading()).x[:count]), "of MNIST"
    except (ValueError, OSError, ImportError):
        return blobs(count), "that were made"


def disk(given: argparse.Namespace) -> Iterator[Found]:
    """200,000 colour images from disk: how fast they train, compared with 10,000 in memory."""
    count, size = (300, 16) if given.quick else (200_000, 64)
    few = blobs(100 if given.quick else 10_000, size, 3)
    options = {"model": "ae(64)", "backbone": "conv(filters=(32, 64))", "batch_size": 100}
    seconds = 0.2 if given.quick else 5.0
    with tempfile.TemporaryDirectory() as folder:
        rate = pace(given, prepared(given, f"{folder}/1", few, **options), seconds)
        yield f"{len(few):,} images of {size}x{size}x3 in memory", f"{rate:,.0f} images/s"
        path = Path(folder) / "many.npy"
        began = time.perf_counter()
        many = np.lib.format.open_memmap(path, "w+", np.uint8, (count, size, size, 3))
        for start in range(0, count, len(few)):
            many[start:start + len(few)] = few[:count - start]
        many.flush()
        del many
        took = time.perf_counter() - began
        yield f"{path.stat().st_size / 2**30:.1f} GiB written", f"{took:.1f} s"
        began = time.perf_counter()
        training = prepared(given, f"{folder}/2", path, **options)
        ready = time.perf_counter() - began
        again = pace(given, training, seconds)
        yield (f"{count:,} of them from disk ({ready:.1f} s to start)", f"{again:,.0f} images/s",
               "half of that in memory", "" if given.quick else state(again >= rate / 2, "SLOW"))


SECTIONS: dict[str, Any] = {"speed": speed, "vq": vq, "disk": disk}
