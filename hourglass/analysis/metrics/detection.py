"""How well scores separate abnormal samples from normal ones."""

import numpy as np

from ...core.registry import metrics
from ..snapshot import Lacking, Snapshot
from .bootstrap import Estimate, of_labelled


@metrics.add("detection")
def detection(s: Snapshot) -> dict[str, Estimate]:
    """How well the detector's scores separate classes that training saw from the others. AUROC is
    the chance that an abnormal sample scores higher than a normal one. Average precision is the
    mean precision over all recalls, and depends on the share of abnormal samples."""
    if not s.abnormal.any() or s.abnormal.all() or not len(s.scores):
        raise Lacking("classes that training did not see")
    return separation(s.scores, s.abnormal)


def separation(scores: np.ndarray, y: np.ndarray) -> dict[str, Estimate]:
    """Area under the ROC curve and average precision of scores (N,); y (N,) is 1 where a sample is
    abnormal."""
    from sklearn.metrics import average_precision_score, roc_auc_score
    return {"auroc": of_labelled(roc_auc_score, y, scores),
            "average_precision": of_labelled(average_precision_score, y, scores)}


def at_threshold(verdict: np.ndarray, y: np.ndarray) -> dict[str, Estimate]:
    """F1 of calling samples abnormal (N,), the harmonic mean of precision and recall."""
    return {"f1": of_labelled(f1, y.astype(bool), verdict.astype(bool))}


def f1(y: np.ndarray, verdict: np.ndarray) -> float:
    """2 TP / (2 TP + FP + FN); 0 where nothing is abnormal and nothing is called so."""
    hits = int((y & verdict).sum())
    return 2 * hits / max(int(y.sum()) + int(verdict.sum()), 1)
