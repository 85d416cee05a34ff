"""One line of text with more and less of an attribute: a class, its length, or one of your own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.csv_text import as_csv
from ..core.files import write_out
from ..core.output_names import printable
from ..inference.line_uses import pick_lines
from ..inference.trained import Trained
from .edit_attribute import REACH, along, chosen_attributes
from .pick_samples import one_class
from .write_images import check_name

SUFFIXES = (".txt", ".csv")
STEPS = 8   # from the least to the most


def places_of(steps: int) -> np.ndarray:
    """(S,) how far each step goes, as a multiple of the way between the means: 0 is the line's own
    code. Raises ValueError."""
    if not 1 <= steps <= 1000:
        raise ValueError(f"steps must be a whole number from 1 to 1000, not {steps}")
    half = max(1, steps // 2)
    return np.arange(-half, half + 1) * (REACH / half)


def vary_lines(
    model: Trained, line: Any, names: Sequence[Any] = (), steps: int = STEPS, having: Any = "",
    lacking: Any = "", kind: str = "", out: Path | None = None,
) -> dict[str, list[str]]:
    """The lines that the model writes of codes from less to more of each attribute, by its name; in
    the middle is the line's own reconstruction. Attributes are classes, `length`, or one of your
    own: lines `having` it and lines `lacking` it. A line is a text, or the number of an unseen
    sample. `out` is a .txt or .csv. Raises ValueError."""
    if out is not None:
        check_name(out, SUFFIXES)
    places = places_of(steps)
    attributes = chosen_attributes(model, names, having, lacking, kind)
    collection = pick_lines(model, [line])
    y = one_class(model, collection, kind)
    z = model.encode(collection, y)[0]
    written = {attribute.name: model.decode(along(z, attribute, places), y)
               for attribute in attributes}
    if out is not None:
        rows = [(name, f"{place:.3g}", printable(text)) for name, texts in written.items()
                for place, text in zip(places, texts, strict=True)]
        write_out(out, as_csv(("attribute", "step", "line"), rows) if out.suffix.lower() == ".csv"
                  else "".join(f"{text}\n" for *_, text in rows))
    return written


def in_words(written: dict[str, list[str]], steps: int) -> list[str]:
    """A line for each attribute, and for each step."""
    return [row for name, texts in written.items() for row in (name, *(
        f"{place:+.2f}  {text}" if place else f"    0  {text}"
        for place, text in zip(places_of(steps), texts, strict=True)))]
