"""The command line's part that puts a trained model to work."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .cli_latent import Device, Run

use_commands = typer.Typer()


@use_commands.command()
def compress(
    run: Run,
    images: Annotated[str, typer.Argument(help="a folder, an archive, an array or a source")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the file")] = Path("out.hg"),
    quality: Annotated[Optional[float], typer.Option(  # noqa: UP045
        help="above 0, below 100: rounding codes may add what is missing to 100, in percent, to "
        "the model's squared error; else 95")] = None,
    step: Annotated[Optional[float], typer.Option(  # noqa: UP045
        help="round codes to this many standard deviations instead")] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="keep what the model misses "
                                           "too")] = False,
    kind: Annotated[str, typer.Option("--class", help="as which class a conditional model takes "
                                      "them, unless folders say")] = "",
    device: Device = "cpu",
) -> None:
    """Compress images into one file, which only the same model brings back.

    Examples: hourglass compress runs/1 photos/ -o out.hg; hourglass compress runs/1 photos/
    --lossless
    """
    from .compression.codec import wish_of
    from .hardware import choose_device
    from .tasks.compress import compress as squeeze
    from .trained import load
    wish = wish_of(quality, step, lossless)
    sizes = squeeze(load(run, str(choose_device(device))), images, out, wish, kind)
    print("\n".join(sizes.lines(out)))


@use_commands.command()
def decompress(
    run: Run,
    file: Annotated[Path, typer.Argument(help="what hourglass compress wrote")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the images, or a .npy for an "
                                      "array")] = Path("out"),
) -> None:
    """Bring compressed images back, under the names that they had.

    Example: hourglass decompress runs/1 out.hg -o again/
    """
    from .tasks.compress import decompress as unpack
    from .trained import load
    print(f"{unpack(load(run), file, out):,} samples in {out}")
