"""Detect the layout of a csv file: encoding, separator, header, comments, decimal mark."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..core.files import read_file
from ..core.size_limits import SHARE, SMALL, check_room, memory_left
from .column_values import written_numbers
from .dates import YEAR_FIRST, YEAR_LAST
from .numerals import decimal_mark
from .pandas_library import check_names, is_text, pandas
from .text_bytes import LONGEST, text_in

SEPARATORS = ("\t", ";", "|", ",")   # in the order in which they are tried
BLANKS = " "                         # any number of blanks as separator
SAMPLED = 200                        # lines that are examined
MARKS = ["?"]                        # marks of missing cells, in addition to those of pandas
TIMES = 4                            # memory of a table, in sizes of its text
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}   # by their first bytes
YEARS = 1900, 2100                   # numbers that may be names of columns
MOSTLY = 0.8                         # share of the lines that must agree
NUMBER = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?%?")
WHEN = re.compile(f"{re.sub('P<.>', ':', YEAR_FIRST.replace('(?P=s)', '[-/.]'))}|"
                  f"{re.sub('P<.>', ':', YEAR_LAST.replace('(?P=s)', '[-/.]'))}")


@dataclass
class CsvFormat:
    """The detected format of a file's text."""

    body: str                  # its rows, without header, comments and empty lines
    separator: str
    names: list[str]           # of the columns; "" where there is none
    notes: list[str] = field(default_factory=list)   # notes on guesses and on lines left out


def read_delimited(file: Path, as_text: bool = False, decimal: str = "") -> Any:
    """The table in a text file, as a pandas.DataFrame. Its `attrs` hold `notes`, on what was
    guessed or left out, and `decimal`, the decimal mark of its numbers. The argument `decimal` sets
    the mark; by default, it is found from the file. `as_text` keeps all cells as texts. Raises
    ValueError."""
    layout = _layout(*_text_of(file), str(file))
    check_names([name for name in layout.names if name], str(file))
    edge = "" if layout.separator == BLANKS else re.escape(layout.separator)
    marked = len(re.findall(rf"(?m)(?:^|(?<=[{edge} ]))\?(?=[{edge} ]|$)", layout.body))
    layout.notes += [f"{marked:,} cells that hold only ? count as missing"] * bool(marked)

    def parsed(**options: Any) -> Any:
        separator = r"\s+" if layout.separator == BLANKS else layout.separator
        return pandas().read_csv(
            io.StringIO(layout.body), sep=separator, header=None, skipinitialspace=True,
            names=[name or f"Unnamed: {i}" for i, name in enumerate(layout.names)], **options)
    try:
        if as_text:
            frame = parsed(dtype=str, keep_default_na=False)
        else:
            frame = parsed(na_values=MARKS)
            frame = _with_marks(frame, layout, decimal, parsed)
    except (ValueError, OSError) as error:   # pandas' own errors are ValueErrors
        why = re.sub(r".*Expected (\d+) fields in line (\d+), saw (\d+).*", r"row \2 has \3 cells, "
                     r"and the rows before have \1; put cells that hold the separator in quotes",
                     str(error), flags=re.DOTALL)
        raise ValueError(f"{file} cannot be read as a table: {why}") from None
    empty = [name for i, name in enumerate(frame.columns) if not layout.names[i] and i and (
        (frame[name] == "") if as_text else frame[name].isna()).all()]
    mark = frame.attrs.get("decimal", "")
    frame = frame.drop(columns=empty)
    frame.attrs = {"notes": layout.notes, "decimal": mark}
    return frame


def _text_of(file: Path) -> tuple[str, list[str]]:
    """Read the file's text, with a note on its encoding. Raises ValueError for a binary file."""
    check_room(TIMES * file.stat().st_size, str(file))
    content = read_file(file)
    packed = next((module for head, module in PACKED.items() if content.startswith(head)), "")
    if packed:
        try:
            most = int(max(SMALL, SHARE * memory_left()) / TIMES)
            content = import_module(packed).open(io.BytesIO(content)).read(most + 1)
        except Exception as error:   # these modules raise many kinds
            raise ValueError(f"{file} is cut short or damaged: {error}") from None
        check_room(TIMES * len(content), str(file))
    kind = "csv" if file.suffix.lower() in (".csv", ".tsv") else "a text"
    return text_in(content, str(file), f"save it as {kind} in UTF-8")


