"""The command line's part that puts a trained model to work."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .cli_latent import Device, Run

use_commands = typer.Typer()

ABNORMAL = 1   # the exit code where something is


@use_commands.command()
def score(
    run: Run,
    samples: Annotated[str, typer.Argument(help="a folder, an archive, an array or a source; else "
                                           "the run's own test samples", show_default=False)] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="a .csv or .json")] = Path("scores.csv"),
    heatmaps: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="folder for a picture each, of where it came back badly")] = None,
    detector: Annotated[str, typer.Option(help="error, likelihood, knn(5), mahalanobis, ... "
                                          "(hourglass list detectors)")] = "",
    threshold: Annotated[str, typer.Option(help="quantile(0.99), contamination(0.1), ... "
                                           "(hourglass list thresholds)")] = "",
    labelled: Annotated[str, typer.Option(help="a folder of a few examples, in normal/ and "
                                          "abnormal/, which the threshold is to part")] = "",
    normal: Annotated[str, typer.Option(help="the classes that are normal, such as good,fine; "
                                        "else those that training saw")] = "",
    device: Device = "cpu",
) -> None:
    """Say how abnormal samples are: for each a score, a probability and a verdict.

    The exit code is 0 where all are normal, 1 where one is not, 2 for bad use, and where a file
    cannot be read. A detector or threshold that is chosen is kept with the run, for next time.

    Examples: hourglass score runs/1 parts/ -o scores.csv --heatmaps maps/; hourglass score runs/1
    parts/ --detector "knn(5)" --labelled examples/
    """
    from .hardware import choose_device
    from .tasks.score import Choice, in_words
    from .tasks.score import score as judge
    from .trained import load
    model = load(run, str(choose_device(device)))
    found, verdicts = judge(model, samples, Choice(detector, threshold, labelled, normal), out,
                            heatmaps)
    for line in in_words(found, verdicts):
        print(line)
    print(out)
    if verdicts.unreadable:
        raise ValueError(f"{len(verdicts.unreadable)} files cannot be read, such as "
                         f"{verdicts.unreadable[0]}, so nothing says that they are normal")
    if verdicts.abnormal.any():
        raise typer.Exit(ABNORMAL)
from typing import Annotated

import typer

from .cli_latent import Device, Run, Told

use_commands = typer.Typer()


@use_commands.command()
def restore(
    run: Run,
    images: Annotated[str, typer.Argument(help="a folder, an archive or an image")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the images")] = Path(
        "restored"),
    enlarge: Annotated[int, typer.Option(min=1, max=16, help="so many times as large first, for a "
                                         "model trained with downscale")] = 1,
    corrupt: Annotated[str, typer.Option(help="corrupt them first and say how near it comes: own, "
                                         "as in training, or such as noise(0.3)")] = "",
    kind: Told = "",
    seed: Annotated[int, typer.Option(help="of --corrupt")] = 0,
    device: Device = "cpu",
) -> None:
    """Restore images with a model that was trained on corrupted ones, each at its own size.

    Examples: hourglass restore runs/1 scans/ -o restored/; hourglass restore runs/1 clean/
    --corrupt own -o tried/
    """
    from .hardware import choose_device
    from .tasks.restore import Manner
    from .tasks.restore import restore as restore_all
    from .trained import load
    model = load(run, str(choose_device(device)))
    for line in restore_all(model, images, out, Manner(corrupt, enlarge, kind, seed)).lines(out):
        print(line)
