"""The command line's part that works in a trained model's latent space."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .options import Device, Run, Told

latent_commands = typer.Typer()

Sharpen = Annotated[float, typer.Option(min=0, max=100, help="sharpen images: 1 leaves them, 3 is "
                                        "strong; default: as they are")]
Blur = Annotated[float, typer.Option(min=0, max=100, help="blur images by a Gaussian of so many "
                                     "pixels; default: as they are")]


@latent_commands.command()
def generate(
    run: Run,
    n: Annotated[int, typer.Option("-n", min=1, help="how many")] = 40,
    kind: Annotated[str, typer.Option("--class", help="of this class, or of several, such as "
                                      "0,1,2: a row each")] = "",
    prior: Annotated[str, typer.Option(help="where codes are drawn: own, per_class, kde, mixture, "
                                       "flow, diffusion, ... (hourglass list priors)")] = "auto",
    temperature: Annotated[float, typer.Option(
        min=0, max=100, help="below 1 likelier, above 1 odder")] = 1,
    radius: Annotated[str, typer.Option(help="sweep these radii instead, such as "
                                        "0.5,1,2,3,5,8")] = "",
    grid: Annotated[str, typer.Option(help="decode a square of codes instead, from -8 to 8 as in "
                                      "8, or such as grid(limit=8, side=30)")] = "",
    sharpen: Sharpen = 0, blur: Blur = 0,
    nearest: Annotated[bool, typer.Option("--nearest", help="with the nearest training sample "
                                          "below each")] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="a .png file for a sheet, a folder for a "
                                      "file each, a .npy for an array; of a table, a .csv or "
                                      ".parquet")] = Path("samples.png"),
    seed: Annotated[int, typer.Option(help="other seeds, other samples")] = 0,
    device: Device = "cpu",
) -> None:
    """Draw new samples from a prior over a model's codes.

    Examples: hourglass generate runs/1; hourglass generate runs/1 --class 7 --prior flow -n 100
    -o sevens/; hourglass generate runs/1 --class 0,1,2; hourglass generate runs/1 --radius
    0.5,1,2,3,5,8
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.finish import Finish
    from ..tasks.generate import Wish
    from ..tasks.generate import generate as draw
    from ..tasks.grid import draw_grid, read_grid
    from ..tasks.radius_sweep import Draw, sweep
    model = load(run, str(choose_device(device)))
    prior, grid = ("auto", prior) if prior.startswith("grid") else (prior, grid)
    if grid:
        wanted = replace(read_grid(grid), kind=kind, finish=Finish(sharpen, blur))
        if radius or nearest or prior != "auto":
            raise ValueError("--grid decodes a square of codes, not draws from a prior; with it go "
                             "--class (of conditional models), --sharpen, --blur and -o")
        print(draw_grid(model, wanted, out))
        print(out)
        return
    if radius:
        if nearest or prior != "auto":
            raise ValueError("--radius draws boxes and shells, not from a prior; with it go "
                             "--class (of conditional models), --sharpen, --blur, --seed and -o")
        print(sweep(model, _numbers(radius), out, Draw(kind, seed, Finish(sharpen, blur))))
        print(out)
        return
    wish = Wish(n, kind, prior, temperature, seed, sharpen, nearest, blur)
    for line in draw(model, wish, out):
        print(line)


@latent_commands.command()
def morph(
    run: Run,
    images: Annotated[list[str], typer.Argument(help="files, or numbers of unseen samples, to go "
                                                "through")],
    out: Annotated[Path, typer.Option("--out", "-o", help="a .gif, .webp or .mp4, or a .png for a "
                                      "strip")] = Path("morph.gif"),
    way: Annotated[str, typer.Option(help="linear, or spherical: along arcs")] = "linear",
    frames: Annotated[int, typer.Option(min=1, max=1000, help="from image to image")] = 30,
    hold: Annotated[int, typer.Option(min=0, max=1000, help="frames that an image stays")] = 10,
    rate: Annotated[int, typer.Option(min=1, max=50, help="frames a second")] = 25,
    loop: Annotated[bool, typer.Option(help="go back to the first, for ever")] = True,
    sharpen: Sharpen = 0, blur: Blur = 0, kind: Told = "",
    device: Device = "cpu",
) -> None:
    """Morph one image into another, and on to others.

    Examples: hourglass morph runs/1 a.png b.png -o morph.gif; hourglass morph runs/1 3 17 8
    """
    from ..core.device import choose_device
    from ..core.hints import did_you_mean
    from ..inference.trained import load
    from ..tasks.finish import Finish
    from ..tasks.morph import Manner
    from ..tasks.morph import morph as go
    if way not in ("linear", "spherical"):
        raise ValueError(f"no way is named {way!r}; {did_you_mean(way, ['linear', 'spherical'])}")
    model = load(run, str(choose_device(device)))
    manner = Manner(way, frames, hold, rate, loop, Finish(sharpen, blur))  # type: ignore[arg-type]
    count = go(model, images, out, manner, kind)
    print(f"{count} pictures in {out}")


@latent_commands.command()
def vary(
    run: Run,
    image: Annotated[str, typer.Argument(help="a file, or the number of an unseen sample")],
    attribute: Annotated[str, typer.Option(help="classes, or brightness, contrast, width, slant, "
                                           "warmth; several with commas")] = "",
    having: Annotated[str, typer.Option(help="a folder of images that have an attribute")] = "",
    lacking: Annotated[str, typer.Option(help="a folder of such that lack it")] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="a .png for strips, or an "
                                      "animation")] = Path("vary.png"),
    sharpen: Sharpen = 0, blur: Blur = 0, kind: Told = "",
    device: Device = "cpu",
) -> None:
    """Change an image along an attribute: thicker, wider, more of a class, smiling.

    Examples: hourglass vary runs/1 3 --attribute brightness,slant; hourglass vary runs/1 face.png
    --having smiling/ --lacking serious/ -o smile.gif
    """
    from ..core.device import choose_device
    from ..inference.trained import load
    from ..tasks.edit_attribute import chosen_attributes
    from ..tasks.edit_attribute import vary as along
    from ..tasks.finish import Finish
    model = load(run, str(choose_device(device)))
    names = [name.strip() for name in attribute.split(",") if name.strip()]
    attributes = chosen_attributes(model, names, having, lacking, kind)
    along(model, image, attributes, out, kind, Finish(sharpen, blur))
    print(out)


@latent_commands.command()
def explore(
    run: Run,
    out: Annotated[Path, typer.Option("--out", "-o", help="the page, an .html file")] = Path(
        "explorer.html"),
) -> None:
    """Write a page in which codes are dragged about and decoded; one file, opens anywhere.

    Example: hourglass explore runs/1 -o explorer.html
    """
    from ..tasks.explore import explore as write
    count = write(run, out)
    print(f"{count:,} samples in {out}")


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number < 1e6 for number in numbers):
        raise ValueError(f"--radius takes numbers above 0, below a million, with commas, such as "
                         f"0.5,1,2, not {text!r}")
    return numbers
