"""Recommenders to compare with: popularity, and EASE in closed form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.linalg import lapack
from torch import Tensor

from ..core.ranking import hits_of, ndcg, top_items
from ..data.sparse_rows import SparseRows
from ..data.split_data import Source, Split

PENALTIES = (20.0, 50.0, 100.0, 200.0, 400.0, 800.0)   # of EASE, chosen on the validation users
USUAL = 200.0        # without validation users
MOST_ITEMS = 5000    # of EASE: its time grows with their cube, its memory with their square
SLOW = 2000          # items from which every second penalty is tried
SIZE = 250           # users of a batch
CHOSEN = 2000        # validation users by whom the penalty is chosen, at most

Score = Callable[[Tensor], Tensor]   # items that a user has (B, I), 0 or 1 -> scores (B, I)


@dataclass(frozen=True)
class Recommender:
    """A simple recommender."""

    name: str
    about: str
    score: Score


def recommenders(source: Source) -> list[Recommender]:
    """Popularity and EASE, fitted to the training users."""
    split = source.splits["train"]
    assert isinstance(split.x, SparseRows)
    train = split.x.rows_at(split.index.cpu().numpy()).matrix
    counts = torch.from_numpy(np.asarray(train.getnnz(0), np.float64))
    popularity = Recommender("popularity", "popularity ranks items by their number of training "
                             "users", lambda seen: counts.expand(len(seen), -1))
    return [_ease(train, source), popularity]


def _ease(train: Any, source: Source) -> Recommender:
    """EASE with the penalty that ranks validation users' items best."""
    most, gram = _popular_gram(train)
    if "val" in source.splits and source.splits["val"].encoder_input is not None:
        tried = PENALTIES if len(gram) <= SLOW else PENALTIES[1::2]
        weights = {penalty: ease_weights(gram, penalty) for penalty in tried}
        scores = {penalty: _ndcg(scorer(matrix, most), source.splits["val"])
                  for penalty, matrix in weights.items()}
        penalty = max(scores, key=lambda name: scores[name])
        score, chosen = scorer(weights[penalty], most), "chosen on the validation users"
    else:
        penalty, chosen = USUAL, "the default, because there are no validation users"
        score = scorer(ease_weights(gram, penalty), most)
    cut = (f", over the {len(gram):,} most popular items alone, as its time grows with their cube"
           if len(gram) < source.shape[0] else "")
    return Recommender("EASE", f"EASE (Steck, 2019) has the penalty {penalty:g}, {chosen}{cut}",
                       score)


def _popular_gram(train: Any) -> tuple[np.ndarray, np.ndarray]:
    """The most popular items (M,), and how many users have each pair of them, (M, M)."""
    rows = train.tocsc()
    counts = np.asarray(rows.getnnz(0))
    most = np.sort(np.argsort(-counts, kind="stable")[:MOST_ITEMS])
    popular = rows[:, most]
    return most, np.asarray((popular.T @ popular).todense(), np.float64)


def ease_weights(gram: np.ndarray, penalty: float) -> np.ndarray:
    """The weights B (M, M) of EASE in closed form: with P = (X'X + penalty)^-1, B is -P over its
    own diagonal, and 0 on the diagonal. It minimises |X - X B|^2 + penalty |B|^2."""
    penalised = gram + penalty * np.eye(len(gram))
    factor, failed = lapack.dpotrf(penalised, lower=True)
    inverse, also = lapack.dpotri(factor, lower=True)
    if failed or also:
        raise ValueError("EASE cannot be fitted: its matrix cannot be inverted")
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights: np.ndarray = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def scorer(weights: np.ndarray, most: np.ndarray) -> Score:
    """How EASE scores items. Those outside `most` come last."""
    matrix, places = torch.from_numpy(weights), torch.from_numpy(most)

    def score(seen: Tensor) -> Tensor:
        scores = seen.new_full(seen.shape, -1e9, dtype=torch.float64)
        scores[:, places] = seen[:, places].double() @ matrix
        return scores
    return score


def _ndcg(score: Score, split: Split) -> float:
    values = []
    for rows in split.evenly(CHOSEN).split(SIZE):
        seen, held_out = seen_and_held(split, rows)
        hits = hits_of(top_items(score(seen.float()), seen), held_out)
        values.append(ndcg(hits, held_out.sum(1)))
    return float(torch.cat(values).nanmean())


def seen_and_held(split: Split, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Which items the encoder sees of these users, and which are held out, (B, I) each, on the
    CPU."""
    batch = split.batch(rows)
    seen = (batch.seen != 0).flatten(1).cpu()
    return seen, (batch.x != 0).flatten(1).cpu() & ~seen

