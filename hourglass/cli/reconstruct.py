"""The command `hourglass reconstruct`: images, rows or a series as the model decodes them."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..core.console import tell
from ..core.files import check_folder
from .load_run import load_run
from .one_process import one_process_of
from .options import Blur, Device, Images, Run, Shards, Sharpen


def reconstruct(
    run: Run,
    images: Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results. For a table or "
                                      "series also a .csv or .parquet file; for vectors or windows "
                                      "a .npy file; for lines of text a .csv or "
                                      ".txt.")] = Path("out"),
    own_size: Annotated[Optional[bool], typer.Option(  # noqa: UP045
        "--own-size/--resize", help="Keep each image's size, or resize it to the training size. "
        "Only models without a dense layer can keep sizes. Default: as in training.",
        show_default=False)] = None,
    sharpen: Sharpen = 0, blur: Blur = 0,
    show: Annotated[str, typer.Option(help="Channels to show in pictures, such as 3,2,1, or all. "
                                      "Default: the run's setting.")] = "",
    shards: Shards = 0,
    device: Device = "cpu",
) -> None:
    """Reconstruct images, a table's rows or a series with a trained model and write the results.

    Images become PNGs. Images with more bits or channels than a PNG holds also become TIFFs, in
    the data's units. A series becomes a table with its times, and a picture next to it.

    Lines of text become a table of lines and reconstructions.

    Examples: hourglass reconstruct runs/1 photos/ -o out/; hourglass reconstruct runs/2 rows.csv
    -o reconstructed.csv
    """
    from ..tasks.reconstruct import ReconstructOptions
    from ..tasks.reconstruct import reconstruct as reconstruct_images
    from ..tasks.reconstruct_series import reconstruct_series
    from ..tasks.sharpen_and_blur import Finish
    from ..tasks.tables import is_table, reconstruct_table
    from ..tasks.write_lines import reconstruct_lines
    model = load_run(run, device, doing="reconstructing")
    if len(model.shape) != 3:
        if sharpen or blur or own_size or show:
            raise ValueError(f"--sharpen, --blur, --own-size and --show are for images, and this "
                             f"model was trained on {model.description.kind_in_words}")
        if shards:
            raise ValueError("--shards is for images; rows and series make one table")
        one_process_of("reconstruct on rows and series")
        if model.description.kind == "lines":
            place = out if out.suffix else out.with_suffix(".csv")
            tell("\n".join(reconstruct_lines(model, images, place)))
            return
        write = reconstruct_table if is_table(model) else reconstruct_series
        tell("\n".join(write(model, images, out)))
        return
    check_folder(out)
    options = ReconstructOptions(Finish(sharpen, blur), own_size, show)
    summary = reconstruct_images(model, images, out, options, shards)
    after = (f", {summary['mse_finished']:.5g} after sharpening and blurring"
             if "mse_finished" in summary else "")
    tell(f"{summary['images']:,.0f} images in {out}, mean squared error "
         f"{summary['mse']:.5g}{after}")
