"""The command line's part that puts a trained model to work."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from .options import Device, Run, Told

use_commands = typer.Typer()

ABNORMAL = 1   # the exit code of score where something is
Images = Annotated[str, typer.Argument(help="a folder, an archive, an array or a source")]


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
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.restore import Manner
    from ..tasks.restore import restore as restore_all
    model = load(run, str(choose_device(device)))
    for line in restore_all(model, images, out, Manner(corrupt, enlarge, kind, seed)).lines(out):
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
    masks: Annotated[str, typer.Option(help="folder or archive of masks of the defects, named as "
                                       "the samples, for figures of pixels. Default: the folder "
                                       "ground_truth of SAMPLES, if there is one")] = "",
    plot: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="of a series: a picture of it, what came back, and the score")] = None,
    windows: Annotated[str, typer.Option(help="of a series: a .json of when it is known to be "
                                         "abnormal, [[\"from\", \"to\"], ...]")] = "",
    causal: Annotated[bool, typer.Option("--causal", help="of a series: score a step by what came "
                                         "before it alone")] = False,
    label: Annotated[str, typer.Option(help="of a series: the column that says which steps are "
                                       "known to be abnormal, in place of --windows")] = "",
    merge: Annotated[Optional[int], typer.Option(  # noqa: UP045
        min=0, help="of a series: abnormal stretches with up to so many normal steps between them "
        "are one. Default: half a window")] = None,
    shortest: Annotated[int, typer.Option(min=1, help="of a series: stretches of fewer steps count "
                                          "as normal")] = 1,
    device: Device = "cpu",
) -> None:
    """Say how abnormal samples are: for each a score, a probability and a verdict. Of a series, it
    is each step that is scored, by all windows that cover it.

    The exit code is 0 where all are normal, 1 where one is not, 2 for bad use, and where a file
    cannot be read. A detector or threshold that is chosen is kept with the run, for next time.

    Examples: hourglass score runs/1 parts/ -o scores.csv --heatmaps maps/; hourglass score runs/1
    parts/ --detector "knn(5)" --labelled examples/; hourglass score runs/2 readings.csv --plot
    scores.png
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.score import Choice, in_words
    from ..tasks.score import score as judge
    from ..tasks.score_series import Stretching
    model = load(run, str(choose_device(device)))
    series = model.about.get("encoding", {}).get("kind") == "series"
    _check_options(series, any((heatmaps, detector, labelled, normal, masks)), any(
        (plot, windows, causal, label, merge is not None, shortest > 1)))
    if series:
        asked = {"threshold": threshold, "causal": causal, "label": label,
                 "stretching": Stretching(merge, shortest)}
        _score_series(model, samples, out, (plot, windows), asked)
        return
    choice = Choice(detector, threshold, labelled, normal, masks)
    found, verdicts = judge(model, samples, choice, out, heatmaps)
    for line in in_words(found, verdicts):
        print(line)
    print(out)
    if verdicts.unreadable:
        raise ValueError(f"{len(verdicts.unreadable)} files cannot be read, such as "
                         f"{verdicts.unreadable[0]}, so nothing says that they are normal")
    if verdicts.abnormal.any():
        raise typer.Exit(ABNORMAL)


def _check_options(series: bool, of_samples: bool, of_series: bool) -> None:
    """Raises ValueError for options that say nothing of a series, or of anything else."""
    if series and of_samples:
        raise ValueError("the steps of a series are scored by their errors; with it go "
                         "--threshold, --causal, --plot, --windows, --label, --merge and "
                         "--shortest")
    if of_series and not series:
        raise ValueError("--plot, --windows, --causal, --label, --merge and --shortest are for "
                         "models of series")


