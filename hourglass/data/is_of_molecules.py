"""Whether a file holds SMILES of molecules, by its name and its first lines."""

import csv
import zipfile
from pathlib import Path

from . import chemistry
from .data_frames import suffix_of
from .rating_places import place_of
from .sources.molecules import ALIKE, EXAMINED, is_named_smiles
from .text_bytes import cells_of, first_lines
from .text_files import PLAIN, TABLES

SURE = 0.95   # share of the lines of a text that look like SMILES, if nothing else says so


def is_of_molecules(path: Path) -> str:
    """"yes" for a table with a column of SMILES that is named so, and for a file of SMILES;
    "perhaps" for a table with a column that only looks like SMILES; otherwise "". Parquet is not
    looked into."""
    suffix = suffix_of(path)
    try:
        if suffix not in (*PLAIN, *TABLES) or not path.is_file() or suffix in (".parquet", ".pq"):
            return ""
        if suffix == ".smi":
            return "yes"   # if it holds none, its reader says so
        text = first_lines(place_of(path).head(), str(path))
        lines = [line for line in text.splitlines() if line.strip()][:EXAMINED]
        if suffix in PLAIN:
            share = chemistry.looks_like_smiles([line.split()[0] for line in lines[1:] or lines])
            return "yes" * (share >= SURE)
        return _in_table(lines)
    except (OSError, ValueError, csv.Error, EOFError, zipfile.BadZipFile):
        return ""   # reading it will say what is wrong


def _in_table(lines: list[str]) -> str:
    names, *rows = cells_of(lines)
    for i, name in enumerate(names):
        cells = [row[i].strip() for row in rows if len(row) > i]
        named = is_named_smiles(name)
        if chemistry.looks_like_smiles(cells, named=named) >= ALIKE:
            return "yes" if named else "perhaps"
    return ""
