"""The command line's part that puts a trained model to work."""

from pathlib import Path
from typing import Annotated

import typer

from .cli_latent import Device, Run, Told

use_commands = typer.Typer()


@use_commands.command()
def restore(
    run: Run,
    images: Annotated[str, typer.Argument(help="a folder, an archive or an image")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the images")] = Path(
        "restored"),
    enlarge: Annotated[int, typer.Option(min=1, max=16, help="so many times as large first, for a "
                                         "model trained with downscale")] = 1,
    corrupt: Annotated[str, typer.Option(help="corrupt them first and say how near it comes: own, "
                                         "as in training, or such as noise(0.3)")] = "",
    kind: Told = "",
    seed: Annotated[int, typer.Option(help="of --corrupt")] = 0,
    device: Device = "cpu",
) -> None:
    """Restore images with a model that was trained on corrupted ones, each at its own size.

    Examples: hourglass restore runs/1 scans/ -o restored/; hourglass restore runs/1 clean/
    --corrupt own -o tried/
    """
    from .hardware import choose_device
    from .tasks.restore import Manner
    from .tasks.restore import restore as restore_all
    from .trained import load
    model = load(run, str(choose_device(device)))
    for line in restore_all(model, images, out, Manner(corrupt, enlarge, kind, seed)).lines(out):
        print(line)
