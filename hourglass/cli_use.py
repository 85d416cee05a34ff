"""The command line's part that puts a trained model to work."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .cli_latent import Device, Run, Told

use_commands = typer.Typer()


@use_commands.command()
def embed(
    run: Run,
    images: Annotated[str, typer.Argument(help="a folder, an archive, an array or a source")],
    nearest: Annotated[Optional[list[str]], typer.Option(  # noqa: UP045
        help="find the images nearest to this one: a file, or the number of an unseen sample; "
             "may be given several times")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="how many of them")] = 10,
    duplicates: Annotated[bool, typer.Option("--duplicates", help="find images that are there more "
                                             "than once, or nearly")] = False,
    within: Annotated[float, typer.Option(min=0, max=1, help="how near that is: as a share of "
                                          "what lies between neighbours")] = 0.3,
    kind: Told = "",
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="codes: .csv, .parquet or .npy; nearest: a picture or .csv; "
                            "duplicates: .csv, and a picture beside it")] = None,
    device: Device = "cpu",
) -> None:
    """Write images' codes as a table; or find by them what is most alike.

    Examples: hourglass embed runs/1 photos/ -o codes.parquet; hourglass embed runs/1 photos/
    --nearest query.png -o nearest.png; hourglass embed runs/1 photos/ --duplicates
    """
    from .hardware import choose_device
    from .trained import load
    if nearest and duplicates:
        raise ValueError("--nearest and --duplicates are two questions; ask one at a time")
    model = load(run, str(choose_device(device)))
    if nearest:
        from .tasks.search import search
        place = out or Path("nearest.png")
        lines = search(model, images, nearest, n, place, kind)
    elif duplicates:
        from .tasks.duplicates import duplicates as find
        place = out or Path("duplicates.csv")
        lines = find(model, images, within, place)
    else:
        from .tasks.embed import embed as write
        place = out or Path("codes.csv")
        written = write(model, images, place)
        lines = [f"{len(written.z):,} codes of {'x'.join(map(str, written.z.shape[1:]))} numbers"]
    for line in [*lines, place]:
        print(line)


@use_commands.command()
def export(
    run: Run,
    half: Annotated[str, typer.Option(help="encoder (x to z) or decoder (z to x)")] = "encoder",
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="an .onnx file; else encoder.onnx or decoder.onnx")] = None,
) -> None:
    """Write half of a model as ONNX, for other programs to run, in batches of any size.

    Example: hourglass export runs/1 --half decoder -o decoder.onnx
    """
    from .tasks.export import export as write
    for line in write(run, half, out or Path(f"{half}.onnx")):
        print(line)
