"""Split ratings: users held out with a part of their items, or the last items of each user."""

from typing import Any

import numpy as np
import torch
from scipy import sparse

from ..core.contracts import Collection
from .sources.ratings import Ratings, rows_like
from .sparse_rows import SparseRows
from .split_data import Source, Split
from .splits import SPLITS, make_splits


def split_ratings(collection: Collection, ratings: Ratings, shares: dict[str, float],
                  seed: int) -> Source:
    """The splits of ratings. `shares` (val, test, holdout) are of users; where the last items of
    each user are held out, a share of 0 leaves its split out. Raises ValueError."""
    build = _of_last_items if ratings.options.split == "last" else _of_users
    splits, encoding, notes = build(ratings, shares, seed)
    rows, items = ratings.matrix.shape[0], len(encoding["items"])
    left = len(ratings.items) - items
    all_notes = [*collection.notes, f"{rows:,} users and {items:,} items; {ratings.matrix.nnz:,} "
                 f"{'ratings' if ratings.options.explicit else 'chosen items'}, "
                 f"{ratings.matrix.nnz / max(rows * items, 1):.2%} of all pairs",
                 *[f"{left:,} items that no training user has are left out"] * (left > 0), *notes]
    identity = {**ratings.identity, "samples": rows, "shape": [items],
                "splits": {name: len(split.index) for name, split in splits.items()}}
    low, high = (-np.inf, np.inf) if ratings.options.explicit else (0.0, 1.0)
    return Source(splits, (items,), low, high, (), tuple(ratings.users), tuple(all_notes), identity,
                  encoding)


Made = tuple[dict[str, Split], dict[str, Any], list[str]]


def _of_users(ratings: Ratings, shares: dict[str, float], seed: int) -> Made:
    """Some users are for val and test: the encoder sees a part of their items."""
    parts = make_splits(len(ratings.users), {}, shares, None, seed)
    encoding = ratings.encoding(ratings.matrix[parts["train"]])
    x = rows_like(ratings.matrix, ratings.items, encoding)
    parts["train"] = parts["train"][x.counts[parts["train"]] > 0]
    notes, encoder_input = [], folded_in(x, np.concatenate([
        index for name, index in parts.items() if name != "train"] or [np.empty(0, int)]),
        ratings.options.fold_in, seed)
    splits = {}
    for name, index in parts.items():
        fit = index if name == "train" else index[x.counts[index] > 1]
        if len(fit) < len(index):
            notes.append(f"{len(index) - len(fit):,} of {len(index):,} {name} users have fewer "
                         f"than two known items, so they cannot be judged and are left out")
        if len(fit):
            splits[name] = _split(x, fit, None if name == "train" else encoder_input)
    held_out = [name for name in splits if name != "train"]
    if held_out:
        notes.append(f"{' and '.join(held_out)} users are not in training: the model sees "
                     f"{ratings.options.fold_in:.0%} of their items and is judged by the others")
    return splits, encoding, notes


def folded_in(x: SparseRows, users: np.ndarray, share: float, seed: int) -> SparseRows:
    """The part of these users' items that the encoder sees, drawn at random by the seed and the
    user's number; the rows of others are empty. At least one item is seen, and one is not."""
    matrix = x.matrix
    kept = np.zeros(matrix.nnz, bool)
    for user in users.tolist():
        start, end = int(matrix.indptr[user]), int(matrix.indptr[user + 1])
        count = end - start
        hidden = min(max(1, int((1 - share) * count + 1e-9)), count - 1)
        order = np.random.default_rng([seed, user]).permutation(count)
        kept[start + order[hidden:]] = count > 1
    return _masked(x, kept)


def _masked(x: SparseRows, kept: np.ndarray) -> SparseRows:
    """The rows with only these of the stored values."""
    matrix = x.matrix
    before = np.concatenate([[0], np.cumsum(kept)])
    return SparseRows(sparse.csr_matrix(
        (matrix.data[kept], matrix.indices[kept], before[matrix.indptr]),
        shape=matrix.shape), x.missing)


def _of_last_items(ratings: Ratings, shares: dict[str, float], seed: int) -> Made:
    """All users are in training, without their last items in time: the last is for test, the one
    before for val."""
    names = [name for name in ("test", "val") if shares.get(name, 0) > 0]
    if shares.get("holdout", 0) > 0:
        raise ValueError("split='last' holds out an item for val and one for test, and has no "
                         "holdout; leave holdout out, or use split='users'")
    assert ratings.time is not None
    users = np.repeat(np.arange(len(ratings.users)), np.diff(ratings.matrix.indptr))
    order = np.lexsort((np.arange(len(users)), ratings.time, users))
    left = np.repeat(ratings.matrix.indptr[1:], np.diff(ratings.matrix.indptr)) - 1
    from_end = np.empty(len(users), np.int64)
    from_end[order] = (left - np.arange(len(users)))   # 0 for a user's last item
    rows = SparseRows(ratings.matrix)
    train = _masked(rows, from_end >= len(names)).matrix
    encoding = ratings.encoding(train)
    seen = [rows_like(_masked(rows, from_end >= k).matrix, ratings.items, encoding)
            for k in range(len(names) + 1)]   # without the last k items
    splits = {"train": _split(seen[-1], np.flatnonzero(seen[-1].counts > 0), None)}
    notes = [f"split='last': of each user, the last item in time is for {names[0]}"
             + (f", the one before for {names[1]}" if len(names) > 1 else "")] * bool(names)
    for k, name in enumerate(names):
        fit = np.flatnonzero((seen[k].counts > seen[k + 1].counts) & (seen[k + 1].counts > 0))
        if len(fit) < len(ratings.users):
            notes.append(f"{len(ratings.users) - len(fit):,} users are left out of {name}: their "
                         f"item there is in no training row, or it is their only one")
        if len(fit):
            splits[name] = _split(seen[k], fit, seen[k + 1])
    return {name: splits[name] for name in SPLITS if name in splits}, encoding, notes


def _split(x: SparseRows, index: np.ndarray, encoder_input: SparseRows | None) -> Split:
    share = float(x.counts[index].mean() / x.shape[1])
    return Split(x, None, torch.from_numpy(np.asarray(index, np.int64)), gaps=x.has_gaps,
                 encoder_input=encoder_input, known=share if x.has_gaps else 1.0)