def _layout(text: str, notes: list[str], what: str) -> CsvFormat:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text, above, comments = _without_comments(text)
    notes = notes + [f"{comments:,} lines that begin with # are left out"] * bool(comments)
    head = [line for line in text[:LONGEST].split("\n") if line.strip()]
    head = head[:-1] if len(text) > LONGEST and len(head) > 1 else head   # the last line is cut
    lines = head[:SAMPLED]
    if not lines:
        raise ValueError(f"{what} is empty")
    separator = _separator(lines)
    text, empty = _without_empty(text, separator)
    notes += [f"{empty:,} rows without any cell are left out"] * bool(empty)
    rows = [row for row in _cells(lines, separator) if any(row)]
    if not rows:
        raise ValueError(f"{what} is empty: no cell holds anything")
    named = _cells([above], separator)[0] if above else []
    usual = Counter(len(row) for row in rows).most_common(1)[0][0]
    if len(named) == usual > 1 and not _has_header(rows):
        layout = CsvFormat(text, separator, named, notes)
    elif _has_header(rows):
        notes += [f"the first row, {_listed(rows[0])}, is taken as the columns' names"] * any(
            map(_is_value, rows[0]))
        layout = CsvFormat(_without_first(text), separator, rows[0], notes)
        rows = rows[1:]
    else:
        names = [f"column_{i}" for i in range(1, usual + 1)]
        layout = CsvFormat(text, separator, names, [
            *notes, f"the first row holds values, not names: the columns are called "
                    f"{_listed(names)}"])
    _fit_names(layout, rows, what)
    return layout


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]}, {names[1]}, ... {names[-1]}"


def _without_comments(text: str) -> tuple[str, str, int]:
    """Remove lines that begin with #. Returns the text, the last such line above the rows without
    its #, and their number. Nothing is removed if most lines begin so, or the first column is #."""
    if not re.search(r"(?m)^[ \t]*#", text):
        return text, "", 0
    lines = text.split("\n")
    marked = [line.lstrip().startswith("#") for line in lines]
    others = [line for line, mark in zip(lines, marked, strict=True) if not mark]
    first = next((i for i, line in enumerate(lines) if line.strip() and not marked[i]), 0)
    named = sum(marked) == 1 and re.match(r"[ \t]*#[,;\t|]", lines[0])
    if named or 2 * sum(marked) > len(lines) or not any(line.strip() for line in others):
        return text, "", 0
    above = [lines[i] for i in range(first) if marked[i]]
    return "\n".join(others), above[-1].lstrip("# \t") if above else "", sum(marked)


def _without_empty(text: str, separator: str) -> tuple[str, int]:
    """Remove lines with only separators. Returns the text and their number."""
    if separator == BLANKS:
        return text, 0
    return re.subn(rf"(?m)^[ ]*{re.escape(separator)}[{re.escape(separator)} ]*(?:\n|\Z)", "",
                   text)


def _without_first(text: str) -> str:
    """Remove the first line that is not blank. A quoted cell may hold line breaks."""
    begin, quoted = 0, False
    while begin < len(text):
        end = text.find("\n", begin)
        end = len(text) if end < 0 else end
        line = text[begin:end]
        quoted ^= line.count('"') % 2 == 1
        begin = end + 1
        if line.strip() and not quoted:
            break
    return text[begin:]


def _cells(lines: list[str], separator: str) -> list[list[str]]:
    if separator == BLANKS:
        return [line.split() for line in lines]
    read = csv.reader(io.StringIO("\n".join(lines)), delimiter=separator, skipinitialspace=True)
    try:
        return [[cell.strip() for cell in row] for row in read if row]
    except csv.Error as error:
        raise ValueError(f"this is not a table: {error}") from None


