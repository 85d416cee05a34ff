"""CelebA: the official zip or a folder of its images, with the official lists next to them; whole
or in part, at any size."""

import csv
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from ...core.contracts import Collection
from ...core.files import read_file
from ...core.hints import did_you_mean
from ...core.registry import sources
from ..attribute_sentences import sentences
from ..choosing import chosen
from ..fetch import cache_folder, places
from ..find_images import files_in, opened_archive
from ..read_image import Reading
from .read_image_folder import read_images

IMAGES = ("img_align_celeba", "img_align_celeba.zip")
ATTRIBUTES = "list_attr_celeba"       # .txt as published, .csv as on Kaggle
PARTITION = "list_eval_partition"
PARTS = ("train", "val", "test")


@sources.add("celeba")
def celeba(
    reading: Reading, label: str | tuple[str, ...] = (), path: str = "",
) -> Collection:
    """CelebA: 202,599 aligned faces (Liu et al., 2015, arXiv 1411.7766), for research only.

    `path` is the folder with img_align_celeba.zip, or the folder of that name. Next to it are
    list_eval_partition.txt and list_attr_celeba.txt, if there are any. Default: HOURGLASS_DATA and
    the cache. `label` names attributes to use as classes, such as 'Smiling', or ('Male', 'Smiling')
    for the four classes that two attributes make. The attributes of each face, as a sentence, are
    its captions. Raises ValueError.
    """
    place = _find(path)
    if place.suffix == ".zip":
        with opened_archive(place) as files:
            collection = read_images(chosen(files, reading), reading)
    else:
        collection = read_images(chosen(files_in(place), reading), reading)
    collection = _captioned(replace(collection, parts={}, y=None, classes=()), place.parent)
    attributes = (label,) if isinstance(label, str) else label
    return _labelled(_split(collection, place.parent), place.parent, attributes)


def _find(path: str) -> Path:
    roots = [Path(path).expanduser()] if path else [*places("celeba"), *places("celeba10k")]
    if path and roots[0].name in IMAGES:
        roots = [roots[0].parent]
    for root in roots:
        for name in IMAGES:
            if (root / name).exists():
                return root / name
    where = path or f"HOURGLASS_DATA/celeba or {cache_folder() / 'celeba'}"
    raise ValueError(f"CelebA was not found: put img_align_celeba.zip, or the folder "
                     f"img_align_celeba, into {where} (from "
                     f"mmlab.ie.cuhk.edu.hk/projects/CelebA.html), or pass celeba(path='folder')")


def _split(collection: Collection, folder: Path) -> Collection:
    """Add the official splits, or a note that they are missing."""
    rows = _table(folder, PARTITION)
    if rows is None:
        note = f"there is no {PARTITION}.txt next to the images: splits are drawn at random"
        return replace(collection, notes=[*collection.notes, note])
    values = _of_images(rows, collection, PARTITION)[:, 0]
    if not np.isin(values, (0, 1, 2)).all():
        raise ValueError(f"{PARTITION} holds {values.max()}; a split must be 0, 1 or 2")
    parts = {name: np.flatnonzero(values == i) for i, name in enumerate(PARTS)}
    return replace(collection, parts={name: index for name, index in parts.items() if len(index)})


def _captioned(collection: Collection, folder: Path) -> Collection:
    """Add captions: sentences of the attributes, if the list of them is there and has all
    images."""
    rows = _table(folder, ATTRIBUTES)
    last = [PurePosixPath(name).name for name in collection.names]
    if collection.captions or rows is None or any(name not in rows for name in last):
        return collection
    names = rows[""]
    present = [[name for name, value in zip(names, rows[image], strict=True) if value == "1"]
               for image in last]
    return replace(collection, captions=sentences(present, names))


def _labelled(collection: Collection, folder: Path, attributes: tuple[str, ...]) -> Collection:
    """Add classes: every combination of the chosen attributes."""
    if not attributes:
        return collection
    rows = _table(folder, ATTRIBUTES)
    if rows is None:
        raise ValueError(f"labels need {ATTRIBUTES}.txt next to the images, in {folder}")
    names = rows[""]
    for name in attributes:
        if name not in names:
            raise ValueError(f"CelebA has no attribute {name!r}; {did_you_mean(name, names)}")
    columns = [names.index(name) for name in attributes]
    chosen = _of_images(rows, collection, ATTRIBUTES)[:, columns] > 0
    y = (chosen * 2 ** np.arange(len(attributes))).sum(1)
    classes = [" and ".join(name if y >> i & 1 else f"not {name}"
                            for i, name in enumerate(attributes))
               for y in range(2 ** len(attributes))]
    return replace(collection, y=y.astype(np.int64), classes=tuple(classes))


def _table(folder: Path, stem: str) -> dict[str, list[str]] | None:
    """Read a list: rows by image, and the columns' names under "". None without the file.

    Raises ValueError if the number of rows or columns is not as announced.
    """
    text, table = folder / f"{stem}.txt", folder / f"{stem}.csv"
    if text.is_file():
        listed = read_file(text).decode(errors="replace").splitlines()
        lines = [line.split() for line in listed if line.strip()]
        counted = len(lines[0]) == 1 if lines else False
        if counted and lines[0][0] != str(len(lines) - 2):
            raise ValueError(f"{text} announces {lines[0][0]} images, but holds "
                             f"{len(lines) - 2}; it was cut short or altered")
        head, rows = (lines[1], lines[2:]) if counted else ([], lines)
    elif table.is_file():
        with open(table, newline="") as file:
            (_, *head), *rows = csv.reader(file)
    else:
        return None
    place = text if text.is_file() else table
    columns = len(head) or 1
    for number, row in enumerate(rows, 1):
        if len(row) != columns + 1:
            raise ValueError(f"row {number} of {place} has {len(row) - 1} values, not {columns}")
    return {"": head, **{row[0]: row[1:] for row in rows}}


def _of_images(rows: dict[str, list[str]], collection: Collection, stem: str) -> np.ndarray:
    """Integers (N, columns) of the images at hand."""
    names = [PurePosixPath(name).name for name in collection.names]
    missing = [name for name in names if name not in rows]
    if missing:
        raise ValueError(f"{stem} has no row for {missing[0]} and {len(missing) - 1} more of "
                         f"{len(names)} images")
    try:
        return np.array([[int(value) for value in rows[name]] for name in names])
    except ValueError as error:
        raise ValueError(f"{stem} holds a value that is not an integer: {error}") from None
