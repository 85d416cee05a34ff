"""Emoji: pictures in two styles with names, keywords and groups, from their zip and table."""

import csv
import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from ...core.contracts import Collection
from ...core.files import read_file
from ...core.registry import sources
from ..choosing import chosen
from ..fetch import places
from ..find_images import opened_archive
from ..read_image import Reading
from .read_image_folder import read_images

STYLES = {"twemoji": "twemoji72", "noto": "noto72"}
COLUMNS = ("file", "name", "keywords", "group")
CREDIT = {"twemoji": "Twemoji, CC-BY 4.0", "noto": "Noto Emoji, OFL 1.1"}


@sources.add("emoji")
def emoji(reading: Reading, style: Literal["twemoji", "noto"] = "twemoji",
          path: str = "") -> Collection:
    """Emoji of 72x72 pixels with captions: 1,914 by Twemoji (CC-BY 4.0), or 1,644 by Noto.

    A caption is an emoji's name, with its keywords or without. The class is its group. `path` is
    the folder with twemoji72.zip or noto72.zip (default: HOURGLASS_DATA and the cache). The table
    of names is a CSV of the same name next to the zip, or captions.csv in it. Raises ValueError.
    """
    place = _find(STYLES[style], path)
    rows = {row["file"]: row for row in _table(place)}
    with opened_archive(place) as files:
        collection = read_images(chosen(files, reading), reading)
    missing = [name for name in collection.names if name not in rows]
    if missing:
        raise ValueError(f"the table of {place} has no row for {missing[0]} and "
                         f"{len(missing) - 1} more of its images")
    own = [rows[name] for name in collection.names]
    groups = tuple(dict.fromkeys(row["group"] for row in rows.values()))
    y = np.array([groups.index(row["group"]) for row in own], np.int64)
    note = f"if you publish pictures of these emoji, give the credit: {CREDIT[style]}"
    return replace(collection, parts={}, y=y, classes=groups,
                   captions=tuple(captions_of_row(row) for row in own),
                   notes=[*collection.notes, note])


def captions_of_row(row: dict[str, str]) -> tuple[str, ...]:
    """The captions of an emoji: its name, and its name with its keywords."""
    name, keywords = row["name"].strip(), row["keywords"].strip()
    return (name, f"{name}, {keywords}") if keywords else (name,)


def _find(stem: str, path: str) -> Path:
    roots = [Path(path).expanduser()] if path else places("emoji")
    for root in roots:
        if (root / f"{stem}.zip").is_file():
            return root / f"{stem}.zip"
    raise ValueError(f"there is no {stem}.zip in {path or roots[0]}; put it and {stem}.csv there, "
                     f"or name their folder, as in emoji(path='folder')")


def _table(place: Path) -> list[dict[str, str]]:
    beside = place.with_suffix(".csv")
    try:
        if beside.is_file():
            content = read_file(beside)
        else:
            with zipfile.ZipFile(place) as archive:
                content = archive.read("captions.csv")
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if lacking:
            raise ValueError(f"it has no column {lacking[0]!r}")
        return [{name: row[name] or "" for name in COLUMNS} for row in reader]
    except (KeyError, ValueError, csv.Error, zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"the table of names of {place} cannot be read ({error}); put "
                         f"{beside.name} next to it, with the columns {', '.join(COLUMNS)}"
                         ) from None
