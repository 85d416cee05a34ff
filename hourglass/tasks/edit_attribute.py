"""One image, varied along attributes: a strip each, from less to more."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..analysis.figures.canvas import contact_sheet
from ..core.image_grid import shown
from ..inference.latent_directions import MEASURED, Attribute, between, find_attribute
from ..inference.trained import Trained
from .finish import PLAIN, Finish, finished
from .pick_samples import one_class, pick
from .write_images import MOVING, SUFFIXES, check_name, save_animation, save_figure

REACH = 1.5    # times the difference of the means
STEPS = 11
FEW = 12       # classes, up to which all are shown if none is asked for
PAUSE = 12     # frames a second


def vary(model: Trained, image: str, attributes: Sequence[Attribute], out: Path, kind: str = "",
         finish: Finish = PLAIN) -> None:
    """Write a strip for each attribute, the image as it is in the middle; or, for one attribute,
    an animation; sharpened or blurred if asked. Raises ValueError."""
    check_name(out, (*SUFFIXES, *MOVING))
    found = pick(model, [image])
    y = one_class(model, found, kind)
    z = model.encode(found, y)
    moving = out.suffix.lower() in MOVING
    if moving and len(attributes) > 1:
        raise ValueError("an animation is of one --attribute; write several into a .png")
    reach = np.linspace(-REACH, REACH, STEPS if not moving else 4 * STEPS)
    rows = [finished(model.decode(np.stack([z[0] + np.float32(t) * a.direction for t in reach]), y),
                     finish) for a in attributes]
    if moving:
        save_animation(out, [*rows[0], *rows[0][::-1]], PAUSE, loop=True)
        return
    figure = contact_sheet([shown(row) for row in rows], [a.name for a in attributes], 0.9, 40)
    (ax,) = figure.axes
    span = ax.get_xlim()[1] - ax.get_xlim()[0]
    ax.set_xticks((np.arange(STEPS) + 0.5) * span / STEPS - 0.5,
                  [f"{t:+.1f}" if t else "as it is" for t in reach])
    ax.set_title("times the way from the mean of those that lack it to the mean of those that "
                 "have it", fontsize=9)
    save_figure(out, figure)


def chosen_attributes(
    model: Trained, names: Sequence[str], having: str = "", lacking: str = "", kind: str = ""
) -> list[Attribute]:
    """Attributes by name, or that of two folders of images; without either, of all classes, or, if
    they are many or none, all that is measured. Raises ValueError."""
    if len(model.shape) != 3:
        raise ValueError("this model was trained on vectors or series, which make no pictures "
                         "to vary")
    if bool(having) != bool(lacking):
        raise ValueError("--having and --lacking go together: a folder each")
    if having:
        y = kind or None
        direction = between(model.encode(lacking, y), model.encode(having, y))
        if not np.abs(direction).max() > 0:
            raise ValueError(f"the images in {having} and {lacking} have the same codes: there is "
                             f"no direction between them")
        return [Attribute(Path(having).name, direction)]
    codes = model.codes()
    if not names:
        of_strokes = {"width", "slant"}   # which colour photographs are not made of
        measures = [name for name in MEASURED if name not in (
            {"warmth"} if model.shape[0] < 3 else of_strokes)]
        told = model.model.condition is not None   # its codes leave the class out
        names = model.classes if 2 <= len(model.classes) <= FEW and not told else measures
    return [find_attribute(name, codes, model.classes, model.source) for name in names]
