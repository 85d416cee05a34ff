"""Whether a file, folder or zip holds lines of text, by its names and its first bytes."""

import zipfile
from itertools import islice
from pathlib import Path, PurePosixPath

from .data_frames import suffix_of
from .delimited import NUMBER, SEPARATORS
from .find_images import SUFFIXES
from .rating_places import Place
from .text_bytes import first_lines
from .text_files import FASTA, PLAIN

HEAD = 2**16     # bytes that are examined, and
EXAMINED = 200   # lines
MOSTLY = 0.8     # share of the lines that must agree
NAMES = 1000     # of a folder


def is_of_lines(path: Path) -> bool:
    """Whether a path holds lines of text: a FASTA file, a text that is not a table, or a folder
    or zip of text files without images and tables."""
    try:
        if path.is_dir():
            entries = [entry for entry in islice(path.iterdir(), NAMES)
                       if not entry.name.startswith(".")]
            return not any(entry.is_dir() for entry in entries) and _of_names(
                [entry.name for entry in entries])   # a text beside folders describes these
        if path.is_file() and path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                return _of_names(archive.namelist()[:NAMES])
        suffix = suffix_of(path)
        if suffix in FASTA:
            return path.is_file()
        if suffix not in PLAIN or not path.is_file():
            return False
        with Place(path).opened() as file:   # unpacked, if it is packed
            content = file.read(HEAD)
        return not looks_like_table(first_lines(content, str(path)))
    except (OSError, zipfile.BadZipFile, ValueError):   # reading it will say what is wrong
        return False


def _of_names(names: list[str]) -> bool:
    """Whether all files that could be read are text files."""
    endings = [PurePosixPath(name).suffix.lower() for name in names
               if not PurePosixPath(name).name.startswith((".", "__MACOSX"))]
    others = (*SUFFIXES, ".csv", ".tsv", ".parquet", ".npy", ".npz", ".data", ".dat")
    lines = [ending for ending in endings if ending in (*PLAIN, *FASTA)]
    return bool(lines) and not any(ending in others for ending in endings)


def looks_like_table(text: str) -> bool:
    """Whether a text is a table: cells with one separator, equally many in most lines, or numbers.
    """
    lines = [line for line in text.splitlines() if line.strip()][:EXAMINED]
    if not lines:
        return True   # the table's reader says that it is empty
    for mark in SEPARATORS:
        counts = [line.count(mark) for line in lines]
        usual = max(set(counts), key=counts.count)
        if usual and counts.count(usual) >= MOSTLY * len(lines):
            return True
    cells = [cell for line in lines for cell in line.split()]
    return sum(bool(NUMBER.fullmatch(cell)) for cell in cells) > len(cells) / 2
