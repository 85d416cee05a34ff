"""The command `hourglass embed`: latent codes, and images that are alike by them."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..core.console import tell
from .load_run import load_run
from .one_process import one_process_of
from .options import ClassName, Device, Shards


def embed(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/1. With "
                                        "--features, the images.")],
    images: Annotated[str, typer.Argument(
        help="A folder of images, an archive, an array, a table, or the name of a source.",
        show_default=False)] = "",
    nearest: Annotated[Optional[list[str]], typer.Option(  # noqa: UP045
        help="Find the samples nearest to this one: a file, a line of text, or the number of a "
             "test sample. May be given several times.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of nearest images.")] = 10,
    duplicates: Annotated[bool, typer.Option("--duplicates", help="Find images that occur twice, "
                                             "exactly or nearly.")] = False,
    within: Annotated[float, typer.Option(min=0, max=1, help="Images are duplicates if their "
                                          "distance is at most this times that to the tenth "
                                          "nearest image.")] = 0.3,
    kind: ClassName = "",
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="File to write. Codes: .csv, .parquet or .npy, or a folder of .parquet "
                            "shards. --nearest: .csv, or a picture of images. --duplicates: .csv, "
                            "plus a picture.")] = None,
    shards: Shards = 0,
    features: Annotated[str, typer.Option(help="Use the vectors of this feature extractor instead "
                                          "of a model's codes, such as efficientnet_lite0. It "
                                          "needs no run.")] = "",
    device: Device = "cpu",
) -> None:
    """Write images' latent codes as a table, or find similar images by their codes.

    Examples: hourglass embed runs/1 photos/ -o codes.parquet; hourglass embed runs/1 photos/
    --nearest query.png -o nearest.png; hourglass embed runs/1 photos/ --duplicates; hourglass embed
    photos/ --features efficientnet_lite0
    """
    if nearest and duplicates:
        raise ValueError("--nearest and --duplicates cannot be combined; pass one of them")
    if shards and (nearest or duplicates):
        raise ValueError("--shards is for codes, not for --nearest and --duplicates")
    if features:
        _embed_by(features, (str(run), images, kind, shards), nearest, n, (duplicates, within), out,
                  device)
        return
    if not images:
        raise ValueError("give the images too: hourglass embed RUN IMAGES")
    other = "finding similar samples" if nearest else "finding duplicates" if duplicates else ""
    model = load_run(run, device, doing=other)
    if nearest or duplicates:
        one_process_of(f"embed --{'nearest' if nearest else 'duplicates'}")
    if nearest:
        from ..tasks.find_similar import search as find_similar
        lines, place = find_similar(model, images, nearest, n, out, kind)
    elif duplicates:
        from ..tasks.duplicates import duplicates as find_duplicates
        place = out or Path("duplicates.csv")
        lines = find_duplicates(model, images, within, place)
    else:
        from ..tasks.embed import embed_in_words
        place = out or Path("codes" if shards else "codes.csv")
        lines = [embed_in_words(model, images, place, shards)]
    for line in [*lines, place]:
        tell(line)


def _embed_by(
    features: str, arguments: tuple[str, str, str, int],
    nearest: Optional[list[str]], n: int, doubles: tuple[bool, float],  # noqa: UP045
    out: Optional[Path], device: str,  # noqa: UP045
) -> None:
    """The same by the vectors of a feature extractor."""
    place, more, kind, shards = arguments
    if more or kind or shards:
        raise ValueError("--features takes the images alone, without a run, --class and --shards: "
                         "hourglass embed photos/ --features efficientnet_lite0")
    from ..tasks.embed_features import duplicates_by, embed_by, nearest_by
    duplicates, within = doubles
    if nearest:
        out = out or Path("nearest.png")
        lines = nearest_by(features, place, nearest, n, out, device)
    elif duplicates:
        out = out or Path("duplicates.csv")
        lines = duplicates_by(features, place, within, out, device)
    else:
        out = out or Path("codes.csv")
        lines = embed_by(features, place, out, device)
    for line in [*lines, out]:
        tell(line)
