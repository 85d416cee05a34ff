"""Read ratings (user, item, rating, time) block by block into integer codes, in little memory."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from .pandas_library import pandas
from .rating_columns import ROLES, by_order, find_columns
from .rating_places import BLOCK, Layout, Place, encoding_of, layout_of

MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "?"]
FEW_WRONG = 3    # number of invalid ratings that a message shows
OF_PARQUET = 2**19   # rows of a block
LATE = np.iinfo(np.int64).min   # the time of a row without one


@dataclass
class Triples:
    """Ratings as integer codes. All arrays are (R,)."""

    user: np.ndarray            # int32, into `users`
    item: np.ndarray            # int32, into `items`
    value: np.ndarray           # float32
    time: np.ndarray | None     # int64, in the file's units or seconds
    users: list[str]
    items: list[str]
    rated: bool                 # whether there was a column of ratings
    notes: list[str] = field(default_factory=list)


class Numbering:
    """Numbers texts in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def of(self, texts: list[str]) -> np.ndarray:
        """The number of each text."""
        known = self.numbers
        return np.array([known.setdefault(text, len(known)) for text in texts], np.int32)


def read_triples(place: Place, by_role: Mapping[str, str]) -> Triples:
    """Read a file of ratings, whose columns may be named in `by_role`: role -> name. Rows without a
    user, an item or a number as rating are left out, and a note says so. Raises ValueError."""
    pandas()   # raises ValueError where it is not installed
    if place.name.lower().endswith((".parquet", ".pq")):
        blocks, notes = _parquet_blocks(place, by_role)
        return gathered(blocks, place.words, notes)
    layout = layout_of(place, tuple(name for name in by_role.values() if name))
    if layout.names:
        columns, notes = find_columns(layout.names, by_role, place.words), []
        ignored = [name for i, name in enumerate(layout.names) if i not in columns.values()]
        notes += [f"columns that are not used: {', '.join(ignored)}"] * bool(ignored)
    else:
        if any(by_role.values()):
            name = next(name for name in by_role.values() if name)
            raise ValueError(f"{place.words} has no names of columns, so none is {name!r}; its "
                             f"columns are read in this order: {', '.join(ROLES)}")
        columns = by_order(layout.width, place.words)
        notes = [f"{place.name} has no names of columns: they are read as {', '.join(columns)}"]
    notes += ["the file is not UTF-8: it is read as Latin-1"] * (layout.encoding == "latin-1")
    return gathered(text_blocks(place, layout, columns), place.words, notes)


def from_frame(frame: Any, by_role: Mapping[str, str]) -> Triples:
    """Ratings in a data frame. Raises ValueError."""
    names = tuple(map(str, frame.columns))
    columns = find_columns(names, by_role, "the data frame")
    named = frame.set_axis(list(names), axis=1)
    ignored = [name for i, name in enumerate(names) if i not in columns.values()]
    return gathered(iter([named[[names[i] for i in columns.values()]].set_axis(
        list(columns), axis=1)]), "the data frame",
        [f"columns that are not used: {', '.join(ignored)}"] * bool(ignored))


def gathered(blocks: Iterator[Any], path: str, notes: list[str]) -> Triples:
    """Blocks of rows, data frames whose columns are named by their role, as one set of codes."""
    users, items = Numbering(), Numbering()
    parts: dict[str, list[np.ndarray]] = {role: [] for role in ROLES}
    lost = {"user": 0, "item": 0, "rating": 0}
    rows, rated, timed = 0, False, False
    for block in blocks:
        rows += len(block)
        value = _numbers(block["rating"], path) if "rating" in block else np.ones(
            len(block), np.float32)
        who, what = _texts(block["user"]), _texts(block["item"])
        bad = {"user": who[0] < 0, "item": what[0] < 0, "rating": ~np.isfinite(value)}
        kept = ~(bad["user"] | bad["item"] | bad["rating"])
        lost = {role: lost[role] + int(mask.sum()) for role, mask in bad.items()}
        parts["user"].append(users.of(who[1])[who[0][kept]] if len(who[1]) else who[0][kept])
        parts["item"].append(items.of(what[1])[what[0][kept]] if len(what[1]) else what[0][kept])
        parts["rating"].append(value[kept])
        rated, timed = rated or "rating" in block, timed or "time" in block
        if "time" in block:
            parts["time"].append(_times(block["time"], path)[kept])
    words = {"user": "without a user", "item": "without an item",
             "rating": "whose rating is missing or not finite"}
    notes = [*notes, *(f"{count:,} of {rows:,} rows {words[role]} are left out"
                       for role, count in lost.items() if count)]
    if not sum(map(len, parts["user"])):
        raise ValueError(f"{path} holds no rating: {'; '.join(notes) or 'it has no rows'}")
    whole = {role: np.concatenate(parts.pop(role)) if parts[role] else None for role in ROLES}
    user, item, rating = whole["user"], whole["item"], whole["rating"]
    assert user is not None and item is not None and rating is not None
    return Triples(user, item, rating, whole["time"] if timed else None, list(users.numbers),
                   list(items.numbers), rated, notes)


def _texts(column: Any) -> tuple[np.ndarray, list[str]]:
    """A column as codes (R,), -1 where it is missing, into its different texts."""
    if str(column.dtype) == "category":
        codes, kinds = column.cat.codes.to_numpy(), column.cat.categories.tolist()
    else:
        codes, kinds = pandas().factorize(column)
        kinds = list(kinds)
    texts = [_as_text(kind) for kind in kinds]
    empty = np.array([not text for text in texts] or [False])
    codes = np.asarray(codes, np.int64)
    return np.where(empty[codes] & (codes >= 0), -1, codes), texts


