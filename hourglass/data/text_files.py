"""Files of lines: plain text, FASTA or a column of a table, in a folder, a zip or alone."""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path, PurePosixPath

from ..core.files import read_file
from ..core.hints import did_you_mean
from ..core.size_limits import SHARE, SMALL, check_room, check_swelling, memory_left
from .data_frames import checked, read_frame, suffix_of
from .delimited import PACKED
from .pandas_library import python_texts
from .text_bytes import text_in

PLAIN = (".txt", ".text", ".smi")
FASTA = (".fasta", ".fa", ".faa", ".fna")
TABLES = (".csv", ".tsv", ".parquet", ".pq")
SPLITS = {"train": "train", "training": "train", "valid": "val", "val": "val", "dev": "val",
          "validation": "val", "test": "test"}
TIMES = 4        # memory of a text, in sizes of its file
NAMED = 3        # lines that a note names
ODD_RESIDUE = re.compile(r"[^A-Za-z*-]")


@dataclass
class TextLines:
    """Lines of text, with their classes and splits where the files tell them."""

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)   # of each line, or []
    splits: list[str] = field(default_factory=list)   # of each line, or []
    notes: list[str] = field(default_factory=list)


def read_lines(path: str, column: str = "", label: str = "", raw: bool = False) -> TextLines:
    """The lines of a text file, of a FASTA file, of a table's `column`, or of all text files in a
    folder or zip: there, files named train, valid and test are splits, and all others are classes.

    `label` names a column of classes. `raw` keeps every byte, as Python's surrogateescape does.
    Empty lines are left out. Raises ValueError for what holds no lines.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise ValueError(f"there is no file or folder {path}")
    if suffix_of(place) in TABLES:
        text_lines = _of_table(path, column, label)
    elif column or label:
        raise ValueError(f"column and label are for tables, and {path} is none; classes of text "
                         f"files come from their names, a file for each class")
    else:
        text_lines = _of_files(place, raw)
    if not text_lines.texts:
        raise ValueError(f"{path} holds no line of text")
    return text_lines


def _of_files(place: Path, raw: bool) -> TextLines:
    """The lines of one file, or of several with what their names say."""
    files = dict(contents(place))
    if not files:
        raise ValueError(f"{place} holds no text files ({', '.join((*PLAIN, *FASTA))})")
    parts = {name: split_in(name) for name in files}
    several, text_lines = len(files) > 1, TextLines()
    as_splits = several and all(parts.values())
    for name, content in files.items():
        texts, labels, own = _lines_of(name, content, raw, text_lines.notes)
        text_lines.texts += texts
        if several and not as_splits:
            labels = [PurePosixPath(name).stem] * len(texts)
        text_lines.labels += labels
        text_lines.splits += [parts[name]] * len(texts) if as_splits else own
    for values, what in ((text_lines.labels, "classes"), (text_lines.splits, "splits")):
        if values and len(values) < len(text_lines.texts):   # only some of the files have them
            text_lines.notes.append(f"some files have {what} in their lines and others none, so "
                                    f"they are not used")
            values.clear()
    if as_splits:
        text_lines.notes.append(f"files are splits, by their names: {', '.join(files)}")
    elif several:
        text_lines.notes.append(f"each of the {len(files)} files is a class, named by the file")
    return text_lines


def split_in(name: str) -> str:
    """The split that a file's name tells, or ""."""
    words = re.split(r"[^a-z]+", PurePosixPath(name).stem.lower())
    return next((SPLITS[word] for word in words if word in SPLITS), "")


def contents(place: Path) -> Iterator[tuple[str, bytes]]:
    """The text files in a folder or zip, or the file itself, by name."""
    if place.is_dir():
        for file in sorted(place.iterdir()):
            if file.suffix.lower() in (*PLAIN, *FASTA) and not file.name.startswith("."):
                check_room(TIMES * file.stat().st_size, str(file))
                yield file.name, read_file(file)
        return
    if zipfile.is_zipfile(place):
        try:
            with zipfile.ZipFile(place) as archive:
                for member in sorted(archive.infolist(), key=lambda member: member.filename):
                    path = PurePosixPath(member.filename)
                    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
                    if path.suffix.lower() in (*PLAIN, *FASTA) and not hidden:
                        check_swelling(TIMES * member.file_size, member.compress_size,
                                       f"{path} in {place}")
                        yield member.filename, archive.read(member)
        except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
            raise ValueError(f"{place} cannot be read: {error}") from None
        return
    check_room(TIMES * place.stat().st_size, str(place))
    content = read_file(place)
    packed = next((module for head, module in PACKED.items() if content.startswith(head)), "")
    yield place.name, _unpacked(content, packed, place) if packed else content


def _unpacked(content: bytes, module: str, place: Path) -> bytes:
    most = int(max(SMALL, SHARE * memory_left()) / TIMES)
    try:
        unpacked: bytes = import_module(module).open(io.BytesIO(content)).read(most + 1)
    except Exception as error:   # these modules raise many kinds
        raise ValueError(f"{place} is cut short or damaged: {error}") from None
    check_room(TIMES * len(unpacked), str(place))
    return unpacked


