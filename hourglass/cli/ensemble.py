"""The command `hourglass ensemble`: several runs as one, weighted."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..core.console import tell
from .options import Device


def ensemble(
    runs: Annotated[list[Path], typer.Argument(
        metavar="RUNS", help="Runs on the same data, or folders of runs such as a study.",
        show_default=False)],
    size: Annotated[int, typer.Option(min=1, help="Most members. Greedy counts a run again each "
                                      "time it is chosen.")] = 10,
    how: Annotated[str, typer.Option(help="greedy: add the run that helps most, again and again. "
                                     "uniform: equal weights. stacked: weights of the least "
                                     "squared error.")] = "greedy",
    loss: Annotated[str, typer.Option(help="Loss that chooses the weights: mse or bce. Default: "
                                      "bce where all runs were trained by it.")] = "",
    report: Annotated[bool, typer.Option(help="Write the report.")] = True,
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="Folder for the ensemble. Default: the next number under runs/.",
        show_default=False)] = None,
    device: Device = "cpu",
) -> None:
    """Combine runs on the same data into a weighted ensemble, which is a run itself.

    The test samples choose the weights. If the runs have a holdout split, it compares the ensemble
    with the best run. Every command that takes a run takes the ensemble.

    Examples: hourglass ensemble runs/1 runs/2 runs/3 -o runs/best; hourglass ensemble studies/mnist
    --size 10 -o runs/best; hourglass score runs/best scans/ --detector disagreement
    """
    from ..core.device import choose_device
    from ..searching.ensemble import combine, options_of
    combined = combine(runs, out, options_of(size, how, loss), report, str(choose_device(device)))
    tell("\n".join(combined.lines()))
    tell(combined.folder.path)
