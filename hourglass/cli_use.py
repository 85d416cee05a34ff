"""The command line's part that puts a trained model to work."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .cli_latent import Device, Run, Told

use_commands = typer.Typer()

ABNORMAL = 1   # the exit code where something is


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
