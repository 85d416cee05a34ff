"""Images into one compressed file, and back into a folder."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..analysis.metrics.reconstruction import WINDOW, peak_ratio, structural_similarity
from ..core.console import say, track
from ..core.contracts import Collection
from ..core.distributed import leave_to_the_first
from ..core.files import check_empty, read_file, write_out
from ..core.output_names import png_names
from ..data.patches import as_patches
from ..inference.compression.codec import CompressionOptions
from ..inference.compression.container import MAGIC
from ..inference.trained import Trained
from .sharded_output import Facts, ShardedOutput, is_folder, request_of
from .shares import read_shared, some_of
from .write_images import TIFFS, as_picture, save_array, save_deep, save_picture

LARGEST = 2**31   # bytes of a file that is read


@dataclass(frozen=True)
class Sizes:
    """The result of a compression. Sizes are of whole files, in bytes."""

    samples: int
    compressed: int
    given: int          # bytes of the original files, or 0; a key of saved shards
    png: int            # bytes of the same images as PNG files, or 0
    pixels: int         # of all images together, or 0
    psnr: float         # in dB, the mean over samples; infinite without loss
    ssim: float | None

    def lines(self, out: Path) -> list[str]:
        """The sizes and errors in words."""
        bits = f", {8 * self.compressed / self.pixels:.4g} bits per pixel" if self.pixels else ""
        said = [f"{self.samples:,} samples in {out}: {self.compressed:,} bytes{bits}"]
        if np.isinf(self.psnr):
            said.append("without loss: every pixel comes back as the model takes it")
        elif not np.isnan(self.psnr):
            like = "" if self.ssim is None else f", SSIM {self.ssim:.4f}"
            said.append(f"decompressed images: PSNR {self.psnr:.2f} dB{like}")
        for what, size in (("the files given", self.given),
                           ("the same images as PNG", self.png)):
            if size:
                said.append(f"{what}: {size:,} bytes, {size / self.compressed:.3g} times as much")
        return said


@dataclass(frozen=True)
class Packed:
    """Samples as the content of a file, and as they come out of it."""

    content: bytes
    again: np.ndarray   # (N, ...), uint8 for images in [0, 1]
    sizes: Sizes
    psnr: np.ndarray    # (N,) in dB; (0,) if it is not defined


def compress(model: Trained, images: str | Path, out: Path, wish: CompressionOptions,
             kind: str = "", shards: int = 0) -> Sizes:
    """Compress a folder, an archive or an array of images into one file, or into `shards` files of
    a folder. Each file can be decompressed alone. `kind` is the class for a conditional model,
    unless folders name it. Returns sizes and errors, measured on the decompressed file. Raises
    ValueError for what cannot be read."""
    if shards:
        is_folder(out, shards)
    else:
        _check_file(out)
    collection = read_shared(model, images, strict=False)
    for note in collection.notes:
        say(note)
    if as_patches(collection.x) is not None:
        raise ValueError(f"this model was trained on patches, and compresses only images of "
                         f"{'x'.join(map(str, model.shape[1:]))} pixels; train one without "
                         f"--patches")
    if collection.sizes and any(size != collection.x.shape[1:3] for size in collection.sizes):
        say(f"images are kept at {collection.x.shape[1]}x{collection.x.shape[2]} pixels, the "
            f"model's size")
    path = Path(images).expanduser()

    def packed(some: Collection) -> tuple[bytes, Sizes]:
        some = replace(some, x=np.asarray(some.x))   # also of shards
        compressed = pack(model, some, kind or None, wish, _taken(path, some.names))
        return compressed.content, compressed.sizes
    if shards:
        sizes = _in_shards(collection, packed, ShardedOutput(out, ".hg", request_of(
            model, "compress", collection, **vars(wish), kind=kind), shards))
        return replace(sizes, given=_taken(path, collection.names))
    if leave_to_the_first():
        say("one process compresses all samples into one file; with --shards, each process "
            "compresses its own into several")
    content, sizes = packed(collection)
    write_out(out, content)
    return sizes


def keeps_pixels(model: Trained) -> bool:
    """Whether a model's images can be compressed without loss: 8-bit ones, from black to white."""
    about = model.description
    return (len(about.shape) == 3 and about.bounded and about.scale.bits <= 8
            and bool(np.isclose(about.factor, 1 / 255)))


def pack(model: Trained, collection: Collection, y: Any, wish: CompressionOptions, original: int = 0
         ) -> Packed:
    """Compress samples of classes y into the content of a file, and decompress it. `original` is
    the size of the original files in bytes. Raises ValueError."""
    content = model.compress(collection, y, wish.quality, wish.step, wish.lossless)
    decompressed = model.decompress(content)
    return Packed(content, decompressed,
                  *_sizes(model, collection, decompressed, original, content))


