"""Ratings of items by users: read from a file, and split into sparse rows, a user each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from scipy import sparse

from ...core.contracts import Collection
from ...core.hints import Count, Rate
from ...core.registry import sources
from ..item_titles import titles_of
from ..rating_places import place_of
from ..ratings_file import Triples, digest_of, from_frame, read_triples
from ..read_image import Reading
from ..sparse_rows import SparseRows

KIND = "ratings"
Held = Literal["users", "last"]
LIKED = 0.8      # of the best rating: from there on a rating counts as liking, 4 of 5 stars
JUST_KNOWN = 1e-6   # in place of a rating of exactly the mean, in deviations
STARS = 10.0     # a larger best rating is a count, such as plays, and all of it counts


@dataclass(frozen=True)
class RatingOptions:
    """How ratings become samples."""

    explicit: bool = False       # True: learn the ratings themselves
    least: float | None = None   # the rating from which an item counts as chosen; None: by rule
    fewest: int = 5              # items that a user must have
    split: Held = "users"        # whole users are held out, or the last items of each
    fold_in: float = 0.8         # share of a held-out user's items that the encoder sees


@dataclass(frozen=True)
class Ratings:
    """Users' ratings of items, in CSR form, with the items of each user in the order of time."""

    matrix: Any                  # scipy.sparse.csr_matrix (N users, I items) of float32
    time: np.ndarray | None      # (E,) int64, of each stored rating
    users: list[str]
    items: list[str]
    titles: list[str]            # "" where none is known
    options: RatingOptions = field(default_factory=RatingOptions)
    rated: bool = True           # whether the file has ratings, or only who chose what
    identity: dict[str, Any] = field(default_factory=dict)

    def parts(self, shares: dict[str, float]) -> dict[str, np.ndarray]:
        """No own splits: `ratings_splits` makes them."""
        return {}

    def learn(self, train: np.ndarray) -> Collection:
        """The rows of all users, over the items that these training users have."""
        return self.encode(self.encoding(self.matrix[train]))

    def encoding(self, train: Any) -> dict[str, Any]:
        """The facts about items that a trained model keeps, from the training users' rows (N, I):
        their names, how many users chose each, and for explicit ratings mean and deviation."""
        counts = np.asarray(train.getnnz(0))
        kept = np.flatnonzero(counts)
        values = train.data.astype(np.float64)
        spread = float(values.std()) if self.options.explicit and len(values) else 1.0
        return {"kind": KIND, "items": [self.items[i] for i in kept],
                "titles": [self.titles[i] for i in kept] if any(self.titles) else [],
                "counts": counts[kept].tolist(), "users": int(train.shape[0]),
                "explicit": self.options.explicit, "least": self.options.least,
                "mean": float(values.mean()) if self.options.explicit else 0.0,
                "std": spread or 1.0, "low": float(values.min(initial=0)),
                "high": float(values.max(initial=0))}

    def encode(self, encoding: dict[str, Any]) -> Collection:
        """The rows over the items of an encoding."""
        return Collection(rows_like(self.matrix, self.items, encoding),  # type: ignore[arg-type]
                          names=tuple(self.users), raw=self, encoding=encoding,
                          identity=dict(self.identity))


def rows_like(matrix: Any, items: list[str], encoding: Mapping[str, Any]) -> SparseRows:
    """Rows (N, I) of ratings over `items` as a model sees them: over its own items, 1 for a chosen
    one, or explicit ratings brought to mean 0 and deviation 1."""
    place = {item: i for i, item in enumerate(encoding["items"])}
    column = np.array([place.get(item, -1) for item in items] or [-1], np.int64)
    entries = matrix.tocoo()
    known = column[entries.col] >= 0 if len(entries.col) else np.empty(0, bool)
    values = (standardised(entries.data, encoding) if encoding["explicit"] else
              np.ones(len(entries.data)))
    rows = sparse.csr_matrix((values[known].astype(np.float32),
                              (entries.row[known], column[entries.col[known]])),
                             shape=(matrix.shape[0], len(place)))
    return SparseRows(rows, float("nan") if encoding["explicit"] else 0.0)


def standardised(ratings: np.ndarray, encoding: Mapping[str, Any]) -> np.ndarray:
    """Ratings brought to mean 0 and deviation 1. No rating becomes exactly 0, because 0 means
    unknown to the network."""
    scaled = (ratings - encoding["mean"]) / encoding["std"]
    return np.where(scaled == 0, JUST_KNOWN, scaled)


@sources.add("ratings", example="ratings('ratings.csv', fewest=2)")
def ratings(
    reading: Reading, path: str, explicit: bool = False, least: float | None = None,
    fewest: Count = 5, split: Held = "users", fold_in: Rate = 0.8, items: str = "",
    user: str = "", item: str = "", rating: str = "", time: str = "",
) -> Collection:
    """Who chose or rated what: a row for each user, a column for each item, kept sparse.

    The file is csv, tsv, parquet or MovieLens' own (u.data, ratings.dat, ratings.csv), or a folder
    or zip of it, with a user, an item, perhaps a rating and a time in each line. The columns are
    found by their usual names, or named by `user`, `item`, `rating` and `time`. An item counts as
    chosen from the rating `least` on (default: 4 of 5 stars; counts such as plays all count). With
    `explicit`, the ratings themselves are learnt. Users with fewer than `fewest` items are left
    out. `split` is "users" (val and test are other users; the model sees the share `fold_in` of
    their items and is judged by the rest; Liang et al., 2018, arXiv 1802.05814) or "last" (the
    last item of each user in time is for the test, the one before for validation). `items` is a
    file of the items' titles; u.item, movies.dat and movies.csv next to the ratings are found.
    """
    place = place_of(path)
    column_names = {"user": user, "item": item, "rating": rating, "time": time}
    options = RatingOptions(explicit, least, fewest, split, fold_in)
    triples = read_triples(place, column_names)
    titles, notes = titles_of(triples.items, place, items)
    triples.notes += notes
    return whole(ratings_of_triples(triples, titles, options), triples)