def _separator(lines: list[str]) -> str:
    """The separator: it occurs in the first line and equally often in most others."""
    for separator in SEPARATORS:
        if separator not in lines[0]:
            continue
        counts = Counter(len(row) for row in _cells(lines, separator)[1:])
        usual, often = counts.most_common(1)[0] if counts else (2, 0)
        if usual > 1 and often >= MOSTLY * counts.total():
            return separator
    columns = Counter(len(line.split()) for line in lines[1:] or lines)
    usual, often = columns.most_common(1)[0]
    cells = [cell for line in lines[1:] or lines for cell in line.split()]
    if usual > 1 and often >= MOSTLY * columns.total() and (
            sum(bool(NUMBER.fullmatch(cell)) for cell in cells) > len(cells) / 2):
        return BLANKS
    return max(SEPARATORS[::-1], key=lines[0].count)


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first row is a header: it has no number or date where the rows below do.
    Consecutive integers, such as 0, 1, 2 or years, count as names."""
    first, below = rows[0], rows[1:]
    values = [_is_value(cell) for cell in first]
    if not any(values):
        return True
    if not below:
        return not all(values)
    if _are_names(first) and not all(_are_names(row) for row in below[:3]):
        return True
    under = [[row[i] for row in below if i < len(row) and row[i]] for i in range(len(first))]
    return not any(value and cells and sum(map(_is_value, cells)) > len(cells) / 2
                   for value, cells in zip(values, under, strict=True))


def _is_value(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell) or WHEN.fullmatch(cell))


def _are_names(cells: list[str]) -> bool:
    """Whether the numbers among a row's cells may be names: years, or counting from 0 or 1."""
    numbers = [int(cell) for cell in cells if re.fullmatch(r"\d{1,4}", cell)]
    if len(numbers) < sum(map(_is_value, cells)) or not all(
            b - a == 1 for a, b in pairwise(numbers)):
        return False
    years = len(numbers) > 1 and YEARS[0] <= numbers[0] and numbers[-1] <= YEARS[1]
    return years or len(numbers) >= {0: 3, 1: 5}.get(numbers[0], len(cells) + 1)


def _fit_names(layout: CsvFormat, rows: list[list[str]], what: str) -> None:
    """Add names if rows have more cells than the header: at the end if the last cell is empty,
    otherwise at the front, as R writes row names. Raises ValueError."""
    usual = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    more = usual - len(layout.names)
    wide = [row for row in rows if len(row) == usual]
    if more > 0 and all(not any(row[-more:]) for row in wide):
        layout.names += [""] * more
    elif more == 1:
        layout.names = ["", *layout.names]
    elif more > 1:
        raise ValueError(f"{what} cannot be read as a table: its rows have {usual} cells under "
                         f"{len(layout.names)} names")


def _with_marks(frame: Any, layout: CsvFormat, decimal: str, parsed: Any) -> Any:
    """The frame with numbers read that are written with a decimal comma or with thousands."""
    texts = {name: column.dropna().astype(str) for name, column in frame.items()
             if is_text(column)}
    marks = {name: decimal_mark(text) for name, text in texts.items() if len(text)}
    requested = decimal
    if not decimal:
        unsure = layout.separator == ";" and ",?" in marks.values()
        decimal = "," if "," in marks.values() or unsure else "." if any(marks.values()) else ""
    if decimal != ",":
        frame.attrs["decimal"] = decimal
        for name, mark in marks.items():
            if mark == ",?" and not requested:
                layout.notes.append(f"{name}: the comma in {texts[name].iloc[0]} is read as a "
                                    f"thousands separator; otherwise pass decimal=','")
        return frame
    as_written, grouped = parsed(dtype=str, na_values=MARKS), []
    for name in frame.columns:
        if frame[name].dtype == bool:
            continue
        values = written_numbers(as_written[name], ",")
        if values is not None:
            differ = frame[name].dtype.kind in "if" and not values.equals(
                frame[name].astype(values.dtype))
            grouped += [name] * differ
            frame[name] = values
    layout.notes.append("numbers are read with a decimal comma" + (
        f"; points in {', '.join(map(str, grouped))} are read as thousands separators" if grouped
        else ""))
    frame.attrs["decimal"] = ","
    return frame