def _in_shards(
    collection: Collection, packed: Callable[[Collection], tuple[bytes, Sizes]],
    output: ShardedOutput,
) -> Sizes:
    """Write shards. Returns their sizes together, and mean errors."""
    first = collection if collection.names else replace(collection, names=tuple(
        f"{row:05}" for row in range(len(collection.x)))) if collection.x.ndim == 4 else collection

    def make(rows: range) -> tuple[bytes, Facts]:
        content, sizes = packed(some_of(first, rows))
        return content, {**vars(sizes), "psnr": repr(sizes.psnr)}   # JSON has no infinity
    parts = [Sizes(**{**facts, "psnr": float(facts["psnr"])}) for facts in output.write(make)]
    counts = [part.samples for part in parts]
    ssim = [part.ssim for part in parts if part.ssim is not None]
    return Sizes(sum(counts), sum(part.compressed for part in parts), 0,
                 sum(part.png for part in parts), sum(part.pixels for part in parts),
                 float(np.average([part.psnr for part in parts], weights=counts)),
                 float(np.average(ssim, weights=counts)) if len(ssim) == len(parts) else None)


def decompress(model: Trained, file: Path, out: Path) -> int:
    """Decompress a file, or a folder of shards: images into a folder, under their old names, as
    PNG, or as TIFF if a PNG would lose something. If `out` ends in .npy, all go into one array.
    Returns the number of samples. Raises ValueError for a damaged file, one of another model, and
    an `out` that exists.
    """
    files = sorted(file.glob("part-*.hg")) if file.is_dir() else [file]
    parts = [model.unpack(_content(place)) for place in files or [file]]
    contents = parts[0]
    if out.suffix == ".npy":
        if out.exists():
            raise ValueError(f"{out} is there already; choose another -o")
        x = np.concatenate([part.x for part in parts]) if len(parts) > 1 else contents.x
        save_array(out, x)
        return len(x)
    if contents.x.ndim != 4:
        raise ValueError("this model's samples are not images; write them as an array: -o out.npy")
    check_empty(out)
    names = tuple(name for part in parts for name in part.names) or tuple(
        f"{i:05}" for i in range(len(contents.x)))
    scale, deep = model.description.factor if contents.lossless else 1 / 255, model.inputs.is_deep
    pairs = zip(png_names(names), (image for part in parts for image in part.x), strict=True)
    for place, image in track(pairs, len(names), "writing images"):
        path = out / place
        if deep:
            eight = image.dtype == np.uint8
            save_deep(path.with_suffix(TIFFS[0]),
                      image if eight else model.inputs.scale.back(image))
            continue
        save_picture(path, as_picture(image * np.float32(scale) if image.dtype == np.uint8
                                      else image))
    return len(names)


def _check_file(out: Path) -> None:
    """Raises ValueError if the file exists and is not a compressed one."""
    if out.is_dir():
        raise ValueError(f"{out} is a folder; -o takes a file, such as out.hg")
    if out.is_file():
        with open(out, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise ValueError(f"{out} is there already, and not what hourglass compress wrote; "
                                 f"choose another -o")


def _content(file: Path) -> bytes:
    if not file.is_file():
        raise ValueError(f"{file} is {'a folder' if file.is_dir() else 'not there'}; give a file "
                         f"that hourglass compress wrote")
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{file} is larger than hourglass compress writes files")
    return read_file(file)


def _sizes(
    model: Trained, collection: Collection, decompressed: np.ndarray, original: int, content: bytes
) -> tuple[Sizes, np.ndarray]:
    x, ratios, ssim, png, pixels = collection.x, np.zeros(0), None, 0, 0
    if x.ndim == 4 and model.description.bounded:
        pixels = x.shape[0] * x.shape[1] * x.shape[2]
        eight = x.dtype == np.uint8
        png = sum(_as_png(image) for image in x) if eight and x.shape[-1] in (1, 3) else 0
        if eight and np.array_equal(x, decompressed):
            ratios = np.full(len(x), np.inf)
        else:
            scale = np.float32(model.description.factor if eight else 1.0)
            worth = np.float32(1 / 255 if decompressed.dtype == np.uint8 else 1.0)
            true, back = x.astype(np.float32) * scale, decompressed * worth
            ratios = np.asarray(peak_ratio(true, back))
            if min(x.shape[1:3]) >= WINDOW:
                ssim = float(structural_similarity(true, back).mean())
    psnr = float(ratios.mean()) if len(ratios) else float("nan")
    return Sizes(len(x), len(content), original, png, pixels, psnr, ssim), ratios


def _as_png(image: np.ndarray) -> int:
    written = io.BytesIO()
    plain = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(plain).save(written, "PNG", optimize=True)
    return written.tell()


def _taken(place: Path, names: tuple[str, ...]) -> int:
    """Bytes of the files that were compressed, or 0 for other data."""
    if place.is_dir():
        there = (place / name for name in names)   # but pages, and names that had to be changed
        return sum(path.stat().st_size for path in there if path.is_file())
    return place.stat().st_size if place.is_file() else 0
