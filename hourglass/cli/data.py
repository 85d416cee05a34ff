"""The commands `hourglass data`: prepare, augment and show data sets."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.console import say
from ..run.settings import READING, make_settings
from .settings_flags import takes_settings

data_commands = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="Prepare, augment and look at data. Start with: hourglass data show photos/")

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="as train takes it: mnist, a folder, "
                                       "an archive, a .npy or .npz")]


@data_commands.command()
@takes_settings(READING)
def prepare(
    source: Source,
    out: Annotated[Path, typer.Option("--out", "-o", help="a .npy file")] = Path("prepared.npy"),
    settings: Any = None,
) -> None:
    """Decode images once, in parallel, into a file that trains at once, however large it is.

    Example: hourglass data prepare photos/ --size 96 -o photos.npy; hourglass train photos.npy
    """
    from ..tasks.prepare import prepare as decode
    try:
        found = decode(source, out, make_settings(settings).reading())
    except KeyboardInterrupt:
        say("what was decoded is kept: give the command again to go on")
        raise
    for note in found.notes:
        print(note)
    print(f"{len(found.x):,} images of {'x'.join(map(str, found.shape))} in {out}, "
          f"{found.x.nbytes / 2**20:,.0f} MiB")


@data_commands.command()
@takes_settings((*READING, "augment", "seed"))
def augment(
    source: Source,
    n: Annotated[int, typer.Option("-n", min=1, help="how many images to write")] = 1000,
    out: Annotated[Path, typer.Option("--out", "-o", help="a folder")] = Path("augmented"),
    settings: Any = None,
) -> None:
    """Write augmented images to disk, a folder for each class; without --augment, they are moved,
    turned and sized a little: shift(2) + rotate(10) + zoom(0.1).

    Example: hourglass data augment glyphs/ -n 10000 --augment "rotate(10) + zoom(0.1)" -o more/
    """
    from ..tasks.augment import augment as vary
    chosen = make_settings({"augment": USUAL, **settings})
    count = vary(source, chosen.augment, n, out, chosen.reading(), chosen.seed)
    print(f"{count:,} images in {out}, by {chosen.augment}")


USUAL = "shift(2) + rotate(10) + zoom(0.1)"


@data_commands.command()
@takes_settings((*READING, "show"))
def show(
    source: Source,
    out: Annotated[Path, typer.Option("--out", "-o", help="a .png file")] = Path("sheet.png"),
    settings: Any = None,
) -> None:
    """Draw a contact sheet, and tell sizes, classes, range, and what may be wrong.

    Example: hourglass data show photos/ -o sheet.png
    """
    from ..core.channels import show_channels
    from ..tasks.inspect_data import look
    chosen = make_settings(settings)
    show_channels(chosen.show)
    for line in look(source, out, chosen.reading()):
        print(line)
