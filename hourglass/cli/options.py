"""The types of the command line's arguments and options, for all commands."""

from pathlib import Path
from typing import Annotated, Optional

import typer

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as runs/1.")]
Data = Annotated[str, typer.Argument(
    help="Name of a source, such as digits or mnist (see: hourglass list sources); or a folder, "
         "an archive, an image, a table, a .npy or .npz. Default: digits.", show_default=False)]
Source = Annotated[str, typer.Argument(
    metavar="SOURCE", help="Name of a source, such as mnist; or a folder, an archive, a .npy or "
    ".npz.")]
Images = Annotated[str, typer.Argument(
    help="A folder of images, an archive, an array, a table, or the name of a source.")]
Recipe = Annotated[str, typer.Option(help="Recipe with settings: its name (see: hourglass list "
                                     "recipes) or a TOML file.")]
Out = Annotated[Optional[Path], typer.Option(  # noqa: UP045
    "--out", "-o", help="Folder for the run. Default: the next number under runs/.")]
Device = Annotated[str, typer.Option(help="Device: auto, cpu, cuda, cuda:1 or mps.")]
ClassName = Annotated[str, typer.Option("--class", help="Class that a conditional model "
                                        "gets as an input. It selects no samples.")]
Sharpen = Annotated[float, typer.Option(min=0, max=100, help="Sharpen the images by this factor: "
                                        "1 changes nothing, 3 is strong. Default: off.",
                                        show_default=False)]
Blur = Annotated[float, typer.Option(min=0, max=100, help="Blur the images with a Gaussian of this "
                                     "many pixels. Default: off.", show_default=False)]
Shards = Annotated[int, typer.Option(
    "--shards", min=0, help="Write this many files and a manifest.json into the folder -o. The "
    "same command continues if it was stopped. Default: no shards.", show_default=False)]
