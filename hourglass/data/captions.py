"""Captions: texts that describe images, from a CSV next to them or from the class names."""

import csv
import io
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from ..core.files import read_file
from ..core.output_names import printable
from ..core.wording import counted
from .find_images import Files

FILE_COLUMNS = ("file", "file_name", "filename", "image", "path")
CAPTION_COLUMNS = ("caption", "captions", "text", "prompt")
INSIDE = ("captions.csv", "metadata.csv")   # names of such a table in a folder or archive
TEMPLATES = ("{}", "a picture of {}")       # of the name of a class
LARGEST_TABLE = 2**28                       # bytes

Captions = tuple[tuple[str, ...], ...]   # of each sample: one text or several; () for none


def captions_of(files: Files, names: Sequence[str]) -> tuple[Captions, list[str]]:
    """The captions of the images with these names, from a table that comes with them, and notes.

    The table is captions.csv or metadata.csv in the folder or archive, or a CSV of the same name
    next to it. It has a column `file` and a column `caption`. An image on several rows has several
    captions. A table without these columns is ignored. Raises ValueError for one that cannot be
    read.
    """
    place = Path(files.place)
    for label, content in _tables(place):
        rows = _rows(label, content)
        if rows is None:
            continue
        return _matched(rows, names, label)
    return (), []


def _tables(place: Path) -> Iterable[tuple[str, bytes]]:
    """Tables that may hold captions: their names and contents."""
    if place.is_dir():
        for name in INSIDE:
            if (place / name).is_file():
                yield str(place / name), _bounded(place / name)
    elif place.is_file() and zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as archive:
            for info in archive.infolist():
                if info.filename in INSIDE and info.file_size <= LARGEST_TABLE:
                    yield f"{info.filename} in {place}", archive.read(info)
    elif place.is_file() and tarfile.is_tarfile(place):
        with tarfile.open(place) as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name in INSIDE and member.isfile() and member.size <= LARGEST_TABLE:
                    yield f"{name} in {place}", tar.extractfile(member).read()  # type: ignore[union-attr]
    beside = place.parent / f"{_stem(place)}.csv"
    if place.name and beside.is_file():
        yield str(beside), _bounded(beside)


def _bounded(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_TABLE:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes, too many for a table of "
                         f"captions")
    return read_file(path)


def _stem(place: Path) -> str:
    """The name of a folder or archive without its suffixes."""
    return place.name if place.is_dir() else place.name.split(".")[0]


def _rows(label: str, content: bytes) -> dict[str, list[str]] | None:
    """The captions by file; None for a table without columns of files and captions."""
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        columns = {str(name).strip().lower(): name for name in reader.fieldnames or ()}
        file, caption = (next((columns[name] for name in known if name in columns), None)
                         for known in (FILE_COLUMNS, CAPTION_COLUMNS))
        if file is None or caption is None:
            return None
        captions: dict[str, list[str]] = {}
        for row in reader:
            text = " ".join((row[caption] or "").split())
            if row[file] and text:
                captions.setdefault(row[file].strip(), []).append(text)
        return captions
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{label} cannot be read as a table of captions ({error}); save it as "
                         f"UTF-8 CSV with the columns file and caption") from None


def _matched(
    rows: dict[str, list[str]], names: Sequence[str], label: str
) -> tuple[Captions, list[str]]:
    """The captions of each name: by its whole path, otherwise by its last part where that is
    unique."""
    last = Counter(PurePosixPath(name).name for name in names)
    by_last = Counter(PurePosixPath(name).name for name in rows)
    short = {PurePosixPath(name).name: texts for name, texts in rows.items()
             if by_last[PurePosixPath(name).name] == 1}
    captions = []
    for name in names:
        own = PurePosixPath(name).name
        texts = rows.get(name) or (short.get(own, []) if last[own] == 1 else [])
        captions.append(tuple(texts))
    there = sum(map(bool, captions))
    if not there:
        return (), [f"{printable(label)} names none of the images, such as {names[0]}: there are "
                    f"no captions"]
    note = f"captions of {there:,} of {counted(len(names), 'image')} from {printable(label)}"
    return tuple(captions), [note]


def captions_of_classes(labels: Sequence[int], classes: Sequence[str]) -> Captions:
    """Captions of samples from the names of their classes, by templates. `labels` are the
    numbers (N,) of the classes."""
    words = [tuple(template.format(in_words(name)) for template in TEMPLATES) for name in classes]
    return tuple(words[label] if label >= 0 else () for label in labels)


def in_words(name: str) -> str:
    """The name of a class as words: without underscores and slashes of folders."""
    return " ".join(name.replace("_", " ").replace("/", " ").split())
