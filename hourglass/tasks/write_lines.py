"""Lines of text from a trained model: reconstructed, generated, and from one line to another."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..core.console import say
from ..core.csv_text import as_csv
from ..core.files import write_out
from ..core.output_names import printable
from ..inference.draw_lines import draw_lines
from ..inference.line_uses import is_of_molecules, pick_lines, texts_of
from ..inference.trained import Trained
from .generate import GenerateOptions, choose_prior
from .molecules import SUFFIXES as OF_MOLECULES
from .molecules import as_molecules, draw_molecules
from .morph import Way, step
from .pick_samples import one_class
from .write_images import check_name

SUFFIXES = (".txt", ".csv")
STEPS = 8      # lines between two that are morphed


def reconstruct_lines(model: Trained, data: str, out: Path) -> list[str]:
    """Write each line with its reconstruction: as .csv, or the reconstructions alone as .txt.
    Returns lines to print. Raises ValueError."""
    check_name(out, SUFFIXES)
    collection = model.read(data)
    for note in collection.notes:
        say(note)
    recon = texts_of(model.description, model.reconstruct(collection))
    known = texts_of(model.description, collection.x)
    _write(out, ("line", "reconstruction"), list(zip(collection.names, recon, strict=True)), recon)
    same = sum(a == b for a, b in zip(known, recon, strict=True))
    return [f"{len(recon):,} lines in {out}, {same / len(recon):.1%} reconstructed exactly"]


def generate_lines(
    model: Trained, wish: GenerateOptions, out: Path | None = None, where: str = ""
) -> list[str]:
    """Draw lines from a prior, each token by its probability. Returns the lines; with `out`, writes
    them as .txt, or with their classes as .csv, and returns a line to print. Of molecules, also as
    a picture, and only `where` conditions of their properties hold. Raises ValueError."""
    if wish.sharpen or wish.blur or wish.nearest:
        raise ValueError("--sharpen, --blur and --nearest are for images, and this model was "
                         "trained on lines of text")
    pictured = out is not None and out.suffix.lower() in set(OF_MOLECULES) - set(SUFFIXES)
    if where or (pictured and is_of_molecules(model.description)):
        if out is not None:
            check_name(out, OF_MOLECULES)
        molecules = draw_molecules(model, wish, where)
        return [*([] if out is None else [f"written: {molecules.save(out)}"]),
                *([] if pictured else molecules.lines), molecules.about]
    if out is not None:
        check_name(out, SUFFIXES)
    prior = choose_prior(model, wish.kind) if wish.prior == "auto" else wish.prior
    drawn = draw_lines(model, wish.n, wish.kind or None, wish.seed, prior, wish.temperature,
                       wish.top_k)
    if out is None:
        return [*(f"{kind}: {text}" if kind else text
                  for kind, text in zip(drawn.kinds, drawn.texts, strict=True)), *drawn.left_out]
    _write(out, ("class", "line"), list(zip(drawn.kinds, drawn.texts, strict=True)), drawn.texts)
    return [f"{wish.n} lines of the prior {prior} in {out}", *drawn.left_out]


def morph_lines(
    model: Trained, lines: Sequence[Any], steps: int = STEPS, way: Way = "linear", kind: str = "",
    out: Path | None = None,
) -> list[str]:
    """The lines that the model writes on the way from each line to the next, with both ends as it
    reconstructs them. A line is a text, or the number of a test sample. `out` is a .txt or .csv; of
    molecules, also a picture. Raises ValueError."""
    if len(lines) < 2:
        raise ValueError("a morph needs two lines or more, as in hourglass morph RUN "
                         "\"first line\" \"second line\"")
    molecules = is_of_molecules(model.description)
    if out is not None:
        check_name(out, OF_MOLECULES if molecules else SUFFIXES)
    collection = pick_lines(model, lines)
    y = one_class(model, collection, kind)
    codes = model.encode(collection, y)
    shares = np.linspace(0, 1, steps + 2)
    written = [step(start, end, share, way) for start, end in pairwise(codes) for share in shares]
    texts: list[str] = model.decode(np.stack(written), y)
    if out is not None and molecules and out.suffix.lower() not in SUFFIXES:
        as_molecules(texts, "").save(out)
    elif out is not None:
        places = [f"{share:.3g}" for _ in codes[1:] for share in shares]
        _write(out, ("share", "line"), list(zip(places, texts, strict=True)), texts)
    return texts


def _write(
    out: Path, names: Sequence[str], rows: list[tuple[str, str]], texts: Sequence[str]
) -> None:
    """Write rows as .csv, or texts as .txt."""
    if out.suffix.lower() == ".csv":
        write_out(out, as_csv(names, [tuple(map(printable, row)) for row in rows]))
    else:
        write_out(out, "".join(f"{text}\n" for text in texts))