def _lines_of(
    name: str, content: bytes, raw: bool, notes: list[str]
) -> tuple[list[str], list[str], list[str]]:
    """The lines of a file, their classes and their splits, if it is FASTA and tells them. Adds
    notes on what is left out."""
    fasta = suffix_of(Path(name)) in FASTA
    if raw and fasta:
        return _of_fasta(content.decode(errors="surrogateescape"), name, notes)
    if raw:
        lines = content.decode(errors="surrogateescape").split("\n")
        gone = sum(not line for line in lines[:-1])
        notes += [f"{name}: {gone:,} empty lines are left out"] * (gone > 0)
        return [line for line in lines if line], [], []
    text, remarks = text_in(content, name, "save it in UTF-8, or read it with level='byte'")
    if "\0" in text:
        line = text[:text.index("\0")].count("\n") + 1
        raise ValueError(f"{name} holds a NUL character in line {line:,}, so it is not plain text; "
                         f"clean it, or read it with level='byte'")
    notes += [f"{name}: {note}" for note in remarks]
    if fasta or is_fasta(text):
        return _of_fasta(text, name, notes)
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text)]
    if lines and not lines[-1]:
        del lines[-1]   # what follows the last line break is no line
    empty = [str(i) for i, line in enumerate(lines, 1) if not line]
    if empty:
        more = " ..." if len(empty) > NAMED else ""
        notes.append(f"{name}: {len(empty):,} empty lines are left out (line "
                     f"{', '.join(empty[:NAMED])}{more})")
    return [line for line in lines if line], [], []


def is_fasta(text: str) -> bool:
    """Whether a text is FASTA: headers that begin with >, and sequences of letters."""
    lines = [line.strip() for line in text[:4000].splitlines() if line.strip()][:-1] or [text]
    return lines[0].startswith(">") and all(
        re.fullmatch(r">.+|[A-Za-z*\-]+", line) for line in lines)


def _of_fasta(
    text: str, name: str, notes: list[str]
) -> tuple[list[str], list[str], list[str]]:
    """The sequences of a FASTA file. Fields of the headers, between bars, give classes and splits
    if they look like such. Without a header, each line is a sequence."""
    lines = [line.strip() for line in text.lstrip("\ufeff").splitlines()]
    lines = [line for line in lines if line and not line.startswith(";")]   # of old, a comment
    bare = not any(line.startswith(">") for line in lines)
    headers: list[list[str]] = []
    sequences: list[str] = []
    for line in lines:
        if line.startswith(">") or bare:
            headers.append([] if bare else line[1:].split("|"))
            sequences.append("")
        if bare or not line.startswith(">"):
            if not headers:
                raise ValueError(f"{name} has {line[:20]!r} before its first header; a FASTA file "
                                 f"begins with a line such as >name")
            sequences[-1] += "".join(line.split())
    notes += [f"{name}: no line begins with >, so each line is a sequence"] * (bare and bool(lines))
    empty = sum(not sequence for sequence in sequences)
    if empty:
        notes.append(f"{name}: {empty:,} headers without a sequence are left out")
    sequences = _capitals(sequences, name, notes)
    kept = [i for i, sequence in enumerate(sequences) if sequence]
    headers, sequences = [headers[i] for i in kept], [sequences[i] for i in kept]
    labels: list[str] = []
    splits: list[str] = []
    width = min((len(header) for header in headers), default=0)
    for place in range(1, width):   # the first field is the name
        values = [header[place].strip() for header in headers]
        if all(value.lower() in SPLITS for value in values):
            splits = [SPLITS[value.lower()] for value in values]
        elif 1 < len(set(values)) <= max(2, len(values) // 10) and not labels:
            labels = values
    for values, what in ((labels, "class"), (splits, "split")):
        if values:
            notes.append(f"{name}: a field of the headers is the {what} of each sequence: "
                         f"{', '.join(sorted(set(values))[:5])}")
    return sequences, labels, splits


def _capitals(sequences: list[str], name: str, notes: list[str]) -> list[str]:
    """Sequences in capitals. Adds notes on small letters, and on what is no letter."""
    small = sum(sequence != sequence.upper() for sequence in sequences)
    if small:
        notes.append(f"{name}: small letters of {small:,} sequences are read as capitals")
    odd = [set(ODD_RESIDUE.findall(sequence)) for sequence in sequences]
    if any(odd):
        some = ", ".join(map(repr, sorted(set[str]().union(*odd))[:NAMED]))
        notes.append(f"{name}: {sum(map(bool, odd)):,} sequences have characters that are neither "
                     f"letters nor * or -, such as {some}; they stay as they are")
    return [sequence.upper() for sequence in sequences]


def _of_table(path: str, column: str, label: str) -> TextLines:
    """The texts in a column of a table, with the classes of another."""
    frame = checked(read_frame(path, as_text=True), path)
    names = list(map(str, frame.columns))
    for role, name in (("column", column), ("label", label)):
        if name and name not in names:
            raise ValueError(f"{path} has no column {name!r} for {role}; "
                             f"{did_you_mean(name, names)}")
    if not column:
        others = [name for name in names if name != label]
        if len(others) != 1:
            raise ValueError(f"{path} has the columns {', '.join(names[:12])}: say which one holds "
                             f"the lines, as in lines({path!r}, column={others[0]!r})")
        column = others[0]
    texts = [text.strip() for text in python_texts(frame[column].fillna("").astype(str))]
    kept = [i for i, text in enumerate(texts) if text]
    text_lines = TextLines([texts[i] for i in kept])
    if len(kept) < len(texts):
        text_lines.notes.append(f"{len(texts) - len(kept):,} rows with an empty {column} are left "
                                f"out")
    if label:
        kinds = list(python_texts(frame[label].fillna("").astype(str)))
        text_lines.labels = [kinds[i].strip() for i in kept]
    return text_lines
