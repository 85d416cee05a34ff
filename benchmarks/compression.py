"""Bits and quality of images by trained models and by JPEG, WebP and PNG: tables and a picture.

    python benchmarks/compression.py RUN [RUN ...] [--images 1000] [--quick] [-o picture.png]

On test images of each run at the run's own size. The other codecs write one file an image and, to
be fair to them, since a file of hourglass holds all images, one contact sheet of all; PSNR and SSIM
are of the single images in either case. Models are not counted in the bits: their size is stated.
"""

import argparse
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from einops import rearrange
from matplotlib.figure import Figure
from PIL import Image

import hourglass as hg
from hourglass.analysis.metrics.bootstrap import of_mean
from hourglass.analysis.metrics.reconstruction import structural_similarity
from hourglass.core.console import say
from hourglass.run.folder import read_toml
from hourglass.tasks.write_images import save_figure

OURS = (5, 50, 80, 95, 99, 99.8)
THEIRS = {"JPEG": (1, 5, 15, 30, 50, 75, 90), "WEBP": (0, 10, 30, 50, 75, 90)}


class Point(NamedTuple):
    """A codec at one setting: bits per pixel, and each image's PSNR and SSIM (N,)."""

    codec: str
    setting: str
    bits: float
    psnr: np.ndarray
    ssim: np.ndarray