def _as_text(name: Any) -> str:
    """A user or item as a text: 7 for 7.0, which a column with gaps holds."""
    if isinstance(name, float | np.floating) and float(name).is_integer():
        return str(int(name))
    return str(name).strip()


def _numbers(column: Any, path: str) -> np.ndarray:
    """Ratings as float32, NaN where one is missing. Raises ValueError for other texts."""
    if str(column.dtype) != "category" and column.dtype.kind in "biuf":
        return np.asarray(column, np.float32)
    codes, texts = _texts(column)
    values = np.array([_number(text) for text in texts] or [np.nan], np.float64)
    wrong = [text for text, value in zip(texts, values, strict=False) if np.isneginf(value)]
    if wrong:
        listed = ", ".join(repr(text) for text in wrong[:FEW_WRONG])
        raise ValueError(f"{path}: ratings must be numbers, and {len(wrong):,} different ones are "
                         f"not, such as {listed}. Name the column of ratings: "
                         f"ratings({path!r}, rating='stars')")
    return np.where(codes < 0, np.nan, values[codes]).astype(np.float32)


def _number(text: str) -> float:
    """A rating; NaN for a missing one, minus infinity for a text that is not a number."""
    if text in MISSING:
        return np.nan
    try:
        value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
        return value if np.isfinite(value) else np.nan
    except ValueError:
        return -np.inf


def _times(column: Any, path: str) -> np.ndarray:
    """Times as int64: numbers unchanged, dates in seconds. Raises ValueError."""
    library = pandas()
    if column.dtype.kind in "biuf":
        numbers = np.asarray(column, np.float64)
        return np.where(np.isfinite(numbers), numbers, LATE).astype(np.int64)
    try:
        dates = library.to_datetime(column, errors="raise", utc=True, format="mixed")
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: the column of times has a value that is neither a number nor a "
                         f"date: {str(error)[:80]}") from None
    seconds = dates.astype("datetime64[s, UTC]").astype(np.int64).to_numpy()
    return np.where(dates.isna(), LATE, seconds)


def text_blocks(place: Place, layout: Layout, columns: Mapping[str, int]) -> Iterator[Any]:
    """The rows of a text, a block at a time."""
    mark = "\t" if layout.separator == "::" else layout.separator
    encoding, first = layout.encoding, bool(layout.names)
    with place.opened() as file:
        for content in _whole_lines(file, place.words):
            if layout.separator == "::":
                content = content.replace(b"::", b"\t")
            encoding = encoding if encoding == "latin-1" else encoding_of(content)
            yield _parsed(content, mark, encoding, columns, (layout.width, first, place.words))
            first = False


def _parsed(content: bytes, mark: str, encoding: str, columns: Mapping[str, int],
            about: tuple[int, bool, str]) -> Any:
    """A block of a text as a frame with a column for each role. Ids stay texts: 007 is not 7."""
    width, named, path = about
    names = [str(i) for i in range(width)]
    role = {str(place): role for role, place in columns.items()}
    times = {name: MISSING for name, what in role.items() if what == "time"}
    try:
        frame = pandas().read_csv(
            io.BytesIO(content), sep=mark, header=None, names=names, skiprows=int(named),
            usecols=[*role], index_col=False, encoding=encoding, skipinitialspace=True,
            dtype={name: "category" for name, what in role.items() if what != "time"},
            keep_default_na=False, na_values={**times, **{name: [""] for name in role
                                                          if name not in times}})
    except (ValueError, OSError) as error:   # pandas' own errors are ValueErrors
        if "No columns" in str(error):
            return pandas().DataFrame({what: [] for what in role.values()})
        raise ValueError(f"{path} cannot be read as ratings: {error}") from None
    return frame.rename(columns=role)


def _whole_lines(file: IO[bytes], path: str) -> Iterator[bytes]:
    """The content in blocks that end with a line; a quoted cell may hold line breaks."""
    rest = b""
    try:
        while content := file.read(BLOCK):
            content = rest + content
            end = content.rfind(b"\n") + 1
            while end and content.count(b'"', 0, end) % 2:
                end = content.rfind(b"\n", 0, end - 1) + 1
            rest = content[end:]
            if len(rest) > 4 * BLOCK:
                raise ValueError(f"{path} cannot be read as ratings: a quotation mark is never "
                                 f"closed")
            if end:
                yield content[:end]
    except (EOFError, OSError) as error:
        raise ValueError(f"{path} is cut short or damaged: {error}") from None
    if rest.strip():
        yield rest


def _parquet_blocks(
    place: Place, column_names: Mapping[str, str]
) -> tuple[Iterator[Any], list[str]]:
    """The rows of a parquet file, a block at a time, and notes."""
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise ValueError("parquet needs an extra: pip install 'hourglass[tabular]'") from None
    try:
        parquet = ParquetFile(place.path)
        names = tuple(parquet.schema_arrow.names)
    except Exception as error:   # of pyarrow's many kinds
        raise ValueError(f"{place.words} cannot be read as parquet: {error}") from None
    columns = find_columns(names, column_names, place.words)
    used = [names[i] for i in columns.values()]
    ignored = [name for name in names if name not in used]

    def blocks() -> Iterator[Any]:
        for batch in parquet.iter_batches(OF_PARQUET, columns=used):
            yield batch.to_pandas()[used].set_axis(list(columns), axis=1)
    return blocks(), [f"columns that are not used: {', '.join(ignored)}"] * bool(ignored)


def digest_of(triples: Triples) -> str:
    """A digest of all that was read."""
    digest = hashlib.sha256("\0".join([*triples.users, "", *triples.items]).encode())
    for array in (triples.user, triples.item, triples.value, triples.time):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
