"""The command `hourglass studio`: everything in a browser."""

from pathlib import Path
from typing import Annotated

import typer


def studio(
    folder: Annotated[Path, typer.Argument(help="Folder whose runs are shown. New runs go to its "
                                           "folder runs/.")] = Path("."),
    root: Annotated[list[Path] | None, typer.Option(
        help="Another folder that data may be read from. May be given several times. Default: only "
             "FOLDER.", show_default=False)] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine. 0 takes a free "
                                      "one.")] = 8008,
    token_file: Annotated[Path | None, typer.Option(
        help="File with the token that the page must send. Default: the variable HOURGLASS_TOKEN, "
             "or a new token for each start.", show_default=False)] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Open a page for everything: train, watch, compare, look at and use models.

    Only this machine can reach it. Trainings are processes of their own and go on without it.

    Example: hourglass studio
    """
    try:
        from ..serving.tokens import read_token
        from ..studio.server import run_studio
    except ModuleNotFoundError as error:
        raise ValueError(f"the studio needs an extra ({error.name} is missing): pip install "
                         f"'hourglass[studio]'") from None
    run_studio(folder, root or (), port, read_token(token_file), browser)
