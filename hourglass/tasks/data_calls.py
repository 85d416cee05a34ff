"""Data sets from Python: inspect them, decode them once into a file, augment them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analysis.figures.canvas import as_png
from ..core.channels import show_channels
from ..core.console import say
from ..core.files import write_out
from ..run.settings import make_settings
from .augment import USUAL
from .augment import augment as write_augmented
from .inspect_data import inspected
from .notebook_objects import inline
from .prepare import prepare as write_prepared
from .python_words import for_python, in_python

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class DataReport:
    """A description of a data set, and for images a contact sheet."""

    lines: list[str]
    figure: "Figure | None"

    def save(self, path: str | Path) -> Path:
        """Write the contact sheet as a .png. Raises ValueError for data without images."""
        if self.figure is None:
            raise ValueError("this data holds no images, so it has no contact sheet")
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise ValueError(f"the contact sheet is a .png file, not {path.name}")
        write_out(path, as_png(self.figure))
        return path

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        from html import escape
        sheet = "" if self.figure is None else inline(as_png(self.figure), "png")
        return f"<pre>{escape(repr(self))}</pre>{sheet}"


@for_python
def show(data: str | Path, **settings: Any) -> DataReport:
    """Look at a data set before training: sizes, classes, value range and possible problems.

    `data` is a source's name or a path. `settings` are those of hg.train that say how data is
    read, such as size=64. Raises ValueError for what cannot be read; hg.read takes arrays.

        >>> import hourglass as hg
        >>> print(hg.show("digits").lines[0])
        digits: 1,797 samples of 1x8x8, uint8 from 0 to 255, mean 77.85
    """
    chosen = make_settings(settings)
    show_channels(chosen.show)
    lines, sheet = inspected(_named(data), chosen.reading())
    return DataReport(list(map(in_python, lines)), sheet)


@for_python
def prepare(data: str | Path, out: str | Path = "prepared.npy", **settings: Any) -> Path:
    """Decode images once, in parallel, into one .npy file. Training on it starts at once.

    An interrupted file is continued. `settings` are those of hg.train that say how data is read.
    Returns the file's path. Raises ValueError.

        >>> import hourglass as hg
        >>> path = hg.prepare("digits", "digits.npy", size=16)
        >>> hg.read(path).images.shape
        (1797, 16, 16, 1)
    """
    collection = write_prepared(_named(data), Path(out), make_settings(settings).reading())
    for note in collection.notes:
        say(note)
    return Path(out)


@for_python
def augment(data: str | Path, out: str | Path = "augmented", n: int = 1000,
            augment: str = USUAL, seed: int = 0, **settings: Any) -> Path:
    """Write `n` augmented images into a new folder, one folder per class.

    `augment` names the changes, as in hg.train; `settings` say how data is read. Returns the
    folder's path. Raises ValueError.

        >>> import hourglass as hg
        >>> folder = hg.augment("digits", "many", n=20, augment="shift(1) + rotate(10)")
        >>> len(list(folder.rglob("*.png")))
        20
    """
    chosen = make_settings({**settings, "augment": str(augment), "seed": seed})
    write_augmented(_named(data), chosen.augment, n, Path(out), chosen.reading(), chosen.seed)
    return Path(out)


def _named(data: Any) -> str:
    if not isinstance(data, str | Path):
        raise ValueError(f"this takes a source's name or a path, not {type(data).__name__}; "
                         f"hg.read takes samples in memory")
    return str(data)
