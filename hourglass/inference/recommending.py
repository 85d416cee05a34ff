"""A trained model of ratings in use: the items to recommend, and refusals of other uses."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..core.ranking import top_items
from ..data.user_histories import Histories, read_histories
from ..run.description import Description
from .batches import patiently
from .line_uses import check_lines
from .model_protocol import InUse

SIZE = 250       # users of a batch
MOST = 10_000    # items of a list


@dataclass(frozen=True)
class Recommendations:
    """The best items of N users, the best first."""

    users: tuple[str, ...]
    items: list[np.ndarray]       # (n,) each, of the model's items
    scores: list[np.ndarray]      # (n,) each: probabilities, or predicted ratings
    notes: tuple[str, ...] = ()


def check_samples(description: Description, doing: str) -> None:
    """Raise ValueError for a model of ratings, which has no such samples, and for a model of lines
    of text, if this does not apply to it."""
    if description.kind == "ratings":
        raise ValueError(f"this model was trained on ratings, and {doing} is for models of samples "
                         f"such as images or rows of a table. It recommends items: hourglass "
                         f"recommend RUN history.csv, or model.recommend(items)")
    check_lines(description, doing)


def check_ratings(description: Description) -> None:
    """Raises ValueError for a model that was not trained on ratings."""
    if description.kind != "ratings":
        raise ValueError(f"recommend is for models of ratings, and this one was trained on "
                         f"{description.kind_in_words}; train one with hourglass train "
                         f"\"ratings('u.data')\"")


def recommendations(model: InUse, data: Any, n: int = 20) -> Recommendations:
    """The `n` best items of each user in `data` (see `read_histories`) that the user has not.
    Raises ValueError."""
    check_ratings(model.description)
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 1 <= n <= MOST:
        raise ValueError(f"n must be a whole number from 1 to {MOST:,}, not {n!r}")
    histories = data if isinstance(data, Histories) else read_histories(
        data, model.description.encoding)
    return _ranked(model, histories, int(n))


@torch.inference_mode()
def _ranked(model: InUse, histories: Histories, n: int) -> Recommendations:
    encoding = model.description.encoding
    mean, std = float(encoding["mean"]), float(encoding["std"])
    items: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    starts = range(0, len(histories.users), SIZE)
    model.model.eval()
    for start in patiently(starts, len(starts), "recommending"):
        rows = slice(start, start + SIZE)
        x = torch.from_numpy(histories.rows[rows]).nan_to_num().to(model.device)
        score = model.model(x).px.mean.float().cpu()
        seen = torch.from_numpy(histories.seen[rows].toarray() > 0)
        top = top_items(score, seen, n)
        best = score.gather(1, top)
        for own, values, left in zip(top, best, (~seen).sum(1), strict=True):
            count = min(n, int(left))
            items.append(own[:count].numpy())
            scores.append(values[:count].numpy() * std + mean if encoding["explicit"] else
                          values[:count].numpy())
    short = sum(len(own) < n for own in items)
    empty = int((np.diff(histories.rows.matrix.indptr) == 0).sum())
    notes = [*histories.notes,
             *[f"{short:,} users have fewer than {n} items left to recommend"] * (short > 0),
             *[f"{empty:,} of {len(items):,} users have no item that counts: they get what suits "
               f"most users"] * (empty > 0)]
    return Recommendations(histories.users, items, scores, tuple(notes))
