"""Find files of ratings and of items' titles, in a folder or a zip, and recognise their type."""

import csv
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from ..core.files import open_regular
from .delimited import NUMBER, PACKED
from .find_images import SUFFIXES
from .rating_columns import usual_columns

OF_RATINGS = ("u.data", "ratings.dat", "ratings.csv", "ratings.tsv")   # in MovieLens' archives
SEPARATORS = ("::", "\t", ";", "|", ",")   # in the order in which they are tried
BLOCK = 2**24     # bytes of a file that are read at once
HEAD = 2**16      # bytes that are examined
EXAMINED = 1000   # lines of them
WIDEST = 6        # columns of a file that may be one of ratings without being asked for
FEW_STARS = 12    # different ratings in the first lines of a file without names, at most


class Place(NamedTuple):
    """A file, or a member of a zip."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.member).name if self.member else self.path.name

    @property
    def words(self) -> str:
        """Its name in messages."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The content, unpacked if the file is. Raises OSError and ValueError."""
        if self.member:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                yield file
            return
        with open_regular(self.path) as file:
            head = file.read(6)
            file.seek(0)
            packed = next((name for start, name in PACKED.items() if head.startswith(start)), "")
            try:
                yield import_module(packed).open(file) if packed else file
            except (EOFError, zlib.error, lzma.LZMAError) as error:
                raise ValueError(f"{self.path} is cut short or damaged: {error}") from None

    def head(self) -> bytes:
        """The first whole lines."""
        with self.opened() as file:
            start = file.read(HEAD)
        return start[:start.rfind(b"\n") + 1] if len(start) == HEAD else start

    def others(self) -> list["Place"]:
        """The other files in its folder or archive, ordered by name."""
        if self.member:
            folder = PurePosixPath(self.member).parent
            with zipfile.ZipFile(self.path) as archive:
                return [Place(self.path, name) for name in sorted(archive.namelist())
                        if PurePosixPath(name).parent == folder and name != self.member]
        return [Place(file) for file in sorted(self.path.parent.iterdir())
                if file.is_file() and file != self.path]


def place_of(path: str | Path) -> Place:
    """The file of ratings that a path names: itself, or MovieLens' in a folder or zip. Raises
    ValueError where there is none."""
    file = Path(path).expanduser()
    if file.is_dir() or (file.is_file() and file.suffix.lower() == ".zip"):
        place = _within(file)
        if place is None:
            raise ValueError(f"{path} holds no {', '.join(OF_RATINGS[:-1])} or {OF_RATINGS[-1]}; "
                             f"pass the file of ratings itself")
        return place
    if not file.exists():
        raise ValueError(f"there is no file {path}")
    if not file.is_file():   # a pipe would block
        raise ValueError(f"{path} is not a regular file")
    return Place(file)


def _within(place: Path) -> Place | None:
    """MovieLens' file of ratings in a folder or zip, the outermost one."""
    return _of_ratings(place, _names_in(place))


def _names_in(place: Path) -> list[str]:
    """Names in a folder, its first 1000, or in a zip, those of folders with a slash; none if it
    cannot be read."""
    try:
        if place.is_dir():
            return [file.name + "/" * file.is_dir() for file in islice(place.iterdir(), 1000)]
        with zipfile.ZipFile(place) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []


def _of_ratings(place: Path, names: list[str]) -> Place | None:
    """The file of ratings among these names in a folder or zip."""
    alike = [name for name in names if name.rpartition("/")[2] in OF_RATINGS]
    if not alike:
        return None
    first = min(alike, key=lambda name: (OF_RATINGS.index(name.rpartition("/")[2]),
                                         name.count("/")))
    return Place(place / first) if place.is_dir() else Place(place, first)


class Layout(NamedTuple):
    """How a file of ratings is written."""

    separator: str
    names: tuple[str, ...]   # of the columns, or () for a file without
    width: int               # columns
    encoding: str
    rows: tuple[tuple[str, ...], ...]   # the first ones, without the names


