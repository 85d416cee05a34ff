"""The command `hourglass finetune`: a classifier from a trained encoder and few labels."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..core.console import tell
from .load_run import load_run
from .options import Device, Run


def finetune(
    run: Run,
    data: Annotated[str, typer.Argument(help="Samples with classes. Default: the run's data.",
                                        show_default=False)] = "",
    labels: Annotated[Optional[int], typer.Option(  # noqa: UP045
        min=1, help="Number of training samples to learn from, balanced over classes. Default: all "
        "that have a class.",
        show_default=False)] = None,
    frozen: Annotated[bool, typer.Option("--frozen", help="Freeze the encoder, and train only the "
                                         "classifier.")] = False,
    augment: Annotated[str, typer.Option(help="Augment the labelled samples, such as shift(2) + "
                                         "elastic.")] = "",
    steps: Annotated[int, typer.Option(min=10, help="Training steps, one batch each.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice of labels, the classifier's "
                                      "weights and the batches.")] = 0,
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="Folder for the classifier. Default: the next number under "
        "runs/.", show_default=False)] = None,
    device: Device = "cpu",
) -> None:
    """Train a classifier on a run's encoder with few labels. The decoder is dropped.

    Examples: hourglass finetune runs/1 --labels 100 -o runs/few; hourglass finetune runs/1
    labelled/ --frozen; hourglass classify runs/few scans/
    """
    from ..tasks.finetune import FinetuneOptions, finetuned
    model = load_run(run, device, doing="finetuning")
    choice = FinetuneOptions(labels, frozen, augment, steps, seed)
    tuned = finetuned(model, data or None, None, out, choice)
    tell("\n".join(tuned.lines()))
    tell(tuned.folder.path)
