"""The command line's part that hands a trained model to other programs."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .options import Device, Run

serve_commands = typer.Typer()


@serve_commands.command()
def serve(
    run: Run,
    host: Annotated[str, typer.Option(help="where to listen; the default is for this machine "
                                      "only, 0.0.0.0 for all networks")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8000,
    token_file: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="holds the token that clients must send; else HOURGLASS_TOKEN, if set")] = None,
    open: Annotated[bool, typer.Option("--open", help="on networks without a token")] = False,
    priors: Annotated[str, typer.Option(help="from which clients may draw, such as own;flow; else "
                                        "the usual ones")] = "",
    max_bytes: Annotated[int, typer.Option(min=1, help="of a request")] = 16 * 2**20,
    max_files: Annotated[int, typer.Option(min=1, max=10000, help="images in a request")] = 64,
    max_pixels: Annotated[int, typer.Option(min=1, help="of an image")] = 2**24,
    max_samples: Annotated[int, typer.Option(min=1, max=100000, help="codes or vectors in a "
                                             "request, or samples drawn for it")] = 256,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="for a request")] = 30,
    queue: Annotated[int, typer.Option(min=1, help="requests at once; more are told to come "
                                       "again")] = 64,
    grace: Annotated[float, typer.Option(min=0, help="seconds to finish what was accepted, when "
                                         "told to end")] = 30,
    device: Device = "cpu",
) -> None:
    """Serve a trained model over HTTP: encode, decode, reconstruct, generate, score, restore.

    Example: hourglass serve runs/1 --port 8000
    """
    try:
        from ..serving.server import Place, read_token
        from ..serving.server import serve as go_on
    except ModuleNotFoundError as error:
        raise ValueError(f"serving needs an extra ({error.name} is missing): pip install "
                         f"'hourglass[serve]'") from None
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..serving.limits import Limits
    place = Place(host, port, read_token(token_file), open, grace)
    limits = Limits(max_bytes, max_files, max_pixels, 4 * max_pixels, max_pixels // 4 or 1,
                    max_samples, max_seconds, queue)
    wanted = tuple(text.strip() for text in priors.split(";") if text.strip())
    cut_off = go_on(load(run, str(choose_device(device))), place, limits, wanted)
    if cut_off:
        raise SystemExit(f"hourglass: {cut_off} requests were cut off, for they took too long")


@serve_commands.command()
def export(
    run: Run,
    half: Annotated[str, typer.Option(help="encoder (x to z) or decoder (z to x)")] = "encoder",
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="an .onnx file; else encoder.onnx or decoder.onnx")] = None,
) -> None:
    """Write half of a model as ONNX, for other programs to run, in batches of any size.

    Example: hourglass export runs/1 --half decoder -o decoder.onnx
    """
    from ..tasks.export import export as write
    for line in write(run, half, out or Path(f"{half}.onnx")):
        print(line)
