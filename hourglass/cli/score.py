"""The command `hourglass score`: anomaly scores and verdicts."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from ..core.console import tell
from ..core.distributed import processes
from ..core.exit_codes import ABNORMAL
from .load_run import load_run
from .one_process import one_process_of
from .options import Device, Run, Shards


def score(
    run: Run,
    samples: Annotated[str, typer.Argument(help="A folder, an archive, a data file or a source. "
                                           "Default: test samples.", show_default=False)] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="A .csv or .json, or a folder "
                                      "of .parquet shards.")] = Path("scores.csv"),
    shards: Shards = 0,
    heatmaps: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="Folder for one image per sample that shows where its error is large.")] = None,
    detector: Annotated[str, typer.Option(help="Detector: error, likelihood, knn(5), mahalanobis, "
                                          "... (see: hourglass list detectors). Default: the "
                                          "run's last one.")] = "",
    threshold: Annotated[str, typer.Option(help="Threshold: quantile(0.99), contamination(0.1), "
                                           "... (see: hourglass list thresholds). Default: the "
                                           "run's last one.")] = "",
    labelled: Annotated[str, typer.Option(help="Folder of known examples, in subfolders "
                                          "normal/ and abnormal/. The threshold is chosen to "
                                          "separate the two.")] = "",
    normal: Annotated[str, typer.Option(help="Normal classes, such as good,fine. Default: the "
                                        "classes of the training data.")] = "",
    masks: Annotated[str, typer.Option(help="Folder or archive of defect masks with the "
                                       "samples' names, to measure the pixels' scores. Default: "
                                       "files such as ground_truth/, masks/ or a_mask.png in or "
                                       "next to SAMPLES.")] = "",
    plot: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="Series only: picture of the series, its reconstruction and its score.")] = None,
    windows: Annotated[str, typer.Option(help="Series only: .json file with the known abnormal "
                                         "times, [[\"from\", \"to\"], ...].")] = "",
    causal: Annotated[bool, typer.Option("--causal", help="Series only: score each step from "
                                         "earlier steps alone.")] = False,
    label: Annotated[str, typer.Option(help="Series only: name of the column that marks the "
                                       "known abnormal steps with 1. Use it or --windows.")] = "",
    merge: Annotated[Optional[int], typer.Option(  # noqa: UP045
        min=0, help="Series only: join abnormal stretches that are at most this many steps apart. "
        "Default: half a window.")] = None,
    shortest: Annotated[int, typer.Option(min=1, help="Series only: ignore abnormal stretches "
                                          "with fewer steps.")] = 1,
    device: Device = "cpu",
) -> None:
    """Score anomalies: a score, a probability and a verdict for each sample. In a series, each step
    is scored by all windows that cover it.

    Exit code: 0 if all samples are normal, 1 if one is abnormal (0 under torchrun), 2 for a wrong
    argument or a file that cannot be read. The run keeps the chosen detector and threshold for the
    next call.

    Examples: hourglass score runs/1 parts/ -o scores.csv --heatmaps maps/; hourglass score runs/1
    parts/ --detector "knn(5)" --labelled examples/; hourglass score runs/2 readings.csv --plot
    scores.png
    """
    from ..tasks.score import ScoreOptions, in_words, no_verdict
    from ..tasks.score import score as score_samples
    from ..tasks.score_series import StretchOptions
    model = load_run(run, device, doing="scoring")
    series = model.description.kind == "series"
    _check_options(series, any((heatmaps, detector, labelled, normal, masks)), any(
        (plot, windows, causal, label, merge is not None, shortest > 1)))
    if series:
        if shards:
            raise ValueError("the steps of a series make one table; leave --shards out")
        one_process_of("score on a series")
        options = {"threshold": threshold, "causal": causal, "label": label,
                 "stretching": StretchOptions(merge, shortest)}
        _score_series(model, samples, out, (plot, windows), options)
        return
    choice = ScoreOptions(detector, threshold, labelled, normal, masks)
    fitted, verdicts = score_samples(model, samples, choice, out, heatmaps, shards)
    for line in in_words(fitted, verdicts):
        tell(line)
    tell(out)
    if verdicts.unreadable:
        raise ValueError(no_verdict(verdicts))
    _end(bool(verdicts.abnormal.any()))


def _end(abnormal: bool) -> None:
    """End with the exit code for the verdicts."""
    if abnormal and processes() > 1:
        from ..core.console import say
        say("the exit code is 0 although samples are abnormal: torchrun would take 1 for a failure")
    elif abnormal:
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
        tell(line)
    write_scores(scored, out)
    if plot:
        draw_series(scored, plot, spans)
        tell(plot)
    tell(out)
    _end(bool(scored.verdict.any()))
