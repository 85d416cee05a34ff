"""The volume under the surface of precision and recall (VUS-PR), for anomalies in series."""

import numpy as np

THRESHOLDS = 250   # places of the curve of precision and recall


def vus_pr(score: np.ndarray, abnormal: np.ndarray, longest: int) -> float:
    """VUS-PR of scores (T,), higher where a step is more abnormal, against labels (T,) of bool: the
    area under the curve of precision and recall, averaged over buffers of 0 to `longest` steps
    around each labelled stretch. A step in a buffer counts less the farther it is from
    the stretch, and a missed stretch costs recall (Paparrizos et al., 2022, PVLDB 15).

    Needs no threshold, and forgives a detector that is a little late. A random score has about the
    share of abnormal steps. Raises ValueError without an abnormal step.

        >>> labels = np.arange(100) // 10 == 4
        >>> vus_pr(labels.astype(float), labels, 0)
        1.0
    """
    abnormal = np.asarray(abnormal, bool)
    if not abnormal.any():
        raise ValueError("VUS-PR needs at least one abnormal step")
    score = np.asarray(score, float)
    order = np.argsort(-score, kind="stable")
    limits = score[order][np.linspace(0, len(order) - 1, THRESHOLDS).astype(int)]
    flagged = np.searchsorted(-score[order], -limits, side="right")   # steps at or above a limit
    away = _distance(abnormal)
    return float(np.mean([_area(score, abnormal, _soft(abnormal, away, buffer), order, limits,
                                flagged) for buffer in range(longest + 1)]))


def _soft(abnormal: np.ndarray, away: np.ndarray, buffer: int) -> np.ndarray:
    """Labels (T,) that fall from 1 at a stretch to its buffer's end."""
    soft = np.where(away <= buffer // 2, np.sqrt(np.maximum(1 - away / max(buffer, 1), 0)), 0.0)
    soft[abnormal] = 1
    return soft


def _area(score: np.ndarray, abnormal: np.ndarray, soft: np.ndarray, order: np.ndarray,
          limits: np.ndarray, flagged: np.ndarray) -> float:
    """The area under the curve for labels (T,) with one length of the buffer."""
    starts = np.flatnonzero(np.diff(soft > 0, prepend=False) & (soft > 0))
    begins = np.zeros(len(soft), int)
    begins[starts] = 1
    stretch = begins.cumsum() - 1   # (T,), of use where soft > 0
    highest = np.full(len(starts), -np.inf)
    np.maximum.at(highest, stretch[soft > 0], score[soft > 0])
    gained = np.concatenate([[0], np.cumsum(soft[order])])[flagged]
    margin = np.concatenate([[0], np.cumsum((soft * ~abnormal)[order])])[flagged]
    positive = abnormal.sum() + margin / 2   # the mean of hard and of soft labels
    detected = (highest[None] >= limits[:, None]).mean(1)
    recall = np.minimum(gained / positive, 1) * detected
    return float(np.sum(np.diff(recall, prepend=0) * gained / flagged))


def _distance(abnormal: np.ndarray) -> np.ndarray:
    """The steps (T,) from each step to the nearest abnormal one."""
    from scipy.ndimage import distance_transform_edt
    distances: np.ndarray = distance_transform_edt(~abnormal)
    return distances