def of_frame(frame: Any, **options: Any) -> Collection:
    """Ratings in a data frame; options as for `ratings`. Raises ValueError."""
    column_names = {role: options.pop(role, "") for role in ("user", "item", "rating", "time")}
    beside = options.pop("items", "")
    triples = from_frame(frame, column_names)
    titles, notes = titles_of(triples.items, None, beside)
    triples.notes += notes
    return whole(ratings_of_triples(triples, titles, RatingOptions(**options)), triples)


def whole(ratings: Ratings, triples: Triples) -> Collection:
    """All users over all items, until they are split."""
    collection = ratings.learn(np.arange(len(ratings.users)))
    return replace(collection, notes=triples.notes)


def ratings_of_triples(triples: Triples, titles: list[str], options: RatingOptions) -> Ratings:
    """Rows of users out of triples, which are used up. Adds notes to them. Raises ValueError."""
    digest = digest_of(triples)
    if options.split == "last" and triples.time is None:
        raise ValueError("split='last' needs times, to tell which items came last, and there is no "
                         "column of times; name it, as in time='when', or use split='users'")
    if options.explicit and not triples.rated:
        raise ValueError("explicit learns ratings, and there is no column of ratings; leave "
                         "explicit out, or name the column, as in rating='stars'")
    _without_doubles(triples)
    least = None if options.explicit else _least(triples, options.least)
    if least is not None:
        _keep(triples, triples.value >= least)
        if not len(triples.user):
            raise ValueError(f"no rating is {least:g} or more; choose a smaller least")
    _without_small(triples, options.fewest)
    order = triples.user.astype(np.int64) * len(triples.items) + triples.item
    rows = np.argsort(order, kind="stable")
    present = np.unique(triples.user)
    number = np.zeros(len(triples.users), np.int64)
    number[present] = np.arange(len(present))
    starts = np.concatenate([[0], np.cumsum(np.bincount(number[triples.user]))])
    matrix = sparse.csr_matrix(
        (triples.value[rows], triples.item[rows], starts.astype(np.int64)),
        shape=(len(present), len(triples.items)))
    time = None if triples.time is None else triples.time[rows]
    return Ratings(matrix, time, [triples.users[i] for i in present.tolist()], triples.items,
                   titles, replace(options, least=least), triples.rated,
                   {"digest": digest, "options": vars(replace(options, least=least))})


def _least(triples: Triples, requested: float | None) -> float | None:
    """The rating from which an item counts as chosen, and a note; None where all do."""
    if not triples.rated:
        if requested is not None:
            raise ValueError(f"least={requested:g} is for ratings, and there is no column of "
                             f"ratings")
        return None
    low, high = float(triples.value.min()), float(triples.value.max())
    if requested is None and (low == high or high > STARS):
        triples.notes.append(f"all ratings count as chosen, from {low:g} to {high:g}" if
                             low < high else f"all ratings are {low:g}: each counts as chosen")
        return None
    least = LIKED * high if requested is None else requested
    share = float(np.mean(triples.value >= least))
    triples.notes.append(
        f"an item counts as chosen from a rating of {least:g} on ({share:.0%} of the ratings, "
        f"which go to {high:g}); change it with least=, or learn the ratings with explicit=True")
    return least


def _without_doubles(triples: Triples) -> None:
    """Keep the last rating of each user and item: the last in time or, without times, in the file.
    """
    key = triples.user.astype(np.int64) * len(triples.items) + triples.item
    order = (np.argsort(key, kind="stable") if triples.time is None else
             np.lexsort((triples.time, key)))
    sorted_keys = key[order]
    last = np.append(sorted_keys[1:] != sorted_keys[:-1], True)
    doubles = len(key) - int(last.sum())
    if doubles:
        kept = np.zeros(len(key), bool)
        kept[order[last]] = True
        _keep(triples, kept)
        when = "in the file" if triples.time is None else "by time"
        triples.notes.append(f"{doubles:,} ratings repeat a user and an item; the last one {when} "
                             f"counts")


def _without_small(triples: Triples, fewest: int) -> None:
    """Leave out users with fewer items."""
    count = np.bincount(triples.user, minlength=len(triples.users))
    without = int((count == 0).sum())
    small = int(((count > 0) & (count < fewest)).sum())
    if small:
        _keep(triples, count[triples.user] >= fewest)
        triples.notes.append(f"{small:,} of {len(count):,} users have fewer than {fewest} items "
                             f"and are left out; keep them with fewest=1")
    if without:
        triples.notes.append(f"{without:,} of {len(count):,} users have no item that counts, and "
                             f"are left out")
    if not len(triples.user):
        raise ValueError(f"no user has {fewest} items or more; choose a smaller fewest, such as "
                         f"fewest=2")


def _keep(triples: Triples, mask: np.ndarray) -> None:
    triples.user, triples.item = triples.user[mask], triples.item[mask]
    triples.value = triples.value[mask]
    triples.time = None if triples.time is None else triples.time[mask]