def layout_of(place: Place, names: tuple[str, ...] = ()) -> Layout:
    """Look at the first lines. `names` are columns that it must have. Raises ValueError
    for a file that is empty or no text."""
    try:
        head = place.head()
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise ValueError(f"{place.words} is cut short or damaged: {error}") from None
    if b"\0" in head:
        raise ValueError(f"{place.words} is not a text in UTF-8; save it as csv or parquet")
    encoding = encoding_of(head)
    lines = [line for line in head.decode(encoding).splitlines() if line.strip()][:EXAMINED]
    if not lines:
        raise ValueError(f"{place.words} is empty")
    separator = next((mark for mark in SEPARATORS if mark in lines[0]), ",")
    rows = [cells(line, separator) for line in lines]
    named = bool(set(names) & set(rows[0])) or _has_names(rows)
    return Layout(separator, tuple(rows[0]) if named else (), len(rows[0]), encoding,
                  tuple(map(tuple, rows[named:])))


def encoding_of(content: bytes) -> str:
    """UTF-8 or, if the bytes are not UTF-8, the Latin-1 of MovieLens' older files."""
    with suppress(UnicodeDecodeError):
        content.decode("utf-8")
        return "utf-8-sig"
    return "latin-1"


def cells(line: str, separator: str) -> list[str]:
    """The cells of a line."""
    if separator == "::":
        return [cell.strip() for cell in line.split(separator)]
    read = csv.reader(io.StringIO(line), delimiter=separator, skipinitialspace=True)
    try:
        return [cell.strip() for cell in next(read)]
    except (csv.Error, StopIteration):
        return line.split(separator)


def _has_names(rows: list[list[str]]) -> bool:
    """Whether the first row holds names: two usual ones, or no number where the next row has one.
    """
    if len(usual_columns(rows[0])) > 1:
        return True
    below = rows[1] if len(rows) > 1 else []
    return any(not NUMBER.fullmatch(name) and NUMBER.fullmatch(cell)
               for name, cell in zip(rows[0], below, strict=False))


def is_of_ratings(path: Path) -> str:
    """Whether a path is surely of ratings ("yes"), perhaps ("perhaps"), or not (""). A folder or
    zip with images is not, nor is a pipe."""
    if not path.is_dir() and not path.is_file():
        return ""
    if path.is_dir() or path.suffix.lower() == ".zip":
        names = _names_in(path)
        return "yes" if _of_ratings(path, names) and not _has_images(path, names) else ""
    if path.suffix.lower() in (".parquet", ".pq"):
        return _of_names(_parquet_names(path))
    with suppress(OSError, ValueError, EOFError, RuntimeError):
        layout = layout_of(Place(path))
        if layout.names:
            return _of_names(layout.names)
        return _of_values(layout, path.name.lower() in OF_RATINGS)
    return ""


def _has_images(place: Path, names: list[str]) -> bool:
    """Whether these names are of images; subfolders of a folder may have some."""
    below = place.is_dir() and any(name.endswith("/") for name in names)
    return below or any(PurePosixPath(name).suffix.lower() in SUFFIXES for name in names)


def _of_names(names: tuple[str, ...]) -> str:
    """By the columns' names: users, items and ratings, with few other columns."""
    roles = usual_columns(names)
    if not {"user", "item"} <= set(roles) or len(names) > WIDEST:
        return ""
    return "yes" if "rating" in roles else "perhaps"


def _of_values(layout: Layout, named: bool) -> str:
    """By the values of a file without names: whole numbers, few different ratings, and times."""
    rows = [row for row in layout.rows if len(row) == layout.width]
    if layout.width not in (3, 4) or not rows:
        return ""
    if named:
        return "yes"
    if len(rows) < 2 or not all(NUMBER.fullmatch(cell) for row in rows for cell in row):
        return ""
    users, items, ratings, *times = zip(*rows, strict=True)
    whole = all("." not in cell for cell in (*users, *items))
    repeated = len(set(users)) < len(rows) or len(set(items)) < len(rows)
    stamped = all(float(cell) > 1e8 for column in times for cell in column)
    likely = whole and repeated and stamped and len(set(ratings)) <= FEW_STARS
    return "" if not likely else "yes" if times else "perhaps"


def _parquet_names(path: Path) -> tuple[str, ...]:
    with suppress(Exception):   # of pyarrow's many kinds, and where it is not installed
        from pyarrow.parquet import read_schema
        return tuple(read_schema(path).names)
    return ()
