"""The command `hourglass morph`: one image becomes another."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..core.console import tell
from .load_run import load_run
from .options import Blur, ClassName, Device, Run, Sharpen

MORPH, FRAMES = Path("morph.gif"), 30


def morph(
    run: Run,
    images: Annotated[list[str], typer.Argument(help="Two images or more: files, or numbers of "
                                                "test samples. Lines of text: the lines "
                                                "themselves.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .gif, .webp or .mp4 animation, or a "
                                      ".png strip. Lines of text: a .txt or .csv; they are "
                                      "printed, too. Molecules: also a .png or .svg.")] = MORPH,
    way: Annotated[str, typer.Option("--interpolation", "--way", help="Interpolation of codes: "
                                     "linear, or spherical (along arcs).")] = "linear",
    frames: Annotated[Optional[int], typer.Option(  # noqa: UP045
        min=1, max=1000, help="Frames from one image to the next. Default: 30; of lines of text "
                              "8.", show_default=False)] = None,
    hold: Annotated[int, typer.Option(min=0, max=1000, help="Frames that each image is "
                                      "held.")] = 10,
    rate: Annotated[int, typer.Option("--fps", "--rate", min=1, max=50,
                                      help="Frames per second.")] = 25,
    loop: Annotated[bool, typer.Option(help="Return to the first image, in an endless "
                                       "loop.")] = True,
    sharpen: Sharpen = 0, blur: Blur = 0, kind: ClassName = "",
    device: Device = "cpu",
) -> None:
    """Morph one image into another, through their latent codes.

    Examples: hourglass morph runs/1 a.png b.png -o morph.gif; hourglass morph runs/1 3 17 8;
    hourglass morph runs/2 "first line" "second line"
    """
    from ..core.hints import did_you_mean
    from ..tasks.morph import MorphOptions
    from ..tasks.morph import morph as morph_images
    from ..tasks.sharpen_and_blur import Finish
    from ..tasks.write_lines import STEPS, morph_lines
    if way not in ("linear", "spherical"):
        raise ValueError(f"no interpolation is named {way!r}; "
                         f"{did_you_mean(way, ['linear', 'spherical'])}")
    model = load_run(run, device, doing="morphing")
    if model.description.kind == "lines":
        if sharpen or blur:
            raise ValueError("--sharpen and --blur are for images; leave them out")
        steps = STEPS if frames is None else frames
        for line in morph_lines(model, images, steps, way,  # type: ignore[arg-type]
                                kind, None if out == MORPH else out):
            tell(line)
        return
    frames = FRAMES if frames is None else frames
    manner = MorphOptions(way, frames, hold, rate, loop, Finish(sharpen, blur))  # type: ignore[arg-type]
    count = morph_images(model, images, out, manner, kind)
    tell(f"{count} pictures in {out}")
