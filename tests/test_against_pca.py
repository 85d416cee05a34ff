"""Every model is compared with PCA of as many components, and a model that loses gets a note."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import stripes, train
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import hourglass as hg
from hourglass.analysis.against_pca import rows, verdict
from hourglass.analysis.analyse import look_again
from hourglass.analysis.metrics import measure
from hourglass.analysis.report import write_report
from hourglass.analysis.snapshot import load_snapshot
from hourglass.analysis.take_snapshot import glance
from hourglass.inference.pca import fit_pca

random = np.random.default_rng


def samples(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Vectors that vary most in some directions."""
    mix = random(9).normal(size=(d, d)) * np.geomspace(1, 0.01, d)[:, None]
    return (random(seed).normal(size=(n, d)) @ mix + 3).astype(np.float32)


@pytest.mark.parametrize("n, d, k", [(60, 8, 3), (40, 300, 5), (500, 250, 6), (9, 30, 20)])
def test_pca_is_the_truncated_svd_about_the_mean(n, d, k):
    x, new = samples(n, d), samples(30, d, 1)
    found = fit_pca(x, k)
    assert len(found.axes) == min(k, n - 1) and found.count == n
    axes = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:k]
    away = (new - x.mean(0))
    truth = np.square(away - away @ axes[:n - 1].T @ axes[:n - 1])
    assert np.allclose(found.squared_errors(new).mean(), truth.mean(), rtol=1e-2)
    assert np.allclose(found.axes @ found.axes.T, np.eye(len(found.axes)), atol=1e-4)


def test_missing_values_count_as_the_mean_of_their_column():
    x = samples(50, 6)
    x[::3, 2] = np.nan
    found = fit_pca(x, 2)
    filled = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    assert np.allclose(found.mean, np.nanmean(x, axis=0), rtol=1e-5)
    axes = np.linalg.svd(filled - filled.mean(0), full_matrices=False)[2][:2]
    truth = np.square((filled - filled.mean(0)) @ (np.eye(6) - axes.T @ axes))
    errors = found.squared_errors(x)
    assert np.isnan(errors[::3, 2]).all()
    assert np.allclose(errors[np.isfinite(x)], truth[np.isfinite(x)], atol=1e-3)


def test_one_sample_has_no_components():
    assert np.allclose(fit_pca(np.ones((1, 5)), 2).squared_errors(np.full((2, 5), 3.0)), 4)
    with pytest.raises(ValueError, match="there are none"):
        fit_pca(np.ones((0, 5)), 2)


def test_both_are_measured_on_the_same_unseen_samples(here):
    x, y = samples(300, 12), np.arange(300) % 3
    x[:, 0] += 4 * y
    np.savez("x.npz", x=x, y=y)
    model = train("x.npz", model="ae(2)", backbone="mlp(8)", epochs=2, quiet=True, out="run")
    metrics = look_again(model.folder, ["own"])
    source = model.source()
    seen, new = (x[source.splits[part].index.numpy()] for part in ("train", "test"))
    mean, labels = seen.mean(0), y[source.splits["test"].index.numpy()]
    axes = np.linalg.svd(seen - mean, full_matrices=False)[2][:2]
    again = (new - mean) @ axes.T @ axes + mean
    assert metrics["pca_mse"] == pytest.approx(np.square(again - new).mean(), rel=1e-3)
    assert metrics["mse"] == pytest.approx(np.square(model.reconstruct(new) - new).mean(), rel=1e-3)
    codes = (new - mean) @ axes.T
    near, line = KNeighborsClassifier(5), make_pipeline(StandardScaler(), LogisticRegression())
    for name, kind in (("pca_knn_accuracy", near), ("pca_linear_accuracy", line)):
        truth = (cross_val_predict(kind, codes, labels, cv=5) == labels).mean()
        assert metrics[name] == pytest.approx(truth, abs=0.07)
    held = rows(metrics)
    assert [*held] == ["model", "PCA"] and all(len(row) == 3 for row in held.values())


@pytest.mark.parametrize("model, bottleneck, words", [
    ("vae(2)", "", "PCA with 2 components"), ("ae", "vq(16)", "one for each token of the code"),
    ("ae(90)", "", "which allow no more; the code has 90"),
    ("ae(100)", "", "left out: a code of 100 numbers for samples of 100")])
