"""New samples: drawn from a prior, decoded, as a sheet, as files or as an array."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ImageEnhance

from ..console import say, track
from ..data.windows import in_own_units
from ..disk import check_empty
from ..figures.canvas import contact_sheet, shown
from ..trained import Trained
from .nearest import nearest
from .pictures import (
    SUFFIXES,
    as_picture,
    as_sheet,
    enlarged,
    save_array,
    save_figure,
    save_picture,
)
from .tables import SUFFIXES as TABLES
from .tables import drawn_rows, is_table, save_table

WIDEST = 20   # columns of a sheet with a class a column
PAIRED = 10   # columns of one with the nearest training samples


@dataclass(frozen=True)
class Wish:
    """What to draw."""

    n: int = 40
    kind: str = ""              # of which class
    prior: str = "auto"
    temperature: float = 1.0
    seed: int = 0
    sharpen: float = 0.0        # 1 leaves an image as it is
    nearest: bool = False       # with the nearest training sample beside each


def generate(model: Trained, wish: Wish, out: Path) -> list[str]:
    """Draw what is wished for into a picture, a .npy or a folder; returns what to say of it.

    Raises ValueError for a class or a prior that there is not.
    """
    _check(model, wish, out)
    prior = choose_prior(model, wish.kind) if wish.prior == "auto" else wish.prior
    x, _, kinds = model.draw(wish.n, wish.kind or None, wish.seed, prior, wish.temperature)
    x = sharpened(x, wish.sharpen) if wish.sharpen else x
    lines = [f"{len(x)} samples of the prior {prior} in {out}"]
    if wish.nearest:
        found = nearest(model.source(), x)
        lines.append(found.words)
        _write_pairs(x, found.x, out)
    elif out.suffix == ".npy":
        save_array(out, in_own_units(model.about.get("encoding"), x))
        lines += ["these are scaled, as the model sees rows; -o samples.csv writes them in the "
                  "table's own units"] * is_table(model)
    elif out.suffix.lower() in TABLES:
        names = [wish.kind] * len(x) if wish.kind else [model.classes[kind] for kind in kinds]
        save_table(out, drawn_rows(model, x, names))
    elif out.suffix:
        told = not wish.kind and model.model.condition is not None
        columns = len(model.classes) if told and len(model.classes) <= WIDEST else 0
        save_picture(out, enlarged(as_sheet(x, columns), x.shape[1:3]))
    else:
        _write_files(x, [model.classes[kind] for kind in kinds] if not wish.kind else [], out)
    return lines


def choose_prior(model: Trained, kind: str) -> str:
    """The usual one; says why, where that is not the model's own."""
    chosen = model.usual_prior(bool(kind))
    if chosen != "own":
        why = "which is usual for this model" if chosen == model.about["parts"].get("prior") else (
            "for its own knows no classes" if model.model.bottleneck.confined else
            "for this model has none of its own")
        say(f"drawing from the prior {chosen}, fitted to the codes, {why}; see --prior")
    return chosen


def _check(model: Trained, wish: Wish, out: Path) -> None:
    if is_table(model) and out.suffix.lower() not in (*TABLES, ".npy"):
        raise ValueError("this model was trained on a table: write its rows into one, as in "
                         "-o samples.csv")
    if wish.sharpen and len(model.shape) != 3:
        raise ValueError("--sharpen is for images")
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
    if wish.kind:
        model.number(wish.kind, 1)   # refused before anything is fitted
    if not out.suffix:
        check_empty(out)


def sharpened(x: np.ndarray, factor: float) -> np.ndarray:
    """Images (N, H, W, C) sharpened as Pillow does: 0 blurs, 1 leaves them, 3 is strong."""
    each = [np.asarray(ImageEnhance.Sharpness(as_picture(image)).enhance(factor)) for image in x]
    again = np.stack(each).astype(np.float32) / 255
    return again.reshape(*again.shape[:3], -1)


def _write_files(x: np.ndarray, kinds: list[str], out: Path) -> None:
    for i, image in track(enumerate(x), len(x), "writing images"):
        folder = out / kinds[i].replace("/", "-") if kinds else out
        folder.mkdir(parents=True, exist_ok=True)
        as_picture(image).save(folder / f"{i:05}.png")


def _write_pairs(x: np.ndarray, near: np.ndarray, out: Path) -> None:
    """Samples in rows, below each row what is nearest to them."""
    columns = min(len(x), PAIRED)
    starts = range(0, len(x) - len(x) % columns, columns)
    rows = [shown(part[start:start + columns]) for start in starts for part in (x, near)]
    figure = contact_sheet(rows, ["drawn", "nearest"] * len(starts), 0.6, 40)
    save_figure(out, figure)
