"""Commands that work in the latent space: generate, morph, vary, explore."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .options import Blur, ClassName, Device, Run, Sharpen

latent_commands = typer.Typer()


@latent_commands.command()
def generate(
    run: Run,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of samples.")] = 40,
    kind: Annotated[str, typer.Option("--class", help="Class of the samples; or several, such as "
                                      "0,1,2, with one row each.")] = "",
    prior: Annotated[str, typer.Option(help="Prior to sample codes from: own, per_class, kde, "
                                       "mixture, flow, diffusion, ... (see: hourglass list "
                                       "priors). auto: the run's setting.")] = "auto",
    temperature: Annotated[float, typer.Option(
        min=0, max=100, help="Sampling temperature. Below 1: more typical samples. Above 1: more "
                             "varied.")] = 1,
    radius: Annotated[str, typer.Option(help="Sample codes at these radii instead of from a prior, "
                                        "such as 0.5,1,2,3,5,8.")] = "",
    grid: Annotated[str, typer.Option(help="Decode a square grid of codes instead: 8 for -8 to 8, "
                                      "or such as grid(limit=8, side=30).")] = "",
    sharpen: Sharpen = 0, blur: Blur = 0,
    nearest: Annotated[bool, typer.Option("--nearest", help="Show the nearest training sample "
                                          "below each sample.")] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="A .png for one sheet, a folder for one "
                                      "file per sample, a .npy for an array. For a table: a "
                                      ".csv or .parquet.")] = Path("samples.png"),
    seed: Annotated[int, typer.Option(help="Seed of the samples.")] = 0,
    device: Device = "cpu",
) -> None:
    """Generate new samples from a prior over the latent codes.

    Examples: hourglass generate runs/1; hourglass generate runs/1 --class 7 --prior flow -n 100
    -o sevens/; hourglass generate runs/1 --class 0,1,2; hourglass generate runs/1 --radius
    0.5,1,2,3,5,8
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.finish import Finish
    from ..tasks.generate import GenerateOptions
    from ..tasks.generate import generate as generate_samples
    from ..tasks.grid import draw_grid, read_grid
    from ..tasks.radius_sweep import SweepOptions, sweep
    model = load(run, str(choose_device(device)))
    prior, grid = ("auto", prior) if prior.startswith("grid") else (prior, grid)
    if grid:
        options = replace(read_grid(grid), kind=kind, finish=Finish(sharpen, blur))
        if radius or nearest or prior != "auto":
            raise ValueError("--grid decodes a grid of codes and samples no prior; use only "
                             "--class (conditional models), --sharpen, --blur and -o with it")
        print(draw_grid(model, options, out))
        print(out)
        return
    if radius:
        if nearest or prior != "auto":
            raise ValueError("--radius samples boxes and shells, not a prior; use only --class "
                             "(conditional models), --sharpen, --blur, --seed and -o with it")
        print(sweep(model, _numbers(radius), out, SweepOptions(kind, seed, Finish(sharpen, blur))))
        print(out)
        return
    wish = GenerateOptions(n, kind, prior, temperature, seed, sharpen, nearest, blur)
    for line in generate_samples(model, wish, out):
        print(line)


@latent_commands.command()
def morph(
    run: Run,
    images: Annotated[list[str], typer.Argument(help="Two images or more: files, or numbers of "
                                                "test samples.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .gif, .webp or .mp4 animation, or a "
                                      ".png strip.")] = Path("morph.gif"),
    way: Annotated[str, typer.Option("--interpolation", "--way", help="Interpolation of codes: "
                                     "linear, or spherical (along arcs).")] = "linear",
    frames: Annotated[int, typer.Option(min=1, max=1000, help="Frames from one image to the "
                                        "next.")] = 30,
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

    Examples: hourglass morph runs/1 a.png b.png -o morph.gif; hourglass morph runs/1 3 17 8
    """
    from ..core.device import choose_device
    from ..core.hints import did_you_mean
    from ..inference.trained import load
    from ..tasks.finish import Finish
    from ..tasks.morph import MorphOptions
    from ..tasks.morph import morph as morph_images
    if way not in ("linear", "spherical"):
        raise ValueError(f"no interpolation is named {way!r}; "
                         f"{did_you_mean(way, ['linear', 'spherical'])}")
    model = load(run, str(choose_device(device)))
    manner = MorphOptions(way, frames, hold, rate, loop, Finish(sharpen, blur))  # type: ignore[arg-type]
    count = morph_images(model, images, out, manner, kind)
    print(f"{count} pictures in {out}")


@latent_commands.command()
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
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.edit_attribute import chosen_attributes
    from ..tasks.edit_attribute import vary as vary_image
    from ..tasks.finish import Finish
    model = load(run, str(choose_device(device)))
    names = [name.strip() for name in attribute.split(",") if name.strip()]
    attributes = chosen_attributes(model, names, having, lacking, kind)
    vary_image(model, image, attributes, out, kind, Finish(sharpen, blur))
    print(out)


@latent_commands.command()
def explore(
    run: Run,
    out: Annotated[Path, typer.Option("--out", "-o", help="Page to write, an .html file.")] = Path(
        "explorer.html"),
) -> None:
    """Write an HTML page that decodes a latent code as you drag it. It is one file.

    Example: hourglass explore runs/1 -o explorer.html
    """
    from ..tasks.explore import explore as write_explorer
    count = write_explorer(run, out)
    print(f"{count:,} samples in {out}")


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number < 1e6 for number in numbers):
        raise ValueError(f"--radius takes numbers above 0 and below a million, separated by "
                         f"commas, such as 0.5,1,2, not {text!r}")
    return numbers
