"""The command `hourglass decompress`: the images of a compressed file."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.console import tell
from .load_run import load_run
from .options import Run


def decompress(
    run: Run,
    file: Annotated[Path, typer.Argument(help="File that hourglass compress wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the images, or a .npy file "
                                      "for one array.")] = Path("out"),
) -> None:
    """Decompress images into a folder, under their old names.

    Example: hourglass decompress runs/1 out.hg -o decompressed/
    """
    from ..tasks.compress import decompress as decompress_file
    model = load_run(run, doing="decompressing")
    tell(f"{decompress_file(model, file, out):,} samples in {out}")
