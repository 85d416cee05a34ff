"""Titles of items, from a file next to the ratings such as u.item or movies.csv."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .pandas_library import pandas
from .rating_columns import TITLES, plainly, role_of
from .rating_places import Place, cells, layout_of

USUAL = ("u.item", "movies.dat", "movies.csv", "items.csv", "items.tsv", "items.txt",
         "films.csv", "books.csv", "products.csv", "titles.csv", "artists.dat", "artists.csv",
         "anime.csv", "songs.csv", "games.csv", "movies.tsv", "item.csv", "items.dat")
LEAST = 0.5       # share of the items that such a file must name
LARGEST = 2**29   # bytes of such a file


def titles_of(items: Sequence[str], place: Place | None, path: str) -> tuple[list[str], list[str]]:
    """A title for each item, "" where none is known, and notes. `path` names the file of titles.
    Without it, a file with a usual name next to the ratings is read if it fits. Raises
    ValueError."""
    if path:
        named = Place(Path(path).expanduser())
        if not named.path.is_file():
            raise ValueError(f"there is no file {path}; items= names a file with an item and its "
                             f"title in each row")
        known = read_titles(named)
        titles = [known.get(item, "") for item in items]
        count = sum(map(bool, titles))
        if not count:
            raise ValueError(f"{path} names none of the items; its first column must hold the "
                             f"items' ids, such as {items[0]!r}")
        return titles, [f"{count:,} of {len(items):,} items have a title in {named.name}"]
    for beside in _beside(place) if place is not None else ():
        with suppress(ValueError, OSError, EOFError):   # another file of that name
            known = read_titles(beside)
            titles = [known.get(item, "") for item in items]
            if (count := sum(map(bool, titles))) >= LEAST * len(items):
                return titles, [f"titles of {count:,} items are read from {beside.name}, next to "
                                f"the ratings"]
    return [""] * len(items), []


def _beside(place: Place) -> list[Place]:
    there = {other.name.lower(): other for other in place.others()}
    return [there[name] for name in USUAL if name in there]


def read_titles(place: Place) -> dict[str, str]:
    """Item -> title. The columns are found by their names; by default, they are the first two.
    Raises ValueError."""
    if place.name.lower().endswith((".parquet", ".pq")):
        frame = pandas().read_parquet(place.path)
        item, title = _columns([str(name) for name in frame.columns])
        return dict(zip(frame.iloc[:, item].astype(str), frame.iloc[:, title].astype(str),
                        strict=True))
    layout = layout_of(place)
    if layout.width < 2:
        raise ValueError(f"{place.words} has one column; a file of titles has an item and its "
                         f"title in each row")
    item, title = _columns(layout.names) if layout.names else (0, 1)
    with place.opened() as file:
        text = file.read(LARGEST).decode(layout.encoding, errors="replace")
    rows = (cells(line, layout.separator) for line in text.splitlines()[bool(layout.names):])
    return {row[item]: row[title] for row in rows if len(row) > max(item, title) and row[title]}


def _columns(names: Sequence[str]) -> tuple[int, int]:
    """The columns of items and of their titles."""
    plain = [plainly(name) for name in names]
    title = next((plain.index(name) for name in TITLES if name in plain), None)
    item = next((i for i, name in enumerate(names) if role_of(name) == "item" and i != title),
                0 if title != 0 else 1)
    return item, title if title is not None else (1 if item == 0 else 0)
