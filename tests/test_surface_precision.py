"""VUS-PR is the area that its paper describes, and means what a user takes it for."""

import numpy as np
import pytest

from hourglass.inference.surface_precision import THRESHOLDS, vus_pr


def labels(*stretches: tuple[int, int], steps: int = 600) -> np.ndarray:
    found = np.zeros(steps, bool)
    for first, last in stretches:
        found[first:last] = True
    return found


def by_definition(score: np.ndarray, y: np.ndarray, longest: int) -> float:
    """The same, step by step and threshold by threshold."""
    areas = []
    for buffer in range(longest + 1):
        soft = y.astype(float)
        for t in np.flatnonzero(~y):
            away = np.abs(np.flatnonzero(y) - t).min()
            if away <= buffer // 2:
                soft[t] = np.sqrt(1 - away / buffer)
        stretches = np.split(np.flatnonzero(soft), np.flatnonzero(
            np.diff(np.flatnonzero(soft)) > 1) + 1)
        area = before = 0.0
        for at in np.linspace(0, len(score) - 1, THRESHOLDS).astype(int):
            flagged = score >= np.sort(score)[::-1][at]
            gained = soft[flagged].sum()
            positive = (y.sum() + np.where(y, 1, soft * flagged).sum()) / 2
            found = np.mean([flagged[stretch].any() for stretch in stretches])
            recall = min(gained / positive, 1) * found
            area += (recall - before) * gained / flagged.sum()
            before = recall
        areas.append(area)
    return float(np.mean(areas))


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_area_of_the_definition(seed):
    random, y = np.random.default_rng(seed), labels((50, 70), (300, 304), steps=400)
    score = random.random(400).round(2) + seed * y   # with ties
    assert vus_pr(score, y, 6) == pytest.approx(by_definition(score, y, 6), abs=1e-9)


def test_a_detector_that_is_right_has_one_and_a_random_score_about_the_share():
    y = labels((100, 130), (400, 420))
    assert vus_pr(y.astype(float), y, 0) == 1
    assert vus_pr(np.random.default_rng(0).random(600), y, 0) == pytest.approx(y.mean(), abs=0.06)


def test_a_detector_a_little_late_loses_less_than_one_far_off():
    y = labels((100, 130), (400, 420))
    late, far = (vus_pr(np.roll(y, by).astype(float), y, 40) for by in (5, 100))
    assert 0.8 < late < 1 and far < 0.3


def test_a_stretch_that_is_missed_costs_recall():
    y = labels((100, 130), (400, 401))
    score = np.where(labels((100, 130)), 1.0, np.random.default_rng(0).random(600) / 9)
    assert vus_pr(score, y, 0) < 0.6 < vus_pr(score, labels((100, 130)), 0)


def test_labels_without_an_abnormal_step_are_refused():
    with pytest.raises(ValueError, match="at least one abnormal step"):
        vus_pr(np.zeros(9), labels(steps=9), 3)
