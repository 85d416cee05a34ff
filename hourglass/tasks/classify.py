"""Predict the class of each sample, as a table."""

from pathlib import Path

import numpy as np

from ..core.console import say, track
from ..core.contracts import Collection
from ..core.csv_text import as_csv
from ..core.files import write_out
from ..inference.batches import seen
from ..inference.trained import Trained
from .embed import CHUNK, names_of
from .unfamiliar_data import unlike
from .write_images import check_name


def classify(model: Trained, samples: str, out: Path) -> list[str]:
    """Write one row per sample: its name (or number), its class if it has one, the predicted class
    and its probability. Returns notes.

    Raises ValueError for a model without a classifier, another suffix, and unreadable samples.
    """
    check_name(out, (".csv",))
    model.check_guesses()
    collection = model.read(samples, strict=False)
    for note in [*collection.notes, *unlike(model, collection)]:
        say(note)
    inputs = seen(collection)
    starts = range(0, len(collection.x), CHUNK)
    shares = np.concatenate([model.guess(Collection(inputs[start:start + CHUNK]))
                             for start in track(starts, len(starts), "guessing")])
    guessed = [model.classes[kind] for kind in shares.argmax(1)]
    labels = [] if collection.y is None else [[collection.classes[kind]] for kind in collection.y]
    rows = [[name, *own, kind, f"{share:.6g}"] for name, own, kind, share in zip(
        names_of(collection), labels or [[]] * len(guessed), guessed, shares.max(1), strict=True)]
    write_out(out, as_csv(["name", *(["class"] if labels else []), "guess", "probability"], rows))
    right = sum(own == [kind] for own, kind in zip(labels, guessed, strict=True)) if labels else 0
    known = sum(own != [""] for own in labels)   # images outside class folders have none
    return [f"{len(guessed):,} samples" + (
        f"; {right / known:.1%} are predicted correctly" if known
        else "")]