def _score_series(
    model: Any, data: str, out: Path, drawn: tuple[Path | None, str], asked: dict[str, Any]
) -> None:
    """Score the steps of a series, else of the one that the run was trained on."""
    from ..core.console import say
    from ..tasks.plot_series import draw_series
    from ..tasks.score_series import read_spans, score_series, write_scores
    from ..tasks.series_words import in_words
    from ..tasks.write_images import SUFFIXES, check_name
    plot, windows = drawn
    check_name(out, (".csv",))
    if plot:
        check_name(plot, SUFFIXES)
    spans = read_spans(windows, data) if windows else ()
    scored = score_series(model, data or model.data, **asked)
    for note in scored.notes:
        say(note)
    for line in in_words(scored, spans):
        print(line)
    write_scores(scored, out)
    if plot:
        draw_series(scored, plot, spans)
        print(plot)
    print(out)
    if scored.verdict.any():
        raise typer.Exit(ABNORMAL)


@use_commands.command()
def impute(
    run: Run,
    table: Annotated[str, typer.Argument(help="a .csv or .parquet file with missing cells")],
    out: Annotated[Path, typer.Option("--out", "-o", help="a .csv or .parquet")] = Path("full.csv"),
    device: Device = "cpu",
) -> None:
    """Fill in what is missing in a table, by a model that was trained on one.

    Example: hourglass impute runs/1 rows.csv -o full.csv
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.impute import impute as fill
    for line in fill(load(run, str(choose_device(device))), table, out):
        print(line)
    print(out)


@use_commands.command()
def embed(
    run: Run,
    images: Images,
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
    from ..core.device import choose_device
    from ..inference.trained import load
    if nearest and duplicates:
        raise ValueError("--nearest and --duplicates are two questions; ask one at a time")
    model = load(run, str(choose_device(device)))
    if nearest:
        from ..tasks.find_similar import search
        place = out or Path("nearest.png")
        lines = search(model, images, nearest, n, place, kind)
    elif duplicates:
        from ..tasks.duplicates import duplicates as find
        place = out or Path("duplicates.csv")
        lines = find(model, images, within, place)
    else:
        from ..tasks.embed import embed as write
        place = out or Path("codes.csv")
        written = write(model, images, place)
        lines = [f"{len(written.z):,} codes of {'x'.join(map(str, written.z.shape[1:]))} numbers"]
    for line in [*lines, place]:
        print(line)


@use_commands.command()
def classify(
    run: Run,
    samples: Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="a .csv")] = Path("classes.csv"),
    device: Device = "cpu",
) -> None:
    """Write the class that a model which guesses classes takes each sample for.

    Example: hourglass train mnist --model semi_supervised_vae --labelled 100 -o runs/few; hourglass
    classify runs/few scans/ -o classes.csv
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.classify import classify as guess_all
    for line in [*guess_all(load(run, str(choose_device(device))), samples, out), out]:
        print(line)


@use_commands.command()
def compress(
    run: Run,
    images: Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="the file")] = Path("out.hg"),
    quality: Annotated[Optional[float], typer.Option(  # noqa: UP045
        help="above 0, below 100: rounding codes may add what is missing to 100, in percent, to "
        "the model's squared error; else 95")] = None,
    step: Annotated[Optional[float], typer.Option(  # noqa: UP045
        help="round codes to this many standard deviations instead")] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="keep what the model misses "
                                           "too")] = False,
    kind: Annotated[str, typer.Option("--class", help="as which class a conditional model takes "
                                      "them, unless folders say")] = "",
    device: Device = "cpu",
) -> None:
    """Compress images into one file, which only the same model brings back.

    Examples: hourglass compress runs/1 photos/ -o out.hg; hourglass compress runs/1 photos/
    --lossless
    """
    from ..core.device import choose_device
    from ..inference.compression.codec import wish_of
    from ..inference.trained import load
    from ..tasks.compress import compress as squeeze
    wish = wish_of(quality, step, lossless)
    sizes = squeeze(load(run, str(choose_device(device))), images, out, wish, kind)
    print("\n".join(sizes.lines(out)))


@use_commands.command()
def decompress(
    run: Run,
    file: Annotated[Path, typer.Argument(help="what hourglass compress wrote")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the images, or a .npy for an "
                                      "array")] = Path("out"),
) -> None:
    """Bring compressed images back, under the names that they had.

    Example: hourglass decompress runs/1 out.hg -o again/
    """
    from ..inference.trained import load
    from ..tasks.compress import decompress as unpack
    print(f"{unpack(load(run), file, out):,} samples in {out}")
