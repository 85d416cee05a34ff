"""What is abnormal: detectors are what they say, thresholds hold, what is kept is used again."""

import csv
import json
import math
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import OF_ERRORS, draw, stripes, train
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

import hourglass as hg
from hourglass.analysis.analyse import look_again
from hourglass.analysis.figures import draw_all
from hourglass.analysis.figures.heatmaps import overlaid
from hourglass.analysis.metrics.bootstrap import of_labelled
from hourglass.analysis.metrics.detection import f1, separation
from hourglass.analysis.report_sections import titles
from hourglass.analysis.snapshot import Lacking, load_snapshot
from hourglass.core.contracts import Collection, Seen
from hourglass.core.registry import detectors, figures, metrics, thresholds
from hourglass.data.collect import collect, split
from hourglass.data.image_options import Reading
from hourglass.inference.anomaly import USUAL_OF_ROWS, WITHOUT_DATA, normal_classes
from hourglass.inference.detectors.tail_probability import log_survival
from hourglass.inference.error_maps import smoothed
from hourglass.inference.sample_stats import see
from hourglass.tasks.score import labels_of

EXAMPLES = [*OF_ERRORS, "knn(2)", "likelihood(3)", "combined(('knn(3)', 'likelihood'))"]
OF_ONE = [text for text in EXAMPLES if text != "disagreement"]   # the others are of ensembles
random = np.random.default_rng


def digits() -> tuple[np.ndarray, np.ndarray]:
    found = collect("digits", Reading())
    return found.x, np.array(found.classes)[found.y]


@pytest.fixture(scope="module")
def of_threes(tmp_path_factory):
    """A plain and a variational model of threes alone."""
    return {name: train("digits", only="3", model=f"{name}(4)", backbone="mlp(32)", epochs=30,
                        quiet=True, out=tmp_path_factory.mktemp(name) / "run")
            for name in ("ae", "vae")}


@pytest.fixture
def kept(here, of_threes):
    """A copy of the plain one, which may be written to."""
    shutil.copytree(of_threes["ae"].folder.path, here / "run")
    return here / "run"


def seen_of(z: np.ndarray) -> Seen:
    errors = np.abs(random(5).normal(size=(len(z), 6, 5))) if len(z) > 1 else np.ones((1, 6, 5))
    return Seen(np.ones(len(z)), np.ones(len(z)), z.astype(np.float32), errors, errors[::-1],
                x=z.astype(np.float32), train=z.astype(np.float32) + 1, spread=errors**2,
                members=errors.mean(2)[:, :2], weights=np.full((len(z), 2), 0.5))


# the detectors


@pytest.mark.parametrize("k", [1, 5, 500])
def test_knn_is_the_mean_distance_to_the_nearest_codes(k):
    train_z, z = random(0).normal(size=(60, 3)), random(1).normal(size=(20, 3))
    rule = detectors.make(f"knn({k})")
    near = NearestNeighbors(n_neighbors=min(k, 60)).fit(train_z).kneighbors(z)[0].mean(1)
    state = rule.fit(train_z.astype(np.float32), seen_of(z))
    assert np.allclose(rule.score(seen_of(z), state), near, atol=1e-5)


@pytest.mark.parametrize("k", [1, 5, 500])
def test_input_knn_is_the_mean_distance_to_the_nearest_training_samples(k):
    known, x = random(0).normal(size=(60, 3)), random(1).normal(size=(20, 3))
    known[::7, 1], x[3, 2] = np.nan, np.nan
    mean = np.nanmean(known, axis=0)
    full, new = (np.where(np.isnan(v), mean, v) for v in (known, x))
    near = NearestNeighbors(n_neighbors=min(k, 60)).fit(full).kneighbors(new)[0].mean(1)
    rule, held = detectors.make(f"input_knn({k})"), seen_of(x)._replace(train=known)
    scores = rule.calibrate(np.empty((0, 0)), held)[1]
    assert np.allclose(scores, near, atol=1e-5)
    same = held._replace(x=known)   # of training samples, none is its own neighbour
    found = rule.calibrate(np.empty((0, 0)), same)[1]
    others = [np.sort(np.linalg.norm(np.delete(full, i, 0) - full[i], axis=1))[:k].mean()
              for i in range(60)]
    assert np.allclose(found, others, atol=1e-4)


