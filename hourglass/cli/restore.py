"""The command `hourglass restore`: noisy, blurred or small images become clean ones."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.console import tell
from ..core.files import check_folder
from .load_run import load_run
from .options import ClassName, Device, Run, Shards


def restore(
    run: Run,
    images: Annotated[str, typer.Argument(help="A folder, an archive or an image.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the images.")] = Path(
        "restored"),
    enlarge: Annotated[int, typer.Option(min=1, max=16, help="Enlarge images this many times "
                                         "first, for a model trained with downscale.")] = 1,
    corrupt: Annotated[str, typer.Option(help="Corrupt clean images first, and measure the "
                                         "restoration: own (as in training), or a corruption such "
                                         "as noise(0.3).")] = "",
    kind: ClassName = "",
    seed: Annotated[int, typer.Option(help="Seed of --corrupt.")] = 0,
    shards: Shards = 0,
    device: Device = "cpu",
) -> None:
    """Restore images with a model that was trained on corrupted ones. Each keeps its size.

    Examples: hourglass restore runs/1 scans/ -o restored/; hourglass restore runs/1 clean/
    --corrupt own -o tried/
    """
    from ..tasks.restore import RestoreOptions
    from ..tasks.restore import restore as restore_images
    check_folder(out)
    model = load_run(run, device, doing="restoring")
    options = RestoreOptions(corrupt, enlarge, kind, seed)
    for line in restore_images(model, images, out, options, shards).lines(out):
        tell(line)
