"""The command `hourglass explore`: a page that decodes a code as you drag it."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.console import tell
from .options import Run


def explore(
    run: Run,
    out: Annotated[Path, typer.Option("--out", "-o", help="Page to write, an .html file.")] = Path(
        "explorer.html"),
) -> None:
    """Write an HTML page that decodes a latent code as you drag it. It is one file.

    Example: hourglass explore runs/1 -o explorer.html
    """
    from ..tasks.explore import explore as write_explorer
    count = write_explorer(run, out)
    tell(f"{count:,} samples in {out}")
