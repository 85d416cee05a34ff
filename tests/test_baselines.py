"""The table of defaults and baselines: verdicts, and its baselines' own arithmetic."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))


def row(figure: str):
    from baselines import Row
    return Row("data", "job", "hg.train(data)", figure, lambda asked, seed: None)


@pytest.mark.parametrize("figure, ours, baseline, verdict", [
    ("squared error", (1.0, 1.1), (1.2, 1.3), "| better |"),
    ("squared error", (1.0, 1.4), (1.2, 1.3), "| even |"),
    ("squared error", (1.4, 1.5), (1.2, 1.3), "| **worse** |"),
    ("AUROC", (0.9, 0.8), (0.7, 0.7), "| better |"),
    ("AUROC", (0.6, 0.5), (0.7, 0.7), "| **worse** |")])
def test_a_default_is_better_or_worse_where_every_seed_says_so(figure, ours, baseline, verdict,
                                                               monkeypatch, tmp_path):
    monkeypatch.setenv("HOURGLASS_DATA", str(tmp_path))
    from baselines import line
    outcomes = [{"ours": a, "others": {"PCA(2)": b}} for a, b in zip(ours, baseline, strict=True)]
    assert line(row(figure), {"outcomes": outcomes}).endswith(f"{verdict} nothing |")


def test_what_the_user_is_told_stands_in_the_row_without_paths(monkeypatch, tmp_path):
    monkeypatch.setenv("HOURGLASS_DATA", str(tmp_path))
    from baselines import line
    told = ["The model restores worse than a median filter: 20 dB, against 21. Try more epochs, "
            "such as hourglass train /tmp/a1/run --resume --epochs 4.", "detector error"]
    made = line(row("AUROC"), {"outcomes": [{"ours": 1, "others": {"PCA(2)": 0.7}, "told": told}]})
    assert made.endswith("such as hourglass train RUN --resume --epochs 4; detector error |")


def test_the_best_of_several_baselines_is_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("HOURGLASS_DATA", str(tmp_path))
    from baselines import line
    others = {"PCA(2)": 0.7, "5 neighbours": 0.9}
    assert "5 neighbours 0.9" in line(row("AUROC"), {"outcomes": [{"ours": 1, "others": others}]})
    assert "PCA(2) 0.7" in line(row("squared error"), {"outcomes": [{"ours": 1, "others": others}]})


def test_outliers_far_from_all_rows_are_found_by_both_trivial_ways():
    from baseline_measures import usual_scores
    random = np.random.default_rng(0)
    train = random.normal(size=(200, 1)) * [1.0, 2.0, 3.0] + 0.01 * random.normal(size=(200, 3))
    test = np.concatenate([train[:50], [[5.0, -5.0, 5.0]] * 3])
    for scores in usual_scores(train, test, 1).values():
        assert scores[50:].min() > scores[:50].max()


def test_filters_take_noise_away_and_psnr_is_its_formula():
    from baseline_measures import filtered, peak
    clean = np.full((2, 16, 16, 1), 0.5, np.float32)
    noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape).astype(np.float32)
    assert peak(clean, clean + 0.1) == pytest.approx(20, abs=1e-3)
    for made in filtered(noisy).values():
        assert peak(clean, made) > peak(clean, noisy) + 3
