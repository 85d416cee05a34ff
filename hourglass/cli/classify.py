"""The command `hourglass classify`: the class of each sample."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.console import tell
from .load_run import load_run
from .options import Device, Images, Run


def classify(
    run: Run,
    samples: Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="A .csv file.")] = Path("classes.csv"),
    device: Device = "cpu",
) -> None:
    """Write the class that a classifier or semi-supervised model predicts for each sample.

    Example: hourglass train mnist --model semi_supervised_vae --labelled 100 -o runs/few; hourglass
    classify runs/few scans/ -o classes.csv
    """
    from ..tasks.classify import classify as classify_samples
    for line in [*classify_samples(load_run(run, device, doing="classifying"), samples, out), out]:
        tell(line)
