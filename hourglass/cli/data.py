"""The commands `hourglass data`: prepare, augment and show data sets."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.console import say, tell
from ..core.files import check_folder
from ..run.settings import READING, make_settings
from .options import Source
from .repeated_options import CommandThatSaysRepeats
from .settings_flags import takes_settings

data_commands = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="Prepare, augment and show data. Start with: hourglass data show photos/")


@data_commands.command(cls=CommandThatSaysRepeats)
@takes_settings(READING)
def prepare(
    source: Source,
    out: Annotated[Path, typer.Option("--out", "-o", help="A .npy file.")] = Path("prepared.npy"),
    settings: Any = None,
) -> None:
    """Decode images once, in parallel, into one file. Training then starts at once.

    Example: hourglass data prepare photos/ --size 96 -o photos.npy; hourglass train photos.npy
    """
    from ..tasks.prepare import prepare as prepare_data
    try:
        collection = prepare_data(source, out, make_settings(settings).reading())
    except KeyboardInterrupt:
        say("interrupted; decoded images are kept. To continue, give the same command again")
        raise
    for note in collection.notes:
        tell(note)
    tell(f"{len(collection.x):,} images of {'x'.join(map(str, collection.shape))} in {out}, "
         f"{collection.x.nbytes / 2**20:,.0f} MiB")


@data_commands.command(cls=CommandThatSaysRepeats)
@takes_settings((*READING, "augment", "seed"))
def augment(
    source: Source,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of images to write.")] = 1000,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the "
                                      "images.")] = Path("augmented"),
    settings: Any = None,
) -> None:
    """Write augmented images to disk, one folder per class.

    Without --augment, images are shifted, rotated and zoomed a little: shift(2) + rotate(10) +
    zoom(0.1).

    Example: hourglass data augment glyphs/ -n 10000 --augment "rotate(10) + zoom(0.1)" -o more/
    """
    from ..tasks.augment import USUAL
    from ..tasks.augment import augment as augment_data
    check_folder(out)
    chosen = make_settings({"augment": USUAL, **settings})
    count = augment_data(source, chosen.augment, n, out, chosen.reading(), chosen.seed)
    tell(f"{count:,} images in {out}, by {chosen.augment}")


@data_commands.command(cls=CommandThatSaysRepeats)
@takes_settings((*READING, "show"))
def show(
    source: Source,
    out: Annotated[Path, typer.Option("--out", "-o", help="A .png file.")] = Path("sheet.png"),
    settings: Any = None,
) -> None:
    """Draw a contact sheet; print sizes, classes, the value range and possible problems.

    Example: hourglass data show photos/ -o sheet.png
    """
    from ..core.channels import show_channels
    from ..tasks.inspect_data import look
    chosen = make_settings(settings)
    show_channels(chosen.show)
    for line in look(source, out, chosen.reading()):
        tell(line)