def test_rows_are_scored_by_errors_codes_and_inputs_together_also_once_the_data_is_gone(tmp_path):
    """Issue Data: on 7 of 10 tables of ODDS, neighbours among the inputs did better."""
    frame = pd.DataFrame(random(0).normal(size=(80, 6)).astype(np.float32)).add_prefix("column ")
    train(frame, model="ae(2)", backbone="mlp((8,))", epochs=1, out=tmp_path / "run", quiet=True)
    far = frame.head(3) + 50
    model = hg.load(tmp_path / "run")   # another process has no frame
    assert model.detector().text == USUAL_OF_ROWS
    assert model.score(far).min() > model.score(frame).max()
    for file in (tmp_path / "run" / "detectors").iterdir():   # as an older version left it
        if file.name != "held.safetensors":
            file.unlink()
    older = hg.load(tmp_path / "run")
    assert older.detector().text == WITHOUT_DATA
    assert older.score(far).min() > older.score(frame).max()


def clusters(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal rows in eight narrow clusters, and abnormal ones a little outside of them."""
    centres = random(0).normal(size=(8, 6)) * 3
    normal = centres[random(seed).integers(8, size=160)] + 0.05 * random(seed).normal(size=(160, 6))
    near = normal[:40] + 0.1 * random(seed + 9).normal(size=(40, 6))
    return np.concatenate([normal, near]).astype(np.float32), np.repeat([0, 1], [160, 40])


def test_where_a_simpler_detector_is_better_it_is_said_and_can_be_chosen(tmp_path, hourglass):
    for name, seed in (("rows", 1), ("new", 2)):
        x, y = clusters(seed)
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
    run = tmp_path / "run"
    train(tmp_path / "rows.npz", only="0", model="ae(1)", backbone="mlp((4,))", epochs=1, out=run,
          quiet=True)
    asked = f"score {run} {tmp_path / 'new.npz'} --normal 0 -o {tmp_path / 'scores.csv'}"
    said = "a simpler detector separates these samples better: input_knn has AUROC "
    _, out, _ = hourglass(asked)
    line = next(line for line in out.splitlines() if line.startswith(said))
    best, own = (float(text) for text in re.findall(r"0\.\d{3}|1\.000", line))
    assert best > own and USUAL_OF_ROWS in line and line.endswith("--detector input_knn")
    _, out, _ = hourglass(f"{asked} --detector input_knn")
    assert said not in out
    assert float(re.search(r"auroc ([\d.]+)", out)[1]) == pytest.approx(best, abs=1e-3)


def test_mahalanobis_is_the_distance_in_widths_of_the_cloud():
    from scipy.spatial.distance import mahalanobis
    from sklearn.covariance import LedoitWolf
    z = random(0).normal(size=(400, 3)) @ np.array([[3, 1, 0], [0, 1, 0], [0, 0, 0.1]])
    rule = detectors.make("mahalanobis")
    found = rule.score(seen_of(z[:9]), rule.fit(z.astype(np.float32), seen_of(z)))
    inverse = np.linalg.inv(LedoitWolf().fit(z).covariance_)
    truth = [mahalanobis(one, z.mean(0), inverse) for one in z[:9]]
    assert np.allclose(found, truth, rtol=1e-3)


@pytest.mark.parametrize("k", [1, 5, 500])
def test_a_code_among_those_that_were_fitted_to_is_not_its_own_neighbour(k):
    z = random(0).normal(size=(60, 3)).astype(np.float32)
    z[7] = z[8]
    found = detectors.make(f"knn({k})").calibrate(z, seen_of(z))[1]
    for i in range(60):
        others = np.sort(np.linalg.norm(np.delete(z, i, 0) - z[i], axis=1))
        assert found[i] == pytest.approx(others[:k].mean(), abs=1e-3)
    assert detectors.make(f"knn({k})").calibrate(z[:1], seen_of(z[:1]))[1] == 0


def test_with_more_codes_than_are_kept_no_code_is_its_own_neighbour(monkeypatch):
    from hourglass.inference.detectors import latent_distance
    monkeypatch.setattr(latent_distance, "MOST", 20)
    z = random(0).normal(size=(90, 2)).astype(np.float32)
    assert detectors.make("knn(1)").calibrate(z, seen_of(z))[1].min() > 1e-4


@pytest.mark.parametrize("count", [3, 12, 200])
def test_a_code_does_not_widen_the_cloud_that_it_is_measured_by(count):
    from sklearn.covariance import ledoit_wolf_shrinkage
    z = random(0).normal(size=(count, 3)) @ np.array([[3, 1, 0], [0, 1, 0], [0, 0, 0.1]])
    found = detectors.make("mahalanobis").calibrate(z.astype(np.float32), seen_of(z))[1]
    shrunk = ledoit_wolf_shrinkage(z)
    ground = shrunk * np.trace(np.cov(z.T, bias=True)) / 3 * np.eye(3)
    for i in range(count):
        rest = np.delete(z, i, 0)
        inverse = np.linalg.inv((1 - shrunk) * np.cov(rest.T, bias=True) + ground)
        apart = z[i] - rest.mean(0)
        assert found[i] == pytest.approx(np.sqrt(apart @ inverse @ apart), rel=1e-3)


@pytest.mark.parametrize("text", [text for text in EXAMPLES if "relative" not in text])
def test_codes_of_others_are_scored_as_new_ones(text):
    held, codes = seen_of(random(0).normal(size=(50, 2))), random(2).normal(size=(80, 2))
    rule = detectors.make(text)
    state, scores = rule.calibrate(codes.astype(np.float32), held)
    assert np.allclose(scores, rule.score(held, state))


def test_combined_counts_each_for_how_rare_it_is():
    held, new = seen_of(random(0).normal(size=(500, 2))), seen_of(random(1).normal(size=(30, 2)))
    one, both = detectors.make("knn"), detectors.make("combined(('knn', 'knn'))")
    codes = random(2).normal(size=(100, 2)).astype(np.float32)
    own = one.fit(codes, held)
    normal = np.sort(one.score(held, own))
    once = -log_survival(normal, one.score(new, own))
    assert np.allclose(both.score(new, both.fit(codes, held)), 2 * once)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_detector_fits_one_code_and_codes_that_are_all_the_same(text):
    rule = detectors.make(text)
    for z in (np.zeros((1, 4)), np.ones((50, 4))):
        state = rule.fit(z.astype(np.float32), seen_of(z))
        assert np.isfinite(rule.score(seen_of(np.ones((3, 4))), state)).all()


@pytest.mark.parametrize("name", ["ae", "vae"])
@pytest.mark.parametrize("text", OF_ONE)
def test_a_score_depends_on_its_sample_alone_and_never_changes(text, name, of_threes):
    model = of_threes[name]
    x = digits()[0][:40]
    detector = model.detector(text)
    scores = detector.score(x)
    assert scores.shape == (40,) and scores.dtype == np.float64
    assert np.array_equal(scores, model.detector(text).score(x))
    assert np.array_equal(scores, hg.load(model.folder.path).detector(text).score(x))
    one_by_one = np.concatenate([detector.score(x[i:i + 1]) for i in range(5)])
    assert np.allclose(one_by_one, scores[:5], rtol=1e-3, atol=1e-5)
    assert np.allclose(detector.score(x[::-1]), scores[::-1], rtol=1e-3, atol=1e-5)


def test_the_error_is_the_mean_square_of_what_comes_back_wrong(of_threes):
    x = digits()[0][:20]
    again = of_threes["ae"].reconstruct(x)
    errors = np.square(again - x * of_threes["ae"].about["scale"])
    found = of_threes["ae"].detector("error").score(x)
    assert np.allclose(found, errors.mean((1, 2, 3)), rtol=1e-4)
    assert np.allclose(of_threes["ae"].errors(x), errors, atol=1e-5)


def test_the_likelihood_is_the_mean_over_draws_from_the_posterior(of_threes):
    model, scale = of_threes["vae"].model, of_threes["vae"].about["scale"]
    x = torch.from_numpy(digits()[0][:6]).float().permute(0, 3, 1, 2) * scale
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(50, 4, generator=generator)
    with torch.no_grad():
        q = model.encode(x)[0].q
        logits = torch.stack([model.decoder(model.bottleneck.expand(q.mean + q.stddev * e), ())
                              for e in noise])
    nats = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, x.expand_as(logits), reduction="none").mean((0, 2, 3, 4))
    found = of_threes["vae"].detector("likelihood(16)").fitted.rule
    seen = see(model, of_threes["vae"].samples(digits()[0][:6]), None, 50)
    assert np.allclose(found.score(seen, {}), nats, rtol=1e-4)


def test_values_that_are_missing_count_for_nothing(of_threes):
    x = digits()[0][:4].astype(np.float32) * of_threes["ae"].about["scale"]
    holes = x.copy()
    holes[:, :3] = np.nan
    errors = of_threes["ae"].errors(Collection(holes))
    assert np.isnan(errors[:, :3]).all() and np.isfinite(errors[:, 3:]).all()
    found = of_threes["ae"].detector("error").score(Collection(holes))
    assert np.allclose(found, np.nanmean(errors, (1, 2, 3)), rtol=1e-5)


def test_digits_of_other_classes_score_higher(of_threes):
    x, y = digits()
    for model in of_threes.values():
        for text in OF_ONE:
            least = 0.55 if text == "mahalanobis" else 0.75   # of a few codes it knows little
            assert roc_auc_score(y != "3", model.detector(text).score(x)) > least, text


# thresholds and probabilities


@pytest.mark.parametrize("many", [1, 2, 19, 3000])
def test_a_probability_rises_with_the_score_and_is_even_among_normal_samples(many):
    held = np.sort(random(0).exponential(size=many))
    at = np.linspace(-1, 60, 5000)
    found = log_survival(held, at)
    assert (np.diff(found) <= 0).all() and np.isfinite(found).all() and (found <= 0).all()
    assert (np.diff(found[at > held.max()]) < 0).all()
    if many == 3000:
        shares = np.exp(log_survival(held, random(1).exponential(size=20_000)))
        for share, off in {0.5: 0.05, 0.1: 0.1, 0.01: 0.3, 0.001: 0.6}.items():
            assert (shares <= share).mean() == pytest.approx(share, rel=off)


def test_scores_that_are_all_the_same_have_a_middling_probability():
    assert np.allclose(np.exp(log_survival(np.ones(10), np.ones(3))), 0.5)
    assert np.exp(log_survival(np.ones(10), np.array([1.1])))[0] < 1e-6


@pytest.mark.parametrize("text", thresholds.parts)
def test_a_threshold_parts_the_held_out_samples_as_it_says(text, of_threes):
    """Pitfall 19: thresholds are of held-out samples, and not their largest error unless asked."""
    x, y = digits()
    labelled = (x[:300], (y != "3")[:300]) if text == "best_f1" else None
    detector = of_threes["ae"].detector("error", text, labelled)
    called = detector.verdict(detector.fitted.normal).mean()
    if text == "largest":
        assert called == 0
    elif text != "best_f1":
        assert called == pytest.approx({"quantile": 0.01, "contamination": 0.1}[text], abs=0.06)
    else:
        scores, odd = detector.score(x[:300]), (y != "3")[:300]
        best = f1(odd, detector.verdict(scores))
        assert all(f1(odd, scores > at) <= best for at in scores)


@pytest.mark.parametrize("count, q, place", [
    (99, 0.99, 99), (100, 0.99, 100), (199, 0.99, 198), (19, 0.95, 19), (10, 0.5, 6), (9, 0.9, 9),
    (5, 0.99, 5), (1, 0.9, 1), (7, 1.0, 7), (7, 0.0, 1)])
def test_a_quantile_is_the_score_of_rank_n_plus_1_times_q(count, q, place, capsys):
    scores = random(0).permutation(np.arange(1.0, count + 1))
    assert thresholds.make(f"quantile({q})")(scores, None) == place
    few = 0 < q < 1 and (count + 1) * q > count + 1e-9
    assert ("too few" in capsys.readouterr().err) == few


@pytest.mark.parametrize("count", [5, 19, 40])
def test_new_normal_samples_lie_above_a_quantile_no_oftener_than_it_says(count, capsys):
    draws = random(0).exponential(size=(4000, count + 1))
    rule = thresholds.make("quantile(0.8)")
    above = [row[-1] > rule(row[:-1], None) for row in draws]
    assert np.mean(above) <= 0.2 + 0.015
    assert not capsys.readouterr().err


def test_too_few_normal_samples_for_a_threshold_are_said(kept, hourglass, here):
    save_digits(Path("parts"), "3", 3)
    err = hourglass("score run parts -o s.csv --threshold quantile(0.999)")[2]
    assert "normal samples are too few for quantile(0.999), which needs 999" in err
    assert "too few" not in hourglass("score run parts -o s.csv --threshold quantile(0.5)")[2]


def test_where_all_are_best_called_abnormal_the_lowest_is_too():
    above = thresholds.make("best_f1")(np.array([1.0, 2.0, 3.0]), np.array([1, 0, 1]))
    assert above < 1.0
    assert thresholds.make("best_f1")(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1])) == 3.0


def test_scores_that_are_no_numbers_are_abnormal(of_threes):
    assert of_threes["ae"].detector("error").verdict(np.array([np.nan, -np.inf])).tolist() == [
        True, False]


def test_samples_given_as_normal_take_the_place_of_those_held_out(of_threes):
    x, y = digits()
    detector = of_threes["ae"].detector("error", "largest", held_out=x[y == "5"])
    assert detector.threshold == detector.score(x[y == "5"]).max()
    assert detector.fitted.of == "given"


def test_without_validation_samples_every_fifth_of_training_stands_in(here, capsys):
    model = train(stripes(50), model="ae(2)", backbone="mlp(8)", epochs=2, val=0, test=0,
                  quiet=True, out="run")
    detector = model.detector("knn(1)")
    assert "no validation split" in capsys.readouterr().err
    assert len(detector.fitted.normal) == 10 and len(detector.fitted.state["codes"]) == 40
    assert (detector.fitted.normal > 0).any(), "they are not their own neighbours"


def test_one_training_sample_is_enough_to_score(here):
    """Pitfall 19: fewer rows than a batch still train and score."""
    model = train(stripes(1), model="ae(2)", backbone="mlp(8)", epochs=1, val=0, test=0, quiet=True,
                  out="run")
    for text in OF_ONE:
        assert np.isfinite(model.detector(text).score(stripes(5))).all(), text


def test_separation_is_scikit_learns_with_an_interval_around_it():
    y = random(0).integers(0, 2, 300)
    scores = y + random(1).normal(size=300)
    found = separation(scores, y)["auroc"]
    assert found.low < found.value < found.high
    for some in (scores, scores.round(), np.zeros(300), np.append(np.inf, scores[1:])):
        both = separation(some, y)
        some = np.nan_to_num(some)   # the largest float is above all, as infinity is
        assert both["auroc"].value == pytest.approx(roc_auc_score(y, some), abs=1e-12)
        assert both["average_precision"].value == pytest.approx(
            average_precision_score(y, some), abs=1e-12)
    # Hanley and McNeil's standard error (1982)
    a, n, m = found.value, int(y.sum()), int((1 - y).sum())
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    error = math.sqrt((a * (1 - a) + (n - 1) * (q1 - a * a) + (m - 1) * (q2 - a * a)) / (n * m))
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.2)
    assert of_labelled(lambda y, v: v.mean(), np.array([0, 1]), np.ones(2)).low == 1


# classes that training does not see


def test_training_sees_only_the_classes_that_are_named():
    found = collect("digits", Reading())
    source = split(found, {"val": 0.1, "test": 0.1}, 0, "3, 5")
    kinds = {name: set(found.y[part.index].tolist()) for name, part in source.splits.items()}
    assert kinds == {"train": {3, 5}, "val": {3, 5}, "test": set(range(10))}
    assert sum(len(part) for part in source.splits.values()) == len(found.x)


def test_a_test_split_of_its_own_stays_as_it_is_and_others_leave_training():
    y = np.arange(40) % 4
    parts = {"train": np.arange(20), "val": np.arange(20, 30), "test": np.arange(30, 40)}
    found = Collection(np.zeros((40, 4), np.float32), y, tuple("abcd"), parts=parts)
    source = split(found, {}, 0, "b")
    assert source.splits["test"].index.tolist() == list(range(30, 40))
    assert all((y[source.splits[name].index] == 1).all() for name in ("train", "val"))


@pytest.mark.parametrize("only, said", [("33", "no class '33'"), ("3,,5", "no class ''"),
                                        ("three", "there are 0, 1")])
def test_a_wrong_class_says_what_is_right(only, said):
    with pytest.raises(ValueError, match=said):
        split(collect("digits", Reading()), {}, 0, only)


def test_classes_must_be_there_and_unseen(here, hourglass):
    code, _, err = hourglass("train images.npy --only upright --epochs 1")
    assert code == 2 and "no classes" in err
    code, _, err = hourglass("train digits --only 3 --val test --epochs 1")
    assert code == 2 and "--val 0.1" in err


def test_folders_of_defects_are_read_as_they_are_published(here):
    for name, count in {"train/good": 12, "test/good": 4, "test/crack": 4,
                        "ground_truth/crack": 4}.items():
        (here / "parts" / name).mkdir(parents=True)
        for i in range(count):
            draw("lying" if "good" in name else "upright", i).save(
                here / "parts" / name / f"{i:03}.png")
    model = train("parts", model="ae(4)", epochs=20, quiet=True, val=0.2, out="run")
    assert normal_classes(model) == ("good",)
    source = model.source()
    assert {k: len(v) for k, v in source.splits.items()} == {
        "train": 10, "val": 2, "test": 8}
    assert any("4 images are left out as masks" in note for note in source.notes)
    metrics = look_again(model.folder, ["own"])
    assert 0 <= metrics["auroc"] <= 1 and metrics["average_precision"] > 0.4
    snapshot = load_snapshot(model.folder.snapshot)
    assert snapshot.abnormal.sum() == 4
    assert snapshot.detector in ("pca_relative", "combined(('local', 'pca_local'))")
    test = model.read("parts").parts["test"]
    assert np.allclose(snapshot.scores, model.score(model.read("parts").x[test]), rtol=1e-3)
    drawn = dict(draw_all(snapshot, ["scores", "roc", "oddest"]))
    assert set(drawn) == {"scores", "roc", "oddest"} and set(drawn) <= set(titles())
    found = model.read("parts/test")
    assert labels_of(model, found).sum() == 4


def test_labels_are_the_classes_seen_or_those_named_normal(of_threes):
    model = of_threes["ae"]
    assert normal_classes(model) == ("3",)
    x, y = np.zeros((3, 8, 8, 1), np.uint8), np.array([0, 1, 2])

    def labels(classes, normal=""):
        found = labels_of(model, Collection(x, y, classes), normal)
        return None if found is None else found.tolist()
    assert labels(("2", "3", "4")) == [1, 0, 1]
    assert labels(("bad", "good", "odd")) == [1, 0, 1]
    assert labels(("a", "b", "c")) is None
    assert labels(("a", "b", "c"), "a,c") == [0, 1, 0]
    with pytest.raises(ValueError, match="did you mean 'good'"):
        labels(("bad", "good", "odd"), "god")
    with pytest.raises(ValueError, match="no classes"):
        labels_of(model, Collection(x), "good")


# the command


def save_digits(folder: Path, kinds: str, count: int) -> None:
    x, y = digits()
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
        for i, image in enumerate(x[y == kind][-count:]):
            grey = np.rint(image[..., 0].astype(float) * 255 / x.max()).astype(np.uint8)
            Image.fromarray(grey).save(folder / kind / f"{i}.png")


def test_scores_are_a_table_and_the_exit_code_says_whether_one_is_abnormal(kept, hourglass):
    save_digits(Path("parts"), "038", 12)
    code, out, _ = hourglass("score run parts -o s.csv --heatmaps maps")
    assert "normal samples; use more" in out
    rows = list(csv.DictReader(open("s.csv")))
    assert code == 1 and len(rows) == 36 and list(rows[0]) == ["file", "score", "probability",
                                                               "verdict"]
    odd = [row for row in rows if row["verdict"] == "abnormal"]
    assert f"{len(odd)} of 36 abnormal" in out and "auroc" in out and "f1" in out
    assert all(0 <= float(row["probability"]) <= 1 for row in rows)
    assert {p.relative_to("maps").as_posix() for p in Path("maps").rglob("*.png")} == {
        row["file"] for row in rows}
    assert Image.open("maps/8/0.png").height >= 224
    normal = [row["file"] for row in rows if row["verdict"] == "normal"]
    Path("fine").mkdir()
    for i, name in enumerate(normal):
        os.link(Path("parts") / name, Path("fine") / f"{i}.png")
    assert hourglass("score run fine -o t.csv")[0] == 0
    assert hourglass("score run fine --heatmaps maps")[0] == 2, "maps/ is not empty"


def test_what_is_chosen_is_kept_and_used_again(kept, hourglass):
    save_digits(Path("parts"), "03", 10)
    save_digits(Path("some"), "38", 8)
    Path("some/3").rename("some/normal")
    Path("some/8").rename("some/abnormal")
    code, out, err = hourglass("score run parts --detector knn(3) --labelled some -o s.json")
    assert code == 1 and "knn(3)" in out and "best_f1" in out, err
    first = json.loads(Path("s.json").read_text())
    assert hourglass("score run parts -o t.json")[0] == 1
    again = json.loads(Path("t.json").read_text())
    assert first == again and first["from"] == "best_f1" and first["auroc"]["value"] > 0.7
    model = hg.load("run")
    assert model.detector().threshold == first["threshold"]
    assert np.allclose(model.score("parts"), [s["score"] for s in first["samples"]])
    assert model.detector("error").text == "error", "what is asked for is what one gets"
    assert model.detector().text == "knn(3)"
    Path("run/detectors/chosen.json").write_text("{")
    assert "is damaged" in hourglass("score run parts")[2]


def test_damaged_files_of_detectors_are_made_anew(kept):
    model = hg.load(kept)
    before = model.detector("knn").score(digits()[0][:5])
    for file in (kept / "detectors").glob("knn*.safetensors"):
        file.write_bytes(b"no tensors")
    assert np.array_equal(hg.load(kept).detector("knn").score(digits()[0][:5]), before)


@pytest.mark.parametrize("command, said", [
    ("score run parts --detector kn", "did you mean 'knn'"),
    ("score run parts --detector knn(0)", "k must be a whole number from 1"),
    ("score run parts --detector \"combined(('eror',))\"", "did you mean 'error'"),
    ("score run parts --threshold quantil", "did you mean 'quantile'"),
    ("score run parts --threshold best_f1", "needs labelled samples"),
    ("score run parts --labelled parts", "samples of both kinds"),
    ("score run parts --normal 7", "no class '7'"),
    ("score run empty", "holds no images"),
    ("score run nowhere", "nowhere"),
    ("score run parts -o s.txt", ".csv, .json"),
    ("score run vectors.npy", "takes samples of shape")])
def test_bad_use_is_told_in_a_line(command, said, kept, hourglass):
    save_digits(Path("parts"), "34", 2)
    Path("parts/4").rename("parts/x")
    Path("parts/3").rename("parts/z")
    Path("empty").mkdir()
    np.save("vectors.npy", np.random.rand(4, 5))
    code, _, err = hourglass(command)
    assert code == 2 and said in err and len(err.strip().splitlines()) <= 3


def test_what_cannot_be_read_is_not_called_normal(kept, hourglass):
    save_digits(Path("parts"), "3", 20)
    Path("parts/3/broken.png").write_bytes(b"no image")
    code, _, err = hourglass("score run parts -o s.csv")
    assert code == 2 and "broken.png" in err and "in place of a verdict" in err
    assert "3/broken.png,,,unreadable" in Path("s.csv").read_text()


def test_a_run_scores_its_own_test_samples_where_none_are_named(here, hourglass):
    train("photos", only="lying", model="ae(4)", epochs=15, quiet=True, out="run")
    code, out, _ = hourglass("score run -o s.csv")
    rows = list(csv.DictReader(open("s.csv")))
    assert code in (0, 1) and "auroc" in out
    assert sum("upright" in row["file"] for row in rows) == 20 and len(rows) == 22


def test_an_array_that_is_gone_has_left_enough_to_score_by(here, hourglass):
    model = train(stripes(50), model="vae(2)", backbone="mlp(8)", epochs=2, quiet=True, out="run")
    assert len(model.source().splits["train"]) == 40, "while it is in memory"
    np.save("new.npy", stripes(5))
    # two are of ensembles, and one looks at the training samples themselves
    for text in {*OF_ERRORS} - {"disagreement", "ranks", "input_knn"}:
        assert hourglass(f"score run new.npy --detector {text}")[0] in (0, 1), text
    assert "held_out" in hourglass("score run new.npy --detector likelihood(3)")[2]
    assert "array in memory" in hourglass("score run")[2]


def test_vectors_have_scores_but_no_maps(here):
    x = random(0).normal(size=(80, 6)).astype(np.float32)
    model = train(x, model="vae(2)", epochs=3, quiet=True, out="run")
    assert model.score(x + 9).min() > model.score(x).mean()
    assert model.errors(x).shape == (80, 6)
    with pytest.raises(ValueError, match="only images"):
        model.detector().maps(x)


def test_a_conditional_model_wants_to_know_the_class(here):
    model = train("photos", model="cvae(2)", epochs=1, quiet=True, out="run")
    assert model.score("photos").shape == (40,)
    with pytest.raises(ValueError, match="conditional"):
        model.score("images.npy" if model.shape[0] == 1 else ["a.png"])


# pictures


def test_heat_is_laid_over_an_image_where_it_is():
    images, heat = np.full((1, 8, 8, 3), 0.5), np.zeros((1, 8, 8))
    heat[0, 2, 3] = 2.0
    found = overlaid(images, heat, 1.0)
    changed = np.abs(found - found[0, 0, 0]).max(-1) > 1e-9
    assert changed.sum() == 1 and changed[0, 2, 3] and found.min() >= 0 and found.max() <= 1


def test_smoothing_keeps_the_mean_of_errors():
    errors = random(0).random((2, 40, 30, 3))
    assert np.allclose(smoothed(errors).mean((1, 2)), errors.mean((1, 2, 3)), rtol=0.02)


def test_without_unseen_classes_nothing_is_said_of_them(here):
    model = train("photos", model="ae(4)", epochs=1, quiet=True, out="run")
    look_again(model.folder, ["own"])
    snapshot = load_snapshot(model.folder.snapshot)
    assert not len(snapshot.scores)
    for part in (metrics.parts["detection"], *(figures.parts[n] for n in ("scores", "roc"))):
        with pytest.raises(Lacking, match="did not see"):
            part(snapshot)