def test_as_many_components_as_the_code_has_numbers(model, bottleneck, words, here):
    made = train(stripes(60), model=model, bottleneck=bottleneck, epochs=1, quiet=True, out="run",
                 backbone="" if bottleneck else "mlp(8)")
    s = glance(made.model, made.source())
    assert words in s.pca, s.pca
    assert ("pca_mse" in measure(s)[0]) == ("left out" not in s.pca)
    if bottleneck:
        assert f"PCA with {s.words.shape[1]} components" in s.pca


@pytest.mark.parametrize("data, settings", [
    ("rows.csv", {"model": "ae(1)"}), ("photos", {"model": "ae(4)"}),
    ("series('readings.csv', window=24)", {"model": "ae(4)"}),
    ("photos", {"model": "ae(4)", "corruption": "noise(0.3)"})])
def test_every_kind_of_data_has_its_pca(data, settings, here):
    text = Path("rows.csv").read_text().splitlines()
    text[5:200:3] = [line.rpartition(",")[0] + "," for line in text[5:200:3]]
    Path("rows.csv").write_text("\n".join(text))
    made = train(data, epochs=1, quiet=True, out="run", **settings)
    found = measure(glance(made.model, made.source()))[0]
    assert 0 <= found["pca_mse"] < np.inf and found["mse"] > 0


def test_pairs_of_images_are_left_out_with_a_word(here):
    made = train("pairs('noisy', 'clean')", model="ae(4)", epochs=1, quiet=True, out="run")
    assert "left out: the model turns one kind of sample into another" in glance(
        made.model, made.source()).pca


def test_a_model_that_loses_is_told_so_in_report_and_console(here, hourglass, few_figures):
    x, y = samples(200, 12), np.arange(200) % 2
    np.savez("x.npz", x=x, y=y)
    err = hourglass("train x.npz --model ae(3) --backbone mlp(8) --epochs 1 --no-report -o run")[2]
    lines = err.strip().splitlines()
    assert any(line.startswith("model  mse") for line in lines), err
    assert any(line.startswith("PCA    mse") and "k-NN accuracy" in line for line in lines)
    assert "The model loses to PCA in mse" in lines[-1] and "--resume --epochs 20" in lines[-1]
    model = hg.load("run")
    look_again(model.folder, ["own"])
    before = json.loads(Path("run/run.json").read_text())
    assert "loses to PCA" in before["pca"]["verdict"]
    page = write_report(model.folder).read_text()
    assert "The model and PCA" in page and "loses to PCA" in page
    snapshot = load_snapshot(model.folder.snapshot)
    assert "PCA with 3 components" in snapshot.pca and len(snapshot.pca_squared) == len(snapshot.x)


def test_a_report_of_an_older_run_is_drawn_without_pca(here, few_figures):
    np.save("x.npy", samples(40, 6))
    model = train("x.npy", model="ae(2)", backbone="mlp(8)", epochs=1, quiet=True, out="run")
    look_again(model.folder, ["own"])
    record = model.folder.read_record()
    del record["pca"]
    record["metrics"] = {k: v for k, v in record["metrics"].items() if not k.startswith("pca_")}
    model.folder.write_record(record)
    assert "The model and PCA" not in write_report(model.folder).read_text()


@pytest.mark.parametrize("changes, words", [
    ({}, ""), ({"mse": 0.9}, "loses to PCA in mse. Try"),
    ({"mse": 0.9, "kl": 3.0, "active_units": 1}, "Only 1 of 8 latent dimensions"),
    ({"mse": 0.9, "kl": 3.0, "active_units": 8}, "smaller weight"),
    ({"knn_accuracy": 0.1}, "loses to PCA in k-NN accuracy"),
    ({"mse": 0.9, "knn_accuracy": 0.1}, "mse and k-NN accuracy")])
def test_the_verdict_says_what_is_lost_and_what_to_try(changes, words):
    metrics = {"mse": 0.1, "pca_mse": 0.5, "knn_accuracy": 0.9, "pca_knn_accuracy": 0.8} | changes
    between = {name: (value - 0.01, value + 0.01) for name, value in metrics.items()}
    record = {"metrics": metrics, "intervals": between, "epochs": 9, "best_epoch": 4}
    found = verdict(record, 8, "runs/1")
    assert words in found and bool(found) == bool(words)
