"""The items that users have: histories in files, frames or lists, over the items of a model."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from ..core.contracts import Collection
from .pandas_library import is_frame
from .rating_columns import TITLES, by_order, find_columns, plainly, role_of
from .rating_places import SEPARATORS, Layout, Place, layout_of
from .ratings_file import Triples, from_frame, gathered, text_blocks
from .sources.ratings import KIND, standardised
from .sparse_rows import SparseRows

ME = "you"        # the name of a single user, who has none
NAMED = 5         # unknown items that a note names
ALIKE = 0.6       # how alike a name must be to be suggested


@dataclass(frozen=True)
class Histories:
    """Users' items, over those of a model."""

    rows: SparseRows             # (N, I) as the encoder sees them
    seen: Any                    # scipy.sparse.csr_matrix (N, I): all that users have
    users: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def collection(self) -> Collection:
        """The rows as a collection."""
        return Collection(self.rows, names=self.users,  # type: ignore[arg-type]
                          notes=list(self.notes))


def is_ratings(encoding: Mapping[str, Any] | None) -> bool:
    """Whether an encoding is of ratings."""
    return bool(encoding) and encoding.get("kind") == KIND  # type: ignore[union-attr]


def read_histories(data: Any, encoding: Mapping[str, Any]) -> Histories:
    """The histories in `data`: a file of ratings or of one user's items, a data frame, a list of
    one user's items (ids or titles), a dict of items and ratings, or a list of those. Items that
    the model does not know are left out, with a note. Raises ValueError."""
    triples = _triples(data)
    if encoding["explicit"] and not triples.rated:
        raise ValueError("this model predicts ratings, so it needs those of the history: a column "
                         "rating, or a dict of items and ratings")
    return _over_items(triples, encoding)


def _triples(data: Any) -> Triples:
    if isinstance(data, str | Path):
        return _from_file(Place(Path(data).expanduser()))
    if is_frame(data):
        frame = data
        if not any(role_of(str(name)) == "user" for name in frame.columns):
            frame = frame.assign(user=ME)
        return from_frame(frame, {})
    if isinstance(data, Mapping):
        return _from_lists([data], [ME])
    if not isinstance(data, Sequence | np.ndarray) or not len(data):
        raise ValueError(f"a history is a file, a data frame, a list of items, or a dict of items "
                         f"and ratings, not {type(data).__name__ if data is not None else data}"
                         f"{' without items' if isinstance(data, Sequence) else ''}")
    several = isinstance(data[0], Mapping | list | tuple | np.ndarray)
    if not several:
        return _from_lists([data], [ME])
    return _from_lists([*data], [f"{ME} {i + 1}" for i in range(len(data))])


def _from_lists(histories: Sequence[Any], names: list[str]) -> Triples:
    """Histories in memory, a list of items or a dict of items and ratings for each user."""
    rows = []
    rated = all(isinstance(history, Mapping) for history in histories)
    for name, history in zip(names, histories, strict=True):
        if not isinstance(history, Mapping | list | tuple | np.ndarray):
            raise ValueError(f"a user's history is a list of items, or a dict of items and "
                             f"ratings, not {history!r}")
        pairs = history.items() if isinstance(history, Mapping) else (
            (item, 1.0) for item in history)
        rows += [(name, str(item).strip(), value) for item, value in pairs]
    if not rows:
        raise ValueError("a history without items says nothing of a user; give an item or more")
    users, items = list(dict.fromkeys(row[0] for row in rows)), list(
        dict.fromkeys(row[1] for row in rows))
    try:
        values = np.array([float(row[2]) for row in rows], np.float32)
    except (TypeError, ValueError):
        raise ValueError("ratings must be numbers, as in {'Heat (1995)': 5}") from None
    number = {name: i for i, name in enumerate(users)}
    place = {name: i for i, name in enumerate(items)}
    kept = np.isfinite(values)
    lost = [f"{int((~kept).sum()):,} items whose rating is missing or not finite are left out"]
    return Triples(np.array([number[row[0]] for row in rows], np.int32)[kept],
                   np.array([place[row[1]] for row in rows], np.int32)[kept], values[kept], None,
                   users, items, rated, lost * bool((~kept).any()))


