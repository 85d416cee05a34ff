"""The command line's part that says how good a trained model is."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .options import Device, Run

evaluate_commands = typer.Typer()


@evaluate_commands.command()
def evaluate(
    run: Run,
    nll: Annotated[int, typer.Option(min=1, help="codes drawn for each sample, for -log p(x) by "
                                     "importance sampling; 5000 is usual, and takes long")] = 200,
    ais: Annotated[int, typer.Option(min=0, help="steps of annealed importance sampling beside it: "
                                     "tighter, and much slower")] = 0,
    chains: Annotated[int, typer.Option(min=1, help="of --ais, for each sample")] = 8,
    split: Annotated[str, typer.Option(help="train, val, test or holdout; else what training knows "
                                       "least of")] = "",
    limit: Annotated[Optional[int], typer.Option(  # noqa: UP045
        min=1, help="at most so many samples, evenly spread")] = None,
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="also a .csv, a row a sample")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the codes")] = 0,
    factors: Annotated[bool, typer.Option("--factors", help="instead, how well codes keep apart "
                                          "the factors that samples were made of (dsprites, or a "
                                          ".npz with factors)")] = False,
    leave_out: Annotated[str, typer.Option(help="factors that shall not count, with commas, such "
                                           "as shape")] = "",
    device: Device = "cpu",
) -> None:
    """Say how likely a model finds samples that it has not seen: -log p(x), in nats and bits, its
    bound, and what the bound is made of. Of a model without a posterior, such as ae, it gives the
    errors of the reconstructions. The report shows it from then on.

    Examples: hourglass evaluate runs/1 --nll 5000; hourglass evaluate runs/1 --nll 5000 --ais 500
    --limit 100; hourglass evaluate runs/sprites --factors --leave-out shape
    """
    from ..core.device import choose_device
    if factors:
        from ..inference.trained import load
        from ..tasks.disentangle import disentangle
        left = tuple(filter(None, map(str.strip, leave_out.split(","))))
        print(*disentangle(load(run, str(choose_device(device))), leave_out=left).lines(), sep="\n")
        return
    from ..inference.log_likelihood.estimate import Wish
    from ..inference.trained import load
    from ..tasks.evaluate import evaluate as look
    wish = Wish(nll, ais, chains, split, limit, seed)
    found = look(load(run, str(choose_device(device))), wish, out)
    for line in [*found.lines, f"in {found.seconds:.0f} s", *([str(out)] if out else [])]:
        print(line)
