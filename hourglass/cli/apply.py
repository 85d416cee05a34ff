"""Commands that apply a trained model: restore, score, impute, embed, classify, compress."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from .options import ClassName, Device, Images, Run

use_commands = typer.Typer()

ABNORMAL = 1   # exit code of score if a sample is abnormal


@use_commands.command()
def restore(
    run: Run,
    images: Annotated[str, typer.Argument(help="A folder, an archive or an image.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the images.")] = Path(
        "restored"),
    enlarge: Annotated[int, typer.Option(min=1, max=16, help="Enlarge images this many times "
                                         "first, for a model trained with downscale.")] = 1,
    corrupt: Annotated[str, typer.Option(help="Corrupt clean images first, and measure the "
                                         "restoration: own (as in training), or a corruption such "
                                         "as noise(0.3).")] = "",
    kind: ClassName = "",
    seed: Annotated[int, typer.Option(help="Seed of --corrupt.")] = 0,
    device: Device = "cpu",
) -> None:
    """Restore images with a model that was trained on corrupted ones. Each keeps its size.

    Examples: hourglass restore runs/1 scans/ -o restored/; hourglass restore runs/1 clean/
    --corrupt own -o tried/
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.restore import RestoreOptions
    from ..tasks.restore import restore as restore_images
    model = load(run, str(choose_device(device)))
    for line in restore_images(model, images, out, RestoreOptions(corrupt, enlarge, kind,
                                                                  seed)).lines(out):
        print(line)


@use_commands.command()
def score(
    run: Run,
    samples: Annotated[str, typer.Argument(help="A folder, an archive, a data file or a source. "
                                           "Default: test samples.", show_default=False)] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="A .csv or .json.")] = Path("scores.csv"),
    heatmaps: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="Folder for one image per sample that shows where its error is large.")] = None,
    detector: Annotated[str, typer.Option(help="Detector: error, likelihood, knn(5), mahalanobis, "
                                          "... (see: hourglass list detectors). Default: the "
                                          "run's last one.")] = "",
    threshold: Annotated[str, typer.Option(help="Threshold: quantile(0.99), contamination(0.1), "
                                           "... (see: hourglass list thresholds). Default: the "
                                           "run's last one.")] = "",
    labelled: Annotated[str, typer.Option(help="Folder of examples in normal/ and abnormal/, "
                                          "which the threshold is chosen to separate.")] = "",
    normal: Annotated[str, typer.Option(help="Normal classes, such as good,fine. Default: the "
                                        "classes of the training data.")] = "",
    masks: Annotated[str, typer.Option(help="Folder or archive of defect masks with the "
                                       "samples' names, to measure the pixels' scores. Default: "
                                       "ground_truth/ in SAMPLES, if it exists.")] = "",
    plot: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="Series only: picture of the series, its reconstruction and its score.")] = None,
    windows: Annotated[str, typer.Option(help="Series only: .json file with the known abnormal "
                                         "times, [[\"from\", \"to\"], ...].")] = "",
    causal: Annotated[bool, typer.Option("--causal", help="Series only: score each step from "
                                         "earlier steps alone.")] = False,
    label: Annotated[str, typer.Option(help="Series only: column that marks the known abnormal "
                                       "steps, instead of --windows.")] = "",
    merge: Annotated[Optional[int], typer.Option(  # noqa: UP045
        min=0, help="Series only: join abnormal stretches that are at most this many steps apart. "
        "Default: half a window.")] = None,
    shortest: Annotated[int, typer.Option(min=1, help="Series only: ignore abnormal stretches "
                                          "with fewer steps.")] = 1,
    device: Device = "cpu",
) -> None:
    """Score anomalies: a score, a probability and a verdict for each sample. In a series, each step
    is scored by all windows that cover it.

    Exit code: 0 if all samples are normal, 1 if one is abnormal, 2 for a wrong argument or a file
    that cannot be read. The run keeps the chosen detector and threshold for the next call.

    Examples: hourglass score runs/1 parts/ -o scores.csv --heatmaps maps/; hourglass score runs/1
    parts/ --detector "knn(5)" --labelled examples/; hourglass score runs/2 readings.csv --plot
    scores.png
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.score import ScoreOptions, in_words
    from ..tasks.score import score as score_samples
    from ..tasks.score_series import StretchOptions
    model = load(run, str(choose_device(device)))
    series = model.description.kind == "series"
    _check_options(series, any((heatmaps, detector, labelled, normal, masks)), any(
        (plot, windows, causal, label, merge is not None, shortest > 1)))
    if series:
        options = {"threshold": threshold, "causal": causal, "label": label,
                 "stretching": StretchOptions(merge, shortest)}
        _score_series(model, samples, out, (plot, windows), options)
        return
    choice = ScoreOptions(detector, threshold, labelled, normal, masks)
    found, verdicts = score_samples(model, samples, choice, out, heatmaps)
    for line in in_words(found, verdicts):
        print(line)
    print(out)
    if verdicts.unreadable:
        raise ValueError(f"{len(verdicts.unreadable)} files cannot be read, such as "
                         f"{verdicts.unreadable[0]}; they have no verdict")
    if verdicts.abnormal.any():
        raise typer.Exit(ABNORMAL)


def _check_options(series: bool, of_samples: bool, of_series: bool) -> None:
    """Raise ValueError for options that do not fit the kind of data."""
    if series and of_samples:
        raise ValueError("the steps of a series are scored by their errors; use only "
                         "--threshold, --causal, --plot, --windows, --label, --merge and "
                         "--shortest")
    if of_series and not series:
        raise ValueError("--plot, --windows, --causal, --label, --merge and --shortest are for "
                         "models of series")


def _score_series(
    model: Any, data: str, out: Path, pictures: tuple[Path | None, str], options: dict[str, Any]
) -> None:
    """Score the steps of a series. Default: the series that the run was trained on."""
    from ..core.console import say
    from ..tasks.plot_series import draw_series
    from ..tasks.score_series import read_spans, score_series, write_scores
    from ..tasks.series_words import in_words
    from ..tasks.write_images import SUFFIXES, check_name
    plot, windows = pictures
    check_name(out, (".csv",))
    if plot:
        check_name(plot, SUFFIXES)
    spans = read_spans(windows, data) if windows else ()
    scored = score_series(model, data or model.data, **options)
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
    table: Annotated[str, typer.Argument(help="A .csv or .parquet file with missing cells.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .csv or .parquet "
                                      "file.")] = Path("full.csv"),
    device: Device = "cpu",
) -> None:
    """Fill in the missing cells of a table or the gaps of a series, with a model of the same kind.

    Example: hourglass impute runs/1 rows.csv -o full.csv
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.impute import impute as impute_table
    for line in impute_table(load(run, str(choose_device(device))), table, out):
        print(line)
    print(out)


