"""How a model of ratings compares with simple methods on held-out items of users."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.ranking import hits_of, ndcg, recall, top_items
from ..data.sparse_rows import SparseRows
from ..data.split_data import Source, Split
from ..model.autoencoder import Autoencoder
from .ranking_baselines import SIZE, Recommender, recommenders, seen_and_held
from .rating_baselines import (
    NEIGHBOURS,
    PENALTIES,
    Predict,
    item_means,
    neighbours,
    residuals,
    soft_impute,
)

MOST = 10_000        # users that are judged, at most; of explicit ratings
MOST_EXPLICIT = 2000
SHORT = 20           # items of the lists whose coverage and novelty are measured
MEASURES = ("ndcg@100", "recall@20", "recall@50", "novelty@20")


@dataclass(frozen=True)
class Judged:
    """Methods M, the model first, on held-out items of N users."""

    methods: tuple[str, ...] = ()
    about: tuple[str, ...] = ()      # of the other methods, in words
    users: np.ndarray = field(default_factory=lambda: np.empty(0))   # (M, N, 4) `MEASURES`
    lists: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))   # (M, N, SHORT)
    errors: np.ndarray = field(default_factory=lambda: np.empty(0))  # (M, N) sums of squares, and
    counts: np.ndarray = field(default_factory=lambda: np.empty(0))  # (N,) of explicit ratings
    items: int = 0

    @property
    def judged(self) -> int:
        """How many users were judged."""
        return len(self.counts) if len(self.counts) else (
            self.users.shape[1] if len(self.users) else 0)


def judge(
    model: Autoencoder, source: Source, name: str = "", limit: int | None = None,
    alone: bool = False,
) -> Judged:
    """Measure a model of ratings on a split, by default the unseen one, together with simpler
    methods or `alone`. Empty if no item is held out, as in training."""
    split = source.splits[name or source.unseen]
    if split.encoder_input is None:
        return Judged()
    if source.encoding["explicit"]:
        return _of_ratings(model, source, split, split.evenly(min(limit or MOST, MOST_EXPLICIT)))
    rows = split.evenly(min(limit or MOST, MOST))
    return _of_choices(model, source, split, rows, [] if alone else recommenders(source))


@torch.inference_mode()
def _of_choices(
    model: Autoencoder, source: Source, split: Split, rows: Tensor, others: list[Recommender]
) -> Judged:
    model.eval()
    device, shape = split.device, source.shape

    def own(seen: Tensor) -> Tensor:
        recon: Tensor = model(seen.to(device).unflatten(1, shape)).px.mean.flatten(1).cpu()
        return recon
    methods: dict[str, Callable[[Tensor], Tensor]] = {
        "model": own, **{one.name: one.score for one in others}}
    counts = np.array(source.encoding["counts"], np.float64)
    surprise = torch.from_numpy(-np.log2(counts / source.encoding["users"]))
    users: dict[str, list[Tensor]] = {method: [] for method in methods}
    lists: dict[str, list[Tensor]] = {method: [] for method in methods}
    for some in rows.split(SIZE):
        seen, held_out = seen_and_held(split, some)
        count = held_out.sum(1)
        for method, score in methods.items():
            top = top_items(score(seen.float()), seen)
            hits = hits_of(top, held_out)
            users[method].append(torch.stack([
                ndcg(hits, count, 100), recall(hits, count, 20), recall(hits, count, 50),
                surprise[top[:, :SHORT]].mean(1)], 1))
            lists[method].append(top[:, :SHORT])
    stacked = (torch.stack([torch.cat(parts) for parts in by_method.values()]).numpy()
               for by_method in (users, lists))
    measures, top_lists = stacked
    return Judged(tuple(methods), tuple(one.about for one in others), measures.astype(np.float32),
                  top_lists.astype(np.int32), items=source.shape[0])


@torch.inference_mode()
def _of_ratings(model: Autoencoder, source: Source, split: Split, rows: Tensor) -> Judged:
    """Squared errors of the held-out ratings, in stars."""
    model.eval()
    predictors, about = _predictors(source)
    std = source.encoding["std"]
    errors = np.zeros((1 + len(predictors), len(rows)))
    counts = np.zeros(len(rows))
    place = 0
    for some in rows.split(SIZE):
        batch = split.batch(some)
        px = model(batch.x, encoder_input=batch.encoder_input, known=batch.known).px
        recon = px.mean.cpu().numpy()
        for row, user in enumerate(some.tolist()):
            own, values, held_out, truth = _known_and_held(split, user)
            guesses = [recon[row][held_out], *(predict(own, values, held_out)
                                               for predict in predictors.values())]
            errors[:, place] = [np.square(std * (guess - truth)).sum() for guess in guesses]
            counts[place] = len(held_out)
            place += 1
    return Judged(("model", *predictors), about, errors=errors, counts=counts,
                  items=source.shape[0])


def _predictors(source: Source) -> tuple[dict[str, Predict], tuple[str, ...]]:
    """The other methods, each with the options that are best for the validation users, and
    descriptions of them."""
    split = source.splits["train"]
    assert isinstance(split.x, SparseRows)
    train = split.x.rows_at(split.index.cpu().numpy()).matrix
    means = item_means(train)
    left = residuals(train, means)
    impute, penalty = _best({value: soft_impute(left, means, value) for value in PENALTIES}, source)
    near, count = _best({float(value): neighbours(left, means, value) for value in NEIGHBOURS},
                        source)
    return ({"soft-impute": impute, "KNN": near, "means": means.predict},
            (f"soft-impute (Hastie et al., 2015) has the penalty {penalty:g}, and KNN takes "
             f"{count:g} users, both chosen on the validation users",
             "means are those of items, moved by how the user rates"))


def _best(predictors: dict[float, Predict], source: Source) -> tuple[Predict, float]:
    """The predictor with the least error on the validation users; the middle one without them."""
    split = source.splits.get("val")
    if split is None or split.encoder_input is None:
        chosen = [*predictors][len(predictors) // 2]
        return predictors[chosen], chosen
    errors = {}
    for value, predict in predictors.items():
        cases = [_known_and_held(split, user) for user in split.evenly(MOST_EXPLICIT).tolist()]
        errors[value] = sum(float(np.square(predict(own, values, held_out) - truth).sum())
                            for own, values, held_out, truth in cases)
    chosen = min(errors, key=lambda value: errors[value])
    return predictors[chosen], chosen


def _known_and_held(split: Split, user: int) -> tuple[np.ndarray, ...]:
    """A user's items that the encoder sees and their ratings, then the held-out items and their
    ratings."""
    assert isinstance(split.x, SparseRows) and isinstance(split.encoder_input, SparseRows)
    row = int(split.index[user])
    whole, seen = split.x.matrix[row], split.encoder_input.matrix[row]
    held_out = ~np.isin(whole.indices, seen.indices)
    return (seen.indices, seen.data.astype(np.float64), whole.indices[held_out],
            whole.data[held_out].astype(np.float64))


def item_vectors(model: Autoencoder) -> np.ndarray | None:
    """The decoder's vector of each item, (I, D): the weights of its last layer; None where that is
    no dense layer over the items."""
    items = int(np.prod(model.shape))
    halves: list[Any] = [getattr(model.bottleneck, "expand", None), model.decoder]
    layers = [layer for half in halves if isinstance(half, torch.nn.Module)
              for layer in half.modules()
              if isinstance(layer, torch.nn.Linear) and layer.out_features == items]
    return layers[-1].weight.detach().float().cpu().numpy() if layers else None
