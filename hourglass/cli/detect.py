"""The command `hourglass detect`: abnormal images, found without training a model."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..core.console import tell
from ..core.exit_codes import ABNORMAL
from .options import Device

SCORES = Path("scores.csv")


def detect(
    good: Annotated[str, typer.Argument(metavar="GOOD", help="Normal images: a folder or an "
                                        "archive; or a detector that --save wrote.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Images to look at: a folder, an "
                                       "archive or a file. Default: the folder test of GOOD.",
                                       show_default=False)] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="A .csv or .json.")] = SCORES,
    heatmaps: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="Folder for one image per file that shows where it is unusual.")] = None,
    detector: Annotated[str, typer.Option(help="Detector: patch_knn, patch_gaussian, "
                                          "feature_autoencoder or feature_knn, with options "
                                          "such as \"patch_knn(size=448)\". Default: "
                                          "patch_knn.")] = "",
    threshold: Annotated[str, typer.Option(help="Threshold: quantile(0.99), contamination(0.1), "
                                           "... Default: quantile(0.99).")] = "",
    normal: Annotated[str, typer.Option(help="Normal classes of NEW, such as good,fine. Default: "
                                        "good and normal.")] = "",
    masks: Annotated[str, typer.Option(help="Folder or archive of defect masks with the names of "
                                       "NEW, to measure the pixels' scores. Default: files such as "
                                       "ground_truth/ or a_mask.png in or next to NEW.")] = "",
    update: Annotated[str, typer.Option(help="More normal images, a folder or an archive, to "
                                        "add to the saved detector GOOD. Its earlier images are "
                                        "not needed.")] = "",
    save: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="A .safetensors file to keep the detector in, to be given as GOOD later.")] = None,
    page: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="An .html to write too: scores with a threshold to move, figures by class, and the "
             "twenty most abnormal images. It needs no network.")] = None,
    device: Device = "cpu",
) -> None:
    """Find abnormal images without training a model: patches of NEW are compared with those of
    GOOD, in features learnt on photographs. Every fifth image of GOOD sets the threshold.

    Exit code: 0 if all images are normal, 1 if one is abnormal, 2 for a wrong argument or a file
    that cannot be read. The features need: pip install 'hourglass[features]'.

    Examples: hourglass detect good/ new/ -o scores.csv --heatmaps maps/; hourglass detect good/
    new/ --save detector.safetensors; hourglass detect detector.safetensors line7/ --page
    line7.html; hourglass detect detector.safetensors --update more/ --save detector.safetensors
    """
    from ..tasks.detect import DetectOptions, detected, update_saved
    from ..tasks.score import in_words, no_verdict
    if update and not new:
        idle = {"-o": out != SCORES, "--heatmaps": heatmaps, "--page": page, "--normal": normal,
                "--masks": masks}
        if flag := next((flag for flag, value in idle.items() if value), ""):
            raise ValueError(f"{flag} needs images to look at; give them after {good}, or leave "
                             f"{flag} out")
        own = update_saved(good, DetectOptions(detector, threshold, device=device, update=update),
                           save)
        print(f"{own.text} above {own.threshold:.5g}, {own.threshold_text}\n{save}")
        return
    options = DetectOptions(detector, threshold, normal, masks, device, update, page)
    detection = detected(good, new, options, out, heatmaps, save)
    for line in [*in_words(detection.detector, detection.verdicts),
                 *filter(None, [save, page]), out]:
        tell(line)
    if detection.verdicts.unreadable:
        raise ValueError(no_verdict(detection.verdicts))
    if detection.abnormal.any():
        raise typer.Exit(ABNORMAL)
