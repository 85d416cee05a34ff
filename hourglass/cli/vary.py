"""The command `hourglass vary`: an image with more or less of an attribute."""

from pathlib import Path
from typing import Annotated

import typer

from .load_run import load_run
from .options import Blur, ClassName, Device, Run, Sharpen


def vary(
    run: Run,
    image: Annotated[str, typer.Argument(help="An image file, or the number of a test sample.")],
    attribute: Annotated[str, typer.Option(help="Attributes, separated by commas: a class, or "
                                           "brightness, contrast, width, slant, warmth.")] = "",
    having: Annotated[str, typer.Option(help="Folder of images that have an attribute of your "
                                        "own. Needs --lacking.")] = "",
    lacking: Annotated[str, typer.Option(help="Folder of images that lack it.")] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="A .png with strips, or an animation: "
                                      ".gif, .webp or .mp4.")] = Path("vary.png"),
    sharpen: Sharpen = 0, blur: Blur = 0, kind: ClassName = "",
    device: Device = "cpu",
) -> None:
    """Change an attribute of an image, such as its slant, or a smile.

    Examples: hourglass vary runs/1 3 --attribute brightness,slant; hourglass vary runs/1 face.png
    --having smiling/ --lacking serious/ -o smile.gif
    """
    from ..tasks.edit_attribute import chosen_attributes
    from ..tasks.edit_attribute import vary as vary_image
    from ..tasks.finish import Finish
    model = load_run(run, device, doing="varying")
    names = [name.strip() for name in attribute.split(",") if name.strip()]
    attributes = chosen_attributes(model, names, having, lacking, kind)
    vary_image(model, image, attributes, out, kind, Finish(sharpen, blur))
    print(out)
