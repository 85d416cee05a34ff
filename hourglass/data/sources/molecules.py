"""Molecules as sequences of tokens: SMILES in a table's column, in a file of lines or in memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ...core.contracts import Collection
from ...core.expressions import Call, read
from ...core.hints import Count, did_you_mean
from ...core.registry import sources
from .. import chemistry
from ..chemistry import Notation
from ..data_frames import checked, read_frame, suffix_of
from ..notations import in_notation
from ..pandas_library import is_frame, pandas, python_texts
from ..read_image import Reading
from ..text_bytes import text_in
from ..text_files import NAMED, TABLES, TextLines, contents, split_in
from .lines import Lines, as_texts, lines_of_texts, whole

KIND = "molecules"
NAMES = ("smiles", "canonical_smiles", "canonicalsmiles", "isomeric_smiles", "smi",
         "smiles_string", "mol_smiles", "structure_smiles")
ALIKE = 0.8       # share of a column's cells that must look like SMILES
EXAMINED = 300    # cells of a column
NUMERIC = 0.9     # share of a property's cells that must be numbers
MOST = 200        # tokens of a molecule, unless limit= says otherwise


@dataclass
class MoleculeRows:
    """SMILES as the data has them, their rows there, and their labels and properties."""

    smiles: list[str]
    places: list[str]              # such as "line 3"
    labels: list[str] = field(default_factory=list)   # of each, or []
    splits: list[str] = field(default_factory=list)   # likewise
    properties: dict[str, np.ndarray] = field(default_factory=dict)   # (N,) each, NaN: missing
    notes: list[str] = field(default_factory=list)

    def kept(self, rows: list[int]) -> "MoleculeRows":
        """Only these rows."""
        def some(values: list[str]) -> list[str]:
            return [values[i] for i in rows] if values else []
        return MoleculeRows(some(self.smiles), some(self.places), some(self.labels),
                            some(self.splits), {name: values[rows] for name, values in
                                                self.properties.items()}, list(self.notes))


@sources.add("molecules", example="molecules('zinc.csv')")
def molecules(
    reading: Reading, path: str, notation: Notation = "selfies", limit: Count | None = None,
    column: str = "", label: str = "",
) -> Collection:
    """Molecules as sequences of tokens, from SMILES (extra `molecules`).

    `path` is a table with a `column` of SMILES, found by its name or its content, or a file with a
    SMILES in each line (.smi, .txt), or a folder or zip of these. Columns of numbers are properties
    of the molecules; `label` is a column of classes. The model reads and writes SELFIES symbols
    (Krenn et al., 2020, arXiv 1905.13741), of which any sequence is a molecule, or the atoms,
    bonds and rings of "smiles" (`notation`). A molecule that RDKit cannot read is left out and
    named, as is one of more than `limit` tokens (default: the longest, at most 200).
    """
    return whole(read_molecules(path, notation, limit, column, label))


def read_molecules(
    path: str, notation: Notation = "selfies", limit: int | None = None, column: str = "",
    label: str = "", trained: bool = False,
) -> Lines:
    """The molecules of a source, not yet in tokens. Raises ValueError."""
    place = Path(path).expanduser()
    if not place.exists():
        raise ValueError(f"there is no file or folder {path}")
    status = place.stat()
    rows, texts = _read(str(place), (status.st_mtime_ns, status.st_size), column, label, notation)
    return lines_of(rows, texts, notation, limit, {"path": path, "notation": notation,
                                                   "limit": limit, "column": column}, trained)


@lru_cache(2)   # the report of a run reads the same file again
def _read(
    path: str, changed: tuple[int, int], column: str, label: str, notation: Notation
) -> tuple[MoleculeRows, list[str]]:
    place = Path(path)
    rows = (_of_frame(checked(read_frame(path, as_text=True), path), path, column, label)
            if suffix_of(place) in TABLES else _of_files(place, path, column or label))
    return valid(rows, notation, path)


def _of_files(place: Path, path: str, named: str) -> MoleculeRows:
    """A SMILES in each line, before the first blank. Files named train, valid and test are splits.
    """
    if named:
        raise ValueError(f"column and label are for tables, and {path} is none; leave them out")
    rows, splits = MoleculeRows([], []), []
    for name, content in contents(place):
        text, remarks = text_in(content, name, "save it in UTF-8")
        rows.notes += [f"{name}: {note}" for note in remarks]
        lines = text.splitlines()
        empty = sum(not line.strip() for line in lines)
        rows.notes += [f"{name}: {empty:,} empty lines are left out"] * (empty > 0)
        where = f" of {name}" if place.is_dir() or place.suffix.lower() == ".zip" else ""
        for number, line in enumerate(lines, 1):
            first = line.split(maxsplit=1)[:1]
            if first and not (number == 1 and first[0].lower() in NAMES):
                rows.smiles.append(first[0])
                rows.places.append(f"line {number}{where}")
                splits.append(split_in(name))
    if all(splits) and len(set(splits)) > 1:
        rows.splits = splits
        rows.notes.append(f"files are splits, by their names: {', '.join(dict.fromkeys(splits))}")
    return rows


def _of_frame(frame: Any, what: str, column: str, label: str) -> MoleculeRows:
    """The SMILES in a column of a data frame, with the numbers in its other columns."""
    names = list(map(str, frame.columns))
    for role, name in (("column", column), ("label", label)):
        if name and name not in names:
            raise ValueError(f"{what} has no column {name!r} for {role}; "
                             f"{did_you_mean(name, names)}")
    cells = {name: [text.strip() for text in python_texts(frame[name].fillna("").astype(str))]
             for name in names}
    column = column or smiles_column({name: texts[:EXAMINED] for name, texts in cells.items()
                                      if name != label}, what)
    smiles = cells.pop(column)
    notes = [f"SMILES are in the column {column}"]
    empty = sum(not text for text in smiles)
    notes += [f"{empty:,} rows with an empty {column} are left out"] * (empty > 0)
    labels = cells.pop(label, []) if label else []
    properties, left = {}, []
    for name in cells:
        values = pandas().to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
        values = np.where(np.isfinite(values), values, np.nan)
        if np.isfinite(values).mean() < NUMERIC or _is_index(values):
            left.append(name)
        else:
            properties[name] = values
    if properties:
        notes.append(f"properties of the molecules: {', '.join(properties)}")
    if left:
        notes.append(f"columns that are not properties are left out: {', '.join(left)}")
    places = [f"row {i}" for i in range(1, len(smiles) + 1)]
    rows = MoleculeRows(smiles, places, labels, [], properties, notes)
    return rows.kept([i for i, text in enumerate(smiles) if text])


def _is_index(values: np.ndarray) -> bool:
    """Whether numbers (N,) count rows."""
    return len(values) > 2 and bool((np.diff(values) == 1).all())


def is_named_smiles(column: str) -> bool:
    """Whether a column has one of the usual names of SMILES."""
    return column.strip().lower().replace(" ", "_") in NAMES


def smiles_column(columns: Mapping[str, list[str]], what: str) -> str:
    """The column of SMILES, by its name or by its content. Raises ValueError."""
    named = [name for name in columns if is_named_smiles(name)]
    if named:
        return named[0]
    alike = [name for name, cells in columns.items()
             if chemistry.looks_like_smiles(cells) >= ALIKE]
    if len(alike) == 1:
        return alike[0]
    some = next(iter(alike or columns))
    there = "several columns" if alike else "no column"
    raise ValueError(f"{what} has {there} of SMILES (columns: {', '.join([*columns][:12])}); name "
                     f"it, as in {Call(KIND, (what,), {'column': some})}")


def valid(rows: MoleculeRows, notation: Notation, what: str) -> tuple[MoleculeRows, list[str]]:
    """The rows that RDKit reads and the notation can write, and their texts in that notation. A
    note names the others. Raises ValueError if none is left."""
    all_texts = in_notation(rows.smiles, notation)
    wrong = [i for i, text in enumerate(all_texts) if text is None]
    beyond = [i for i, text in enumerate(all_texts) if text == ""]
    kept = [i for i, text in enumerate(all_texts) if text]
    notes = [f"{len(left):,} of {len(rows.smiles):,} molecules are left out: {why}; "
             f"{_some(rows, left)}" for left, why in (
                 (wrong, "RDKit cannot read their SMILES"),
                 (beyond, "SELFIES cannot write them (notation='smiles' can)")) if left]
    if not kept:
        raise ValueError(f"{what} holds no molecule" + (f": {notes[0]}" if notes else ""))
    readable = rows.kept(kept)
    readable.notes += notes
    return readable, [text for text in all_texts if text]


def _some(rows: MoleculeRows, left: Iterable[int]) -> str:
    """The first few of some rows, with their places."""
    left = list(left)
    named = ", ".join(f"{rows.places[i]}: {rows.smiles[i][:40]!r}"
                      f"{' ...' * (len(rows.smiles[i]) > 40)}" for i in left[:NAMED])
    return named + ", ..." * (len(left) > NAMED)


def lines_of(
    rows: MoleculeRows, texts: list[str], notation: Notation, limit: int | None,
    identity: dict[str, Any], trained: bool = False,
) -> Lines:
    """Molecules as lines of tokens. Those with more than `limit` tokens are left out."""
    split = chemistry.split_selfies if notation == "selfies" else chemistry.split_smiles
    lengths = np.array([len(split(text)) for text in texts])
    limit = limit or min(int(lengths.max()), MOST)
    fit = np.flatnonzero(lengths <= limit).tolist()
    long = np.flatnonzero(lengths > limit).tolist()
    if not fit:
        raise ValueError(f"this model takes molecules of up to {limit} tokens, and each of these "
                         f"has more" if trained else
                         f"each molecule has more than {limit} tokens; choose a larger limit=")
    notes = list(rows.notes)
    if long:
        way = "as the model was trained" if trained else "change it with limit="
        notes.append(f"{len(long):,} molecules of more than {limit} tokens are left out, {way}; "
                     f"{_some(rows, long)}")
    rows, texts = rows.kept(fit), [texts[i] for i in fit]
    lines = lines_of_texts(TextLines(texts, rows.labels, rows.splits, notes), identity, notation,
                           limit)
    return replace(lines, shown=tuple(rows.smiles), properties=rows.properties)


def of_molecules(data: Any, y: Any = None, **options: Any) -> Collection:
    """Molecules in memory: a list of SMILES, or a data frame with a column of them. Options as for
    `molecules`. Raises ValueError."""
    settings = sources.check(Call(KIND, ("",), options))
    notation, column, label = (str(settings.get(name, usual)) for name, usual in (
        ("notation", "selfies"), ("column", ""), ("label", "")))
    if is_frame(data):
        all_rows = _of_frame(checked(data, "the data frame"), "the data frame", column, label)
    else:
        if column or label:
            raise ValueError("column and label are for tables; give a list of SMILES, with their "
                             "classes as y")
        all_rows = _of_list(as_texts(data))
    if y is not None:
        all_rows.labels = [str(kind) for kind in np.asarray(y).tolist()]
        if len(all_rows.labels) != len(all_rows.smiles):
            raise ValueError(f"y has {len(all_rows.labels)} classes for {len(all_rows.smiles)} "
                             f"molecules")
    rows, texts = valid(all_rows, notation, "the data")   # type: ignore[arg-type]
    return whole(lines_of(rows, texts, notation, settings.get("limit"),   # type: ignore[arg-type]
                          {"molecules": len(texts), "notation": notation}))


def _of_list(smiles: list[str]) -> MoleculeRows:
    return MoleculeRows(smiles, [f"number {i}" for i in range(len(smiles))])


def molecules_like(data: Any, encoding: Mapping[str, Any]) -> Collection:
    """Molecules in a file, a source, a data frame or a list of SMILES, in the tokens of a trained
    model. Raises ValueError."""
    notation, limit = encoding["level"], int(encoding["length"]) - 1
    if isinstance(data, str | Path):
        options = _options(str(data))
        return read_molecules(str(options["path"]), notation, limit, str(options.get("column", "")),
                              str(options.get("label", "")), trained=True).encode(encoding)
    rows = (_of_frame(checked(data, "the data frame"), "the data frame", "", "")
            if is_frame(data) else _of_list(as_texts(data)))
    readable, texts = valid(rows, notation, "the data")
    lines = lines_of(readable, texts, notation, limit, {}, trained=True)
    if not is_frame(data) and len(lines.shown) < len(rows.smiles):
        raise ValueError("; ".join(lines.notes))
    return lines.encode(encoding)


def _options(data: str) -> dict[str, Any]:
    """The options of a source of molecules that a text names: a path, or molecules(...)."""
    if Path(data).expanduser().exists():
        return {"path": data}
    try:
        call = read(data)
    except ValueError:
        call = Call("", ())
    if call.name == KIND:
        return sources.check(call)
    if call.name in sources.parts:
        raise ValueError(f"this model was trained on molecules, so it cannot use {data}; use "
                         f"molecules('file.csv')")
    raise ValueError(f"there is no file or folder {data}. A molecule itself is given in a list, "
                     f"from Python: model.encode(['CCO'])")
