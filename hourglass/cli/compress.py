"""The command `hourglass compress`: images in one small file."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..core.console import tell
from .load_run import load_run
from .options import Device, Images, Run, Shards


def compress(
    run: Run,
    images: Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path("out.hg"),
    quality: Annotated[Optional[float], typer.Option(  # noqa: UP045
        help="Quality, above 0 and below 100. Codes are rounded, which adds to the squared error "
        "of the reconstruction: at most 5 % at 95, the default, and 20 % at 80.")] = None,
    step: Annotated[Optional[float], typer.Option(  # noqa: UP045
        help="Round codes to this many standard deviations, instead of --quality.")] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Keep every pixel exactly: also "
                                           "store the difference from the "
                                           "reconstruction.")] = False,
    kind: Annotated[str, typer.Option("--class", help="Class of the images, for a conditional "
                                      "model. Default: the folders' names.")] = "",
    shards: Shards = 0,
    device: Device = "cpu",
) -> None:
    """Compress images into one file. Only the same model can decompress it.

    Examples: hourglass compress runs/1 photos/ -o out.hg; hourglass compress runs/1 photos/
    --lossless
    """
    from ..inference.compression.codec import compression_options
    from ..tasks.compress import compress as compress_images
    wish = compression_options(quality, step, lossless)
    model = load_run(run, device, doing="compressing")
    sizes = compress_images(model, images, out, wish, kind, shards)
    tell("\n".join(sizes.lines(out)))
