"""The command `hourglass reconstruct`: images or rows as the model decodes them."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from .load_run import load_run
from .options import Blur, Device, Images, Run, Sharpen


def reconstruct(
    run: Run,
    images: Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the pictures; for a table, a "
                                      ".csv or .parquet file.")] = Path("out"),
    own_size: Annotated[Optional[bool], typer.Option(  # noqa: UP045
        "--own-size/--resize", help="Keep each image's size, or resize it to the training size. "
        "Only models without a dense layer can keep sizes. Default: as in training.",
        show_default=False)] = None,
    sharpen: Sharpen = 0, blur: Blur = 0,
    show: Annotated[str, typer.Option(help="Channels to show in pictures, such as 3,2,1, or all. "
                                      "Default: the run's setting.")] = "",
    device: Device = "cpu",
) -> None:
    """Reconstruct images, or a table's rows, with a trained model and write the results.

    Images become PNGs. Images with more bits or channels than a PNG holds also become TIFFs, in
    the data's units.

    Examples: hourglass reconstruct runs/1 photos/ -o out/; hourglass reconstruct runs/2 rows.csv
    -o reconstructed.csv
    """
    from ..tasks.finish import Finish
    from ..tasks.reconstruct import ReconstructOptions
    from ..tasks.reconstruct import reconstruct as reconstruct_images
    from ..tasks.tables import is_table, reconstruct_table
    model = load_run(run, device)
    if is_table(model):
        if sharpen or blur or own_size:
            raise ValueError("--sharpen, --blur and --own-size are for images, and this model was "
                             "trained on a table")
        print("\n".join(reconstruct_table(model, images, out)))
        return
    found = reconstruct_images(model, images, out, ReconstructOptions(Finish(sharpen, blur),
                                                                      own_size, show))
    after = (f", {found['mse_finished']:.5g} after sharpening and blurring"
             if "mse_finished" in found else "")
    print(f"{found['images']:.0f} images in {out}, mean squared error {found['mse']:.5g}{after}")
