"""Captions that say what is measured in images: "a three, slanted, thick"."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .attribute_sentences import with_article
from .captions import Captions, in_words
from .measures import MEASURED
from .split_data import Source

QUARTER = 0.25    # share of a class that has a word, at either end of a measurement
TOGETHER = 500    # images that are measured together
WORDS = {         # kind of captions: measurement: the words for little and for much of it
    "strokes": {"slant": ("upright", "slanted"), "brightness": ("thin", "thick"),
                "width": ("narrow", "wide")},
    "colours": {"brightness": ("dark", "bright"), "contrast": ("faint", "vivid"),
                "warmth": ("cold", "warm")}}
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def measured_captions(source: Source, kind: str) -> tuple[Captions, str]:
    """Captions of all samples of a source from measurements of the images, () for samples in
    neither `train` nor `val`, and a note. `kind` is one of `WORDS`.

    A word says that an image is in the lowest or highest quarter of the training images of its
    class: a slanted 1 is slanted for a 1. Raises ValueError for samples that are not images, and
    for grey images where colours are measured.
    """
    _check(source, kind)
    dark = kind == "strokes" and _is_dark_on_bright(source)
    split = source.splits["train"]
    known = len(source.classes) > 1 and split.y is not None
    index = {name: source.splits[name].index.cpu().numpy() for name in ("train", "val")
             if name in source.splits}
    rows = np.concatenate(list(index.values()))
    y: np.ndarray = np.zeros(rows.max() + 1, np.int64) if split.y is None else (
        split.y.cpu().numpy())
    values = {name: np.concatenate([_measured(source, part, name, dark) for part in index])
              for name in WORDS[kind]}
    words = {name: _sides(measurements, y[rows], len(index["train"]))
             for name, measurements in values.items()}
    captions: list[tuple[str, ...]] = [() for _ in range(len(y))]
    for place, row in enumerate(rows.tolist()):
        said = [WORDS[kind][name][side > 0] for name, sides in words.items()
                if (side := int(sides[place]))]
        named = known and y[row] >= 0
        captions[row] = sentences(source.classes[y[row]] if named else "", said)
    listed = ", ".join(f"{low} and {high}" for low, high in WORDS[kind].values())
    return tuple(captions), (f"captions say what is measured: {listed}, each for a quarter of "
                             f"the training images{' of a class' if known else ''}" + (
                                 "; strokes are dark on bright" if dark else ""))


def sentences(name: str, words: Sequence[str]) -> tuple[str, ...]:
    """Captions of one image: its class alone, with each word and with all. A class that is a digit
    is also named in letters. The name "" means no class."""
    plain = in_words(name)
    subject = with_article(NUMBERS[int(plain)] if plain in map(str, range(10)) else plain) if (
        plain) else "a shape"
    alone = [plain, subject] if plain else [subject]
    with_one = [f"{subject}, {word}" for word in words]
    together = [", ".join([subject, *words])]
    return tuple(dict.fromkeys([*alone, *with_one, *together]))


def _check(source: Source, kind: str) -> None:
    if len(source.shape) != 3:
        raise ValueError(f"captions {kind} are measured in images, and this data has none; leave "
                         f"--captions out")
    if kind == "colours" and source.shape[0] < 3:
        raise ValueError("captions colours are for colour images, and these are grey; for glyphs, "
                         "use --captions strokes")


def _is_dark_on_bright(source: Source) -> bool:
    """Whether most of an image is brighter than the middle of the range, as paper is."""
    split = source.splits["train"]
    x = split.batch(split.evenly(TOGETHER)).x
    return bool(x.mean() > (x.min() + x.max()) / 2)


def _measured(source: Source, part: str, name: str, dark: bool) -> np.ndarray:
    """A measurement (n,) of each image of a split."""
    measurements = []
    for batch in source.splits[part].batches(TOGETHER):
        x: Tensor = batch.x.cpu()
        measurements.append(MEASURED[name](source.low + source.high - x if dark else x))
    return torch.cat(measurements).numpy()


def _sides(values: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    """-1, 0 or 1 (n,): whether a value is in the lowest quarter of its class, in neither, or in the
    highest. The first `count` are of training and make the quarters."""
    sides = np.zeros(len(values), int)
    for label in np.unique(y):
        own = y == label
        among = values[:count][own[:count]]
        if not len(among):
            continue
        low, high = np.quantile(among, [QUARTER, 1 - QUARTER])
        if low < high:   # otherwise nearly all are alike, and no word tells them apart
            sides[own] = (values[own] > high).astype(int) - (values[own] < low)
    return sides