def encoded(image: np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    plain = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(plain).save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(content: bytes, like: np.ndarray) -> np.ndarray:
    mode = "L" if like.shape[-1] == 1 else "RGB"
    return np.asarray(Image.open(io.BytesIO(content)).convert(mode)).reshape(like.shape)


def sheet_of(x: np.ndarray) -> np.ndarray:
    """Images (N, H, W, C) as one (rows * H, columns * W, C); the last are repeated to fill it."""
    columns = math.ceil(math.sqrt(len(x)))
    rows = math.ceil(len(x) / columns)
    filled = x[np.minimum(np.arange(rows * columns), len(x) - 1)]
    return rearrange(filled, "(r k) h w c -> (r h) (k w) c", k=columns)


def cut(sheet: np.ndarray, like: np.ndarray) -> np.ndarray:
    n, height, width, _ = like.shape
    return rearrange(sheet, "(r h) (k w) c -> (r k) h w c", h=height, w=width)[:n]


def point(codec: str, setting: str, size: int, x: np.ndarray, again: np.ndarray) -> Point:
    true, back = x / np.float32(255), again / np.float32(255)
    squared = np.square(true - back).reshape(len(x), -1).mean(1)
    bits = 8 * size / (x.shape[0] * x.shape[1] * x.shape[2])
    psnr = -10 * np.log10(np.maximum(squared, 1e-10))
    return Point(codec, setting, bits, psnr, structural_similarity(true, back))


def others(x: np.ndarray) -> Iterator[Point]:
    """JPEG and WebP, each image a file, and all in one sheet."""
    sheet = sheet_of(x)
    for kind, qualities in THEIRS.items():
        options = {"optimize": True} if kind == "JPEG" else {"method": 6}
        for quality in qualities:
            files = [encoded(image, kind, quality=quality, **options) for image in x]
            again = np.stack([decoded(f, image) for f, image in zip(files, x, strict=True)])
            yield point(f"{kind}, files", str(quality), sum(map(len, files)), x, again)
            one = encoded(sheet, kind, quality=quality, **options)
            yield point(f"{kind}, sheet", str(quality), len(one), x, cut(decoded(one, sheet), x))


def lossless(x: np.ndarray) -> dict[str, int]:
    """Bytes of all images, without loss."""
    sheet, webp = sheet_of(x), {"lossless": True, "method": 6, "quality": 100}
    return {"PNG, files": sum(len(encoded(i, "PNG", optimize=True)) for i in x),
            "PNG, sheet": len(encoded(sheet, "PNG", optimize=True)),
            "WEBP, files": sum(len(encoded(i, "WEBP", **webp)) for i in x),
            "WEBP, sheet": len(encoded(sheet, "WEBP", **webp))}


def ours(run: str, model: hg.Trained, x: np.ndarray) -> Iterator[Point]:
    for quality in OURS:
        content = model.compress(x, quality=quality)
        yield point(run, f"{quality:g}", len(content), x, model.decompress(content))


def samples(model: hg.Trained, count: int) -> np.ndarray:
    """Test images uint8 (N, H, W, C), evenly spread."""
    split = model.source().splits["test"]
    x = split.x.index_select(0, split.index[split.evenly(count)])
    return np.asarray(x)


def named(run: str, model: hg.Trained) -> str:
    mebibytes = model.folder.model.stat().st_size / 2**20
    settings = read_toml(model.folder.settings)
    return f"`{settings['model']}` ({mebibytes:.1f} MiB)"


def cell(values: np.ndarray, digits: int) -> str:
    estimate = of_mean(values)
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def table(data: str, points: list[Point], sizes: dict[str, int], x: np.ndarray) -> None:
    pixels = x.shape[0] * x.shape[1] * x.shape[2]
    print(f"\n#### {data}: {len(x):,} test images of {x.shape[1]}x{x.shape[2]}x{x.shape[3]}\n")
    print("| codec | quality | bits per pixel | PSNR, dB | SSIM |\n|---|---|---|---|---|")
    for p in points:
        print(f"| {p.codec} | {p.setting} | {p.bits:.3g} | {cell(p.psnr, 2)} | {cell(p.ssim, 3)} |")
    print("\n| without loss | bytes an image | bits per pixel |\n|---|---|---|")
    for name, size in sorted(sizes.items(), key=lambda item: item[1]):
        print(f"| {name} | {size / len(x):,.1f} | {8 * size / pixels:.3f} |", flush=True)


def drawn(found: dict[str, list[Point]]) -> Figure:
    """PSNR and SSIM over bits per pixel, a row for each data."""
    figure = Figure((9, 3.6 * len(found)), layout="constrained")
    for row, (data, points) in enumerate(found.items()):
        for column, (what, label) in enumerate((("psnr", "PSNR, dB"), ("ssim", "SSIM"))):
            axes = figure.add_subplot(len(found), 2, 2 * row + column + 1)
            for codec in dict.fromkeys(p.codec for p in points):
                own = [p for p in points if p.codec == codec]
                axes.plot([p.bits for p in own], [getattr(p, what).mean() for p in own],
                          "o-" if codec.startswith("`") else "x--", markersize=4, linewidth=1.2,
                          label=codec.replace("`", "") if column else None)
            axes.set(xscale="log", xlabel="bits per pixel, without the model", ylabel=label,
                     title=data)
            axes.grid(alpha=0.3)
            if column:
                axes.legend(fontsize=7)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("-o", "--out", type=Path, default=Path("rate_distortion.png"))
    given = parser.parse_args()
    count = 50 if given.quick else given.images
    models = {run: hg.load(run) for run in given.runs}
    groups: dict[str, list[str]] = {}
    for run, model in models.items():
        groups.setdefault(read_toml(model.folder.settings)["data"], []).append(run)
    points_of = {}
    print("\n### Compression")
    for data, runs in groups.items():
        x = samples(models[runs[0]], count)
        say(f"{data}: the other codecs")
        points, sizes = list(others(x)), lossless(x)
        for run in runs:
            say(f"{data}: {run}")
            name = named(run, models[run])
            points += ours(name, models[run], x)
            content = models[run].compress(x, lossless=True)
            if not np.array_equal(models[run].decompress(content), x):
                raise SystemExit(f"{run}: the decompressed images differ")
            sizes[name] = len(content)
        table(data, points, sizes, x)
        points_of[data] = points
    save_figure(given.out, drawn(points_of))
    print(f"\n![Rate and distortion]({given.out})")


if __name__ == "__main__":
    main()