@use_commands.command()
def embed(
    run: Run,
    images: Images,
    nearest: Annotated[Optional[list[str]], typer.Option(  # noqa: UP045
        help="Find the images nearest to this one: a file, or the number of a test sample. "
             "May be given several times.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of nearest images.")] = 10,
    duplicates: Annotated[bool, typer.Option("--duplicates", help="Find images that occur twice, "
                                             "exactly or nearly.")] = False,
    within: Annotated[float, typer.Option(min=0, max=1, help="Largest distance between duplicates, "
                                          "as a share of the distance to the tenth "
                                          "neighbour.")] = 0.3,
    kind: ClassName = "",
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="File to write. Codes: .csv, .parquet or .npy. --nearest: a picture or "
                            ".csv. --duplicates: .csv, plus a picture.")] = None,
    device: Device = "cpu",
) -> None:
    """Write images' latent codes as a table, or find similar images by their codes.

    Examples: hourglass embed runs/1 photos/ -o codes.parquet; hourglass embed runs/1 photos/
    --nearest query.png -o nearest.png; hourglass embed runs/1 photos/ --duplicates
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    if nearest and duplicates:
        raise ValueError("--nearest and --duplicates cannot be combined; pass one of them")
    model = load(run, str(choose_device(device)))
    if nearest:
        from ..tasks.find_similar import search as find_similar
        place = out or Path("nearest.png")
        lines = find_similar(model, images, nearest, n, place, kind)
    elif duplicates:
        from ..tasks.duplicates import duplicates as find_duplicates
        place = out or Path("duplicates.csv")
        lines = find_duplicates(model, images, within, place)
    else:
        from ..tasks.embed import embed as embed_images
        place = out or Path("codes.csv")
        written = embed_images(model, images, place)
        lines = [f"{len(written.z):,} codes of {'x'.join(map(str, written.z.shape[1:]))} numbers"]
    for line in [*lines, place]:
        print(line)


@use_commands.command()
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
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.classify import classify as classify_samples
    for line in [*classify_samples(load(run, str(choose_device(device))), samples, out), out]:
        print(line)


@use_commands.command()
def compress(
    run: Run,
    images: Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")] = Path("out.hg"),
    quality: Annotated[Optional[float], typer.Option(  # noqa: UP045
        help="Quality, above 0 and below 100. At 95 (default), rounding adds at most 5 % to the "
        "squared error of the reconstruction.")] = None,
    step: Annotated[Optional[float], typer.Option(  # noqa: UP045
        help="Round codes to this many standard deviations, instead of --quality.")] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Keep every pixel exactly: also "
                                           "store the difference from the "
                                           "reconstruction.")] = False,
    kind: Annotated[str, typer.Option("--class", help="Class of the images, for a conditional "
                                      "model. Default: the folders' names.")] = "",
    device: Device = "cpu",
) -> None:
    """Compress images into one file. Only the same model can decompress it.

    Examples: hourglass compress runs/1 photos/ -o out.hg; hourglass compress runs/1 photos/
    --lossless
    """
    from ..core.device import choose_device
    from ..inference.compression.codec import compression_options
    from ..inference.trained import load
    from ..tasks.compress import compress as compress_images
    wish = compression_options(quality, step, lossless)
    sizes = compress_images(load(run, str(choose_device(device))), images, out, wish, kind)
    print("\n".join(sizes.lines(out)))


@use_commands.command()
def decompress(
    run: Run,
    file: Annotated[Path, typer.Argument(help="File that hourglass compress wrote.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the images, or a .npy file "
                                      "for one array.")] = Path("out"),
) -> None:
    """Decompress images into a folder, under their old names.

    Example: hourglass decompress runs/1 out.hg -o decompressed/
    """
    from ..inference.trained import load
    from ..tasks.compress import decompress as decompress_file
    print(f"{decompress_file(load(run), file, out):,} samples in {out}")
