"""The command `hourglass serve`: a trained model, or a kept detector, over HTTP."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .load_run import load_run
from .options import Device


def serve(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/1, or "
                                        "a detector that hourglass detect --save wrote.")],
    host: Annotated[str, typer.Option(help="Address to listen on. The default serves this "
                                      "machine only, 0.0.0.0 serves all networks.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port. 0 takes a free one.")] = 8000,
    token_file: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="File with the token that clients must send. Default: the variable "
             "HOURGLASS_TOKEN.")] = None,
    open: Annotated[bool, typer.Option("--open", help="Serve a network without asking for a "
                                       "token.")] = False,
    priors: Annotated[str, typer.Option(help="Priors that clients may sample from, separated by "
                                        "semicolons, such as own;flow. Default: the model's "
                                        "usual ones.")] = "",
    ahead: Annotated[int, typer.Option(min=0, max=100000, help="Series only: the most steps ahead "
                                       "that clients may have forecast, by /v1/forecast.")] = 0,
    show_training: Annotated[bool, typer.Option(
        "--show-training", help="Serve /v1/nearest, whose answers show training samples.")] = False,
    max_bytes: Annotated[int, typer.Option(min=1, help="Largest request, in bytes.")] = 16 * 2**20,
    max_files: Annotated[int, typer.Option(min=1, max=10000, help="Most images per request.")] = 64,
    max_pixels: Annotated[int, typer.Option(min=1, help="Most pixels per image.")] = 2**24,
    max_samples: Annotated[int, typer.Option(min=1, max=100000, help="Most codes or vectors per "
                                             "request, and most samples generated for it.")] = 256,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="Time limit of a request, in "
                                               "seconds.")] = 30,
    queue: Annotated[int, typer.Option(min=1, help="Most requests at once. Further ones get status "
                                       "503 and may retry.")] = 64,
    grace: Annotated[float, typer.Option(min=0, help="Seconds to finish accepted requests at "
                                         "shutdown.")] = 30,
    device: Device = "cpu",
) -> None:
    """Serve a trained model over HTTP: encode, decode, reconstruct, generate, score, restore,
    compress, and find near samples. A detector scores images, and draws heat maps.

    Examples: hourglass serve runs/1 --port 8000; hourglass serve detector.safetensors
    """
    try:
        from ..serving.server import Address, read_token, serve_detector
        from ..serving.server import serve as serve_model
    except ModuleNotFoundError as error:
        raise ValueError(f"serving needs an extra ({error.name} is missing): pip install "
                         f"'hourglass[serve]'") from None
    from ..serving.limits import Limits
    place = Address(host, port, read_token(token_file), open, grace)
    limits = Limits(max_bytes, max_files, max_pixels, 4 * max_pixels, max_pixels // 4 or 1,
                    max_samples, max_seconds, queue)
    allowed = tuple(text.strip() for text in priors.split(";") if text.strip())
    from ..inference.image_detector import is_saved_detector, load_image_detector
    if is_saved_detector(run):
        if allowed or ahead or show_training:
            raise ValueError("--priors, --ahead and --show-training are for runs; a detector needs "
                             "none of them")
        from ..core.device import choose_device
        cut_off = serve_detector(load_image_detector(run), run.name, place, limits,
                                 str(choose_device(device)))
    else:
        cut_off = serve_model(load_run(run, device), place, limits, allowed, ahead, show_training)
    if cut_off:
        raise SystemExit(f"hourglass: {cut_off} requests were cut off at shutdown; raise --grace")
