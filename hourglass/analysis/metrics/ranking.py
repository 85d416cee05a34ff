"""How well a model and other methods rank users' held-out items, or predict their ratings."""

import numpy as np

from ...core.registry import metrics
from ..snapshot import Lacking, Snapshot
from .bootstrap import Estimate, of_rows

MEASURES = ("ndcg@100", "recall@20", "recall@50", "novelty@20")


def prefix(method: str) -> str:
    """What names of a method's metrics begin with; nothing for the model's."""
    return "" if method == "model" else f"{method.lower().replace('-', '_')}_"


@metrics.add("ranking")
def ranking(s: Snapshot) -> dict[str, np.ndarray | Estimate]:
    """NDCG and recall of held-out items, coverage and novelty of the lists: of the model and of
    simpler recommenders; and the model's NDCG less that of each."""
    if not len(s.judged):
        raise Lacking("held-out items of users")
    scores: dict[str, np.ndarray | Estimate] = {}
    for method, users, lists in zip(s.methods, s.judged, s.lists, strict=True):
        name = prefix(method)
        values = users.astype(np.float64)
        scores |= {f"{name}{measure}": values[:, i] for i, measure in enumerate(MEASURES)}
        scores[f"{name}coverage@20"] = of_rows(
            lambda rows, lists=lists: len(np.unique(lists[rows])) / s.items,  # type: ignore[misc]
            len(lists))
    ndcg = s.judged[:, :, 0].astype(np.float64)
    return scores | {f"ndcg@100_over_{prefix(method)[:-1]}": ndcg[0] - other
                     for method, other in zip(s.methods[1:], ndcg[1:], strict=True)}


@metrics.add("rating_errors")
def rating_errors(s: Snapshot) -> dict[str, Estimate]:
    """Root mean squared error of held-out ratings, in the data's units: of the model and of simpler
    methods; and the model's less that of each."""
    if not len(s.rating_errors):
        raise Lacking("held-out ratings of users")

    def rmse(method: int, rows: np.ndarray) -> float:
        return float(np.sqrt(s.rating_errors[method][rows].sum() / s.rating_counts[rows].sum()))
    users, others = len(s.rating_counts), [*enumerate(s.methods)]
    errors = {f"{prefix(method)}rmse": of_rows(
        lambda rows, i=i: rmse(i, rows), users)  # type: ignore[misc]
        for i, method in others}
    return errors | {f"rmse_over_{prefix(method)[:-1]}": of_rows(
        lambda rows, i=i: rmse(0, rows) - rmse(i, rows), users)  # type: ignore[misc]
        for i, method in others[1:]}
