"""The command `hourglass embed`: latent codes, and images that are alike by them."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .load_run import load_run
from .one_process import one_process_of
from .options import ClassName, Device, Images, Run, Shards


def embed(
    run: Run,
    images: Images,
    nearest: Annotated[Optional[list[str]], typer.Option(  # noqa: UP045
        help="Find the images nearest to this one: a file, or the number of a test sample. "
             "May be given several times.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of nearest images.")] = 10,
    duplicates: Annotated[bool, typer.Option("--duplicates", help="Find images that occur twice, "
                                             "exactly or nearly.")] = False,
    within: Annotated[float, typer.Option(min=0, max=1, help="Images are duplicates if their "
                                          "distance is at most this times that to the tenth "
                                          "nearest image.")] = 0.3,
    kind: ClassName = "",
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="File to write. Codes: .csv, .parquet or .npy, or a folder of .parquet "
                            "shards. --nearest: a picture or .csv. --duplicates: .csv, plus a "
                            "picture.")] = None,
    shards: Shards = 0,
    device: Device = "cpu",
) -> None:
    """Write images' latent codes as a table, or find similar images by their codes.

    Examples: hourglass embed runs/1 photos/ -o codes.parquet; hourglass embed runs/1 photos/
    --nearest query.png -o nearest.png; hourglass embed runs/1 photos/ --duplicates
    """
    if nearest and duplicates:
        raise ValueError("--nearest and --duplicates cannot be combined; pass one of them")
    if shards and (nearest or duplicates):
        raise ValueError("--shards is for codes, not for --nearest and --duplicates")
    other = "finding similar samples" if nearest else "finding duplicates" if duplicates else ""
    model = load_run(run, device, doing=other)
    if nearest or duplicates:
        one_process_of(f"embed --{'nearest' if nearest else 'duplicates'}")
    if nearest:
        from ..tasks.find_similar import search as find_similar
        place = out or Path("nearest.png")
        lines = find_similar(model, images, nearest, n, place, kind)
    elif duplicates:
        from ..tasks.duplicates import duplicates as find_duplicates
        place = out or Path("duplicates.csv")
        lines = find_duplicates(model, images, within, place)
    else:
        from ..tasks.embed import embed_in_words
        place = out or Path("codes" if shards else "codes.csv")
        lines = [embed_in_words(model, images, place, shards)]
    for line in [*lines, place]:
        print(line)
