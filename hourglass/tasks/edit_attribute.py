"""Vary one image along attributes, as strips or an animation."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.figures.canvas import contact_sheet
from ..core.image_grid import shown
from ..data.labels import name_of
from ..data.measures import MEASURED
from ..inference.latent_directions import OF_LINES, Attribute, between, find_attribute
from ..inference.line_uses import is_of_lines
from ..inference.trained import Trained
from .pick_samples import one_class, pick
from .sharpen_and_blur import PLAIN, Finish, finished
from .write_images import MOVING, SUFFIXES, check_name, save_animation, save_figure

if TYPE_CHECKING:   # matplotlib takes half a second to import, and few commands draw
    from matplotlib.figure import Figure

REACH = 1.5    # largest step, relative to the difference of the means
STEPS = 11
FEW = 12       # largest number of classes that are all shown by default
PAUSE = 12     # frames per second


def vary(model: Trained, image: str, attributes: Sequence[Attribute], out: Path, kind: str = "",
         finish: Finish = PLAIN) -> None:
    """Write a strip per attribute, with the original image in the middle; or, for one attribute, an
    animation; sharpened or blurred as chosen. Raises ValueError."""
    check_name(out, (*SUFFIXES, *MOVING))
    collection = pick(model, [image])
    y = one_class(model, collection, kind)
    z = model.encode(collection, y)
    moving = out.suffix.lower() in MOVING
    if moving and len(attributes) > 1:
        raise ValueError("an animation shows one --attribute; write several into a .png")
    reach = np.linspace(-REACH, REACH, STEPS if not moving else 4 * STEPS)
    rows = [finished(model.decode(along(z[0], a, reach), y), finish) for a in attributes]
    if moving:
        save_animation(out, [*rows[0], *rows[0][::-1]], PAUSE, loop=True)
        return
    save_figure(out, strips(rows, attributes, reach))


def along(z: np.ndarray, attribute: Attribute, reach: np.ndarray) -> np.ndarray:
    """Codes (S, ...) from less to more of an attribute, around the code z (...)."""
    return np.stack([z + np.float32(t) * attribute.direction for t in reach])


def strips(
    rows: Sequence[np.ndarray], attributes: Sequence[Attribute], reach: np.ndarray
) -> "Figure":
    """A drawing of images (S, H, W, C), a row for each attribute."""
    figure = contact_sheet([shown(row) for row in rows], [a.name for a in attributes], 0.9, 40)
    (ax,) = figure.axes
    span = ax.get_xlim()[1] - ax.get_xlim()[0]
    ax.set_xticks((np.arange(STEPS) + 0.5) * span / STEPS - 0.5,
                  [f"{t:+.1f}" if t else "original" for t in reach])
    ax.set_title("step, as a multiple of the way from the mean without the attribute to the mean "
                 "with it", fontsize=9)
    return figure


def chosen_attributes(
    model: Trained, names: Sequence[Any], having: Any = "", lacking: Any = "", kind: str = ""
) -> list[Attribute]:
    """Attributes by name, or the one that two folders of images, or files of lines, define. A class
    may be named by its number, such as 7. Default: all classes or, if there are many or none, all
    measured attributes. Raises ValueError."""
    lines = is_of_lines(model.description)
    if len(model.shape) != 3 and not lines:
        raise ValueError("this model was trained on vectors or series, not on images, so there is "
                         "no picture to vary")
    sides = [not isinstance(side, str) or bool(side) for side in (having, lacking)]
    if sides[0] != sides[1]:
        raise ValueError("--having and --lacking need each other: pass one folder each")
    if sides[0]:
        y = kind or None
        direction = between(model.encode(lacking, y), model.encode(having, y))
        if not np.abs(direction).max() > 0:
            named = f"in {having} and {lacking}" if isinstance(having, str) else "of both sides"
            raise ValueError(f"the {'lines' if lines else 'images'} {named} have the same codes, "
                             f"so there is no direction between them")
        name = Path(having).name if isinstance(having, str | Path) else "having it"
        return [Attribute(name, direction)]
    codes, names = model.codes(), [name_of(name) for name in names]
    if not names:
        of_strokes = {"width", "slant"}   # not meaningful for colour photographs
        measures = [*OF_LINES] if lines else [name for name in MEASURED if name not in (
            {"warmth"} if model.shape[0] < 3 else of_strokes)]
        conditional = model.model.condition is not None   # then codes hold no class
        names = model.classes if 2 <= len(model.classes) <= FEW and not conditional else measures
    return [find_attribute(name, codes, model.classes, model.source, lines) for name in names]
