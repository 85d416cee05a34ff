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
    return {"auroc": of_labelled(auroc, y, scores),
            "average_precision": of_labelled(average_precision, y, scores)}


def auroc(y: np.ndarray, scores: np.ndarray) -> float:
    """The chance that an abnormal sample scores higher than a normal one; a tie counts half."""
    normal, abnormal = _counts(y, scores)
    below = np.cumsum(normal) - normal / 2
    return float(abnormal @ below / (abnormal.sum() * normal.sum()))


def average_precision(y: np.ndarray, scores: np.ndarray) -> float:
    """The precision from each score upwards, averaged by the recall that the score adds."""
    normal, abnormal = (counts[::-1] for counts in _counts(y, scores))
    true_positives = np.cumsum(abnormal)
    precision = true_positives / (true_positives + np.cumsum(normal))
    return float(abnormal @ precision / abnormal.sum())


def _counts(y: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many normal and how many abnormal samples have each score, the scores ascending."""
    place = np.unique(scores, return_inverse=True)[1]
    abnormal = np.bincount(place, np.asarray(y, float))
    return np.bincount(place) - abnormal, abnormal


def at_threshold(verdict: np.ndarray, y: np.ndarray) -> dict[str, Estimate]:
    """F1 of calling samples abnormal (N,), the harmonic mean of precision and recall."""
    return {"f1": of_labelled(f1, y.astype(bool), verdict.astype(bool))}


def f1(y: np.ndarray, verdict: np.ndarray) -> float:
    """2 TP / (2 TP + FP + FN); 0 where nothing is abnormal and nothing is called so."""
    hits = int((y & verdict).sum())
    return 2 * hits / max(int(y.sum()) + int(verdict.sum()), 1)
