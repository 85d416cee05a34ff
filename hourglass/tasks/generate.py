"""New samples from a prior, decoded, written as a sheet, as files or as an array."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..analysis.figures.canvas import contact_sheet
from ..core.console import say, track
from ..core.files import check_empty
from ..core.image_grid import shown
from ..core.output_names import folder_name
from ..data.windows import in_own_units
from ..inference.trained import Trained
from .finish import Finish, finished
from .nearest_training import nearest
from .tables import SUFFIXES as TABLES
from .tables import drawn_rows, is_table, save_table
from .write_images import (
    SUFFIXES,
    as_picture,
    as_sheet,
    enlarged,
    save_array,
    save_figure,
    save_picture,
)

MOST = 40     # classes that have a row each
LEAST = 2     # samples in such a row
PAIRED = 10   # columns of one with the nearest training samples


@dataclass(frozen=True)
class GenerateOptions:
    """What to generate."""

    n: int = 40
    kind: str = ""              # its name, or several names with commas
    prior: str = "auto"
    temperature: float = 1.0
    seed: int = 0
    sharpen: float = 0.0        # 1 changes nothing
    nearest: bool = False       # show the nearest training sample below each
    blur: float = 0.0           # pixels of a Gaussian

    @property
    def finish(self) -> Finish:
        """How the decoded images are sharpened and blurred."""
        return Finish(self.sharpen, self.blur)


def generate(model: Trained, wish: GenerateOptions, out: Path) -> list[str]:
    """Write samples into a picture, a .npy or a folder. Returns lines to print.

    Raises ValueError for an unknown class or prior.
    """
    classes = _check(model, wish, out)
    prior = choose_prior(model, wish.kind) if wish.prior == "auto" else wish.prior
    rows = classes or (_rows_of_classes(model, wish, prior) if out.suffix in SUFFIXES else [])
    names = [name for i, name in enumerate(rows)
             for _ in range(wish.n // len(rows) + (i < wish.n % len(rows)))]
    x, _, kinds = model.draw(wish.n, names or None, wish.seed, prior, wish.temperature)
    x = finished(x, wish.finish)
    lines = [f"{len(x)} samples of the prior {prior} in {out}"]
    if wish.nearest:
        found = nearest(model.source(), x)
        lines.append(found.words)
        _write_pairs(x, found.x, out)
    elif out.suffix == ".npy":
        save_array(out, in_own_units(model.description.encoding, x))
        lines += ["these are scaled, as the model sees rows; -o samples.csv writes them in the "
                  "table's own units"] * is_table(model)
    elif out.suffix.lower() in TABLES:
        drawn = names or [model.classes[kind] for kind in kinds]
        save_table(out, drawn_rows(model, x, drawn))
    elif out.suffix:
        _write_sheet(x, names if len(rows) > 1 else [], out)
    else:
        _write_files(x, [model.classes[kind] for kind in kinds] if len(classes) != 1 else [], out)
    return lines


def _rows_of_classes(model: Trained, wish: GenerateOptions, prior: str) -> list[str]:
    """The classes that get a row each on a sheet, by default: all of them, if the model or the
    prior knows classes and each row would have at least two samples."""
    told = model.model.condition is not None
    known = told or (prior != "own" and model.prior(prior).groups > 1)
    fit = 2 <= len(model.classes) <= min(MOST, wish.n // LEAST)
    return list(model.classes) if known and fit and not wish.nearest else []


def choose_prior(model: Trained, kind: str) -> str:
    """The default prior. A note says why, if it is not the model's own."""
    chosen = model.usual_prior(bool(kind))
    if chosen != "own":
        why = "the run's settings name it" if chosen == model.description.parts.prior else (
            "the model's own prior has no classes" if model.model.bottleneck.confined else
            "the model has no prior of its own")
        say(f"samples come from the prior {chosen}, which was fitted to the codes, because {why}; "
            f"choose another with --prior")
    return chosen


def _check(model: Trained, wish: GenerateOptions, out: Path) -> list[str]:
    """The names of the chosen classes. Raises ValueError for what cannot be generated."""
    if is_table(model) and out.suffix.lower() not in (*TABLES, ".npy"):
        raise ValueError("this model was trained on a table: write its rows into one, as in "
                         "-o samples.csv")
    if (wish.sharpen or wish.blur) and len(model.shape) != 3:
        raise ValueError("--sharpen and --blur are for images")
    if out.suffix.lower() in TABLES and not is_table(model):
        raise ValueError(f"{out} is for rows of a table, and this model was trained on none")
    if out.suffix and out.suffix.lower() not in (*SUFFIXES, *TABLES, ".npy"):
        raise ValueError(f"{out} is neither a picture ({', '.join(SUFFIXES)}), an array (.npy) nor "
                         f"a folder's name")
    if wish.nearest and out.suffix.lower() not in SUFFIXES:
        raise ValueError(f"--nearest makes one picture; end -o in one of {', '.join(SUFFIXES)}")
    if len(model.shape) != 3 and out.suffix != ".npy" and not is_table(model):
        raise ValueError("this model was trained on vectors or series, which make no pictures; "
                         "write them into an array, as in -o samples.npy")
    if wish.kind and not model.classes:
        raise ValueError("the data of this model had no classes, so it has none to draw")
    if not out.suffix:
        check_empty(out)
    if not wish.kind:
        return []
    named = [wish.kind] if wish.kind in model.classes else [
        name for part in wish.kind.split(",") if (name := part.strip())]
    model.number(named, len(named))   # refused before anything is fitted
    if len(named) > wish.n:
        raise ValueError(f"{len(named)} classes need as many samples or more; give -n {len(named)}")
    return list(dict.fromkeys(named))


def _write_sheet(x: np.ndarray, names: list[str], out: Path) -> None:
    """Write one picture of samples. If they have names of classes, each class gets a row."""
    if not names:
        save_picture(out, enlarged(as_sheet(x), x.shape[1:3]))
        return
    kinds = list(dict.fromkeys(names))
    groups = [shown(x[[name == kind for name in names]]) for kind in kinds]
    wide = max(map(len, groups))
    rows = [np.pad(row, ((0, wide - len(row)), (0, 0), (0, 0), (0, 0)), constant_values=1)
            for row in groups]
    save_figure(out, contact_sheet(rows, kinds, 0.6, 40))


def _write_files(x: np.ndarray, kinds: list[str], out: Path) -> None:
    for i, image in track(enumerate(x), len(x), "writing images"):
        folder = out / folder_name(kinds[i]) if kinds else out
        save_picture(folder / f"{i:05}.png", as_picture(image))


def _write_pairs(x: np.ndarray, near: np.ndarray, out: Path) -> None:
    """Write samples in rows, with the nearest training samples below each row."""
    columns = min(len(x), PAIRED)
    starts = range(0, len(x) - len(x) % columns, columns)
    rows = [shown(part[start:start + columns]) for start in starts for part in (x, near)]
    figure = contact_sheet(rows, ["drawn", "nearest"] * len(starts), 0.6, 40)
    save_figure(out, figure)