def _from_file(place: Place) -> Triples:
    """A file of ratings, or of one user's items, perhaps with ratings."""
    if not place.path.is_file():
        raise ValueError(f"there is no file {place.path}; a history is a csv file with an item in "
                         f"each line, and perhaps its user and rating")
    if place.name.lower().endswith((".parquet", ".pq")):
        from .pandas_library import pandas
        return _triples(pandas().read_parquet(place.path))
    layout = layout_of(place)
    first = place.head().decode(layout.encoding).splitlines()[0]
    if layout.separator == "," and not any(mark in first for mark in SEPARATORS):
        layout = _one_column(layout)
    names = layout.names
    roles = [role_of(name) for name in names]
    if names and "user" in roles and "item" in roles:
        columns = find_columns(names, {}, place.words)
    elif names:
        item = next((i for i, role in enumerate(roles) if role == "item"), 0)
        columns = {"item": item, **{role: roles.index(role) for role in ("rating", "time")
                                    if role in roles and roles.index(role) != item}}
    elif layout.width == 1:
        columns = {"item": 0}
    elif layout.width == 2:
        columns = {"item": 0, "rating": 1} if _numbers_below(layout, 1) else by_order(
            2, place.words)
    else:
        columns = by_order(layout.width, place.words)
    blocks = (block if "user" in block else block.assign(user=ME)
              for block in text_blocks(place, layout, columns))
    return gathered(blocks, place.words, [])


def _one_column(layout: Layout) -> Layout:
    """The layout of a file with one column, whose first line is a name or the first item. Titles
    may hold commas, so nothing separates cells."""
    lines = [*layout.names[:1], *(", ".join(row) for row in layout.rows)]
    named = role_of(lines[0]) == "item" or plainly(lines[0]) in TITLES
    return layout._replace(names=(lines[0],) if named else (), width=1, separator="\t",
                           rows=tuple((line,) for line in lines[named:]))


def _numbers_below(layout: Layout, column: int) -> bool:
    """Whether a column holds small numbers, such as ratings, rather than ids."""
    try:
        values = [float(row[column]) for row in layout.rows if len(row) > column]
    except ValueError:
        return False
    return bool(values) and max(values) <= 10 and len(set(values)) < max(len(values), 2)


def _over_items(triples: Triples, encoding: Mapping[str, Any]) -> Histories:
    """The histories over a model's items. Raises ValueError if no item of a single user is
    known."""
    place, notes = _places(triples, encoding)
    column = place[triples.item]
    known = column >= 0
    if not known.any():
        raise ValueError(f"none of the {len(triples.items):,} items in the history is known to "
                         f"this model; {_unknown(triples, place, encoding)}")
    shape = (len(triples.users), len(encoding["items"]))
    seen = sparse.csr_matrix((np.ones(int(known.sum()), np.float32),
                              (triples.user[known], column[known])), shape=shape)
    seen.data[:] = 1
    least = encoding["least"]
    counted = known if not triples.rated or least is None else known & (triples.value >= least)
    small = int(known.sum() - counted.sum())
    if small:
        notes.append(f"{small:,} items have a rating below {least:g}: they are not recommended "
                     f"again, and do not count as chosen")
    last = {(int(u), int(c)): float(v) for u, c, v in zip(
        triples.user[counted], column[counted], triples.value[counted], strict=True)}
    users, columns = (np.array([pair[i] for pair in last] or [], np.int64) for i in (0, 1))
    values = (standardised(np.array([*last.values()]), encoding) if encoding["explicit"] else
              np.ones(len(last)))
    rows = sparse.csr_matrix((values.astype(np.float32), (users, columns)), shape=shape)
    return Histories(SparseRows(rows, float("nan") if encoding["explicit"] else 0.0), seen,
                     tuple(triples.users), (*triples.notes, *notes))


def _places(triples: Triples, encoding: Mapping[str, Any]) -> tuple[np.ndarray, list[str]]:
    """The model's column of each item, -1 for one that it does not know; and notes. Items are
    named by id, or by a title that only one has."""
    ids = {item: i for i, item in enumerate(encoding["items"])}
    titles: dict[str, int] = {}
    for i, title in enumerate(encoding["titles"]):
        titles[title.casefold()] = -1 if title.casefold() in titles else i
    columns = np.array([ids.get(item, titles.get(item.casefold(), -1) if item else -1)
                        for item in triples.items], np.int64)
    notes = []
    if (columns < 0).any():
        notes.append(f"{int((columns < 0).sum()):,} of {len(columns):,} items are not known to the "
                     f"model and are left out: {_unknown(triples, columns, encoding)}")
    return columns, notes


def _unknown(triples: Triples, place: np.ndarray, encoding: Mapping[str, Any]) -> str:
    """The first unknown items, each with the name that is most alike."""
    missing = [item for item, where in zip(triples.items, place, strict=True) if where < 0]
    known = {title.casefold(): title for title in (*encoding["titles"], *encoding["items"])}
    words = []
    for item in missing[:NAMED]:
        near = difflib.get_close_matches(item.casefold(), known, 1, ALIKE)
        words.append(f"{item!r}" + (f" (did you mean {known[near[0]]!r}?)" if near else ""))
    more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
    return ", ".join(words) + more

