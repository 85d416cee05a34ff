"""The command `hourglass recommend`: the best items for users, from the items that they have."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..core.console import tell
from .load_run import load_run
from .options import Device, Run


def recommend(
    run: Run,
    history: Annotated[Optional[Path], typer.Argument(  # noqa: UP045
        help="A .csv, .tsv or .parquet file with an item in each line, and perhaps its user and "
             "rating. Items are named by id or title.")] = None,
    item: Annotated[Optional[list[str]], typer.Option(  # noqa: UP045
        "--item", help="An item of a new user, by id or title, in place of the file. May be given "
                       "several times.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of items for each user.")] = 20,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write: .csv or "
                                      ".parquet.")] = Path("top.csv"),
    device: Device = "cpu",
) -> None:
    """Recommend items to users, from the items that they have already. The run must have been
    trained on ratings. Items that a user has are not recommended again.

    Examples: hourglass recommend runs/1 history.csv -n 20 -o top.csv; hourglass recommend runs/1
    --item "Heat (1995)" --item "Fargo (1996)"
    """
    if (history is None) == (not item):
        raise ValueError("recommend needs a file of the users' items, or items: hourglass "
                         "recommend RUN history.csv, or hourglass recommend RUN --item \"Heat "
                         "(1995)\"")
    from ..tasks.recommending import recommend_to_file
    items = str(history) if history is not None else item
    for line in [*recommend_to_file(load_run(run, device), items, n, out), out]:
        tell(line)
