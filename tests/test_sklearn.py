"""The estimators are what scikit-learn and pyod take them for, and change nothing around them."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import OF_ERRORS
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import hourglass as hg
from hourglass.pyod import AutoencoderOD
from hourglass.sklearn import AutoencoderDetector, AutoencoderTransformer

SMALL = {"epochs": 2, "random_state": 0, "settings": {"backbone": "mlp(16)"}}
KINDS = [AutoencoderTransformer, AutoencoderDetector]


@pytest.fixture(autouse=True)
def array_api(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")   # without it, scikit-learn skips one of its checks


@parametrize_with_checks([AutoencoderTransformer(**SMALL), AutoencoderDetector(**SMALL)])
def test_scikit_learn_takes_it_for_an_estimator(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """200 rows of 6 columns in which 2 numbers hide, in units of their own."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
    return hidden * [1, 10, 100, 1, 0.01, 1] + [0, 5, 1000, -3, 0, 1]


def outputs(made, x) -> list[np.ndarray]:
    if isinstance(made, AutoencoderDetector):
        return [made.score_samples(x), made.decision_function(x), made.predict(x)]
    return [made.transform(x), made.inverse_transform(made.transform(x))]


@pytest.mark.parametrize("way", ["pickle", "joblib", "folder"])
@pytest.mark.parametrize("made", [
    AutoencoderTransformer(3, **SMALL), AutoencoderDetector(detector="knn(3)", **SMALL),
    AutoencoderDetector(model="vae(2)", **SMALL), AutoencoderDetector(detector="combined", **SMALL),
    AutoencoderTransformer(image_shape=(2, 3), scale="none", **SMALL),
], ids=["table", "knn", "vae", "combined", "image"])
def test_what_was_kept_gives_the_same_to_the_last_digit(made, way, table, tmp_path):
    made = clone(made).fit(pd.DataFrame(table, columns=list("abcdef")))
    if way == "folder":
        made.save(tmp_path / "kept")
        again = type(made).load(tmp_path / "kept")
        assert repr(again) == repr(made)
    elif way == "joblib":
        joblib.dump(made, tmp_path / "kept.joblib")
        again = joblib.load(tmp_path / "kept.joblib")
    else:
        again = pickle.loads(pickle.dumps(made))
    assert list(again.feature_names_in_) == list("abcdef") and again.n_features_in_ == 6
    x = pd.DataFrame(table, columns=list("abcdef"))
    for before, after in zip(outputs(made, x), outputs(again, x), strict=True):
        assert np.array_equal(before, after)


def test_a_pickle_holds_no_torch_and_a_folder_is_a_run(table, tmp_path):
    made = AutoencoderTransformer(2, **SMALL).fit(table)
    assert b"torch" not in pickle.dumps(made).replace(made.learnt_.files["run.json"], b"")
    made.save(tmp_path / "kept")
    assert not list(tmp_path.rglob("*.pkl"))
    scaled = StandardScaler().fit_transform(table).astype(np.float32)
    run = hg.load(tmp_path / "kept")
    assert np.allclose(run.encode(scaled), made.transform(table), atol=1e-5)
    with pytest.raises(ValueError, match="not empty"):
        made.save(tmp_path / "kept")
    with pytest.raises(ValueError, match="holds an AutoencoderTransformer"):
        AutoencoderDetector.load(tmp_path / "kept")
    (tmp_path / "kept" / "estimator.safetensors").write_bytes(b"{}")
    for place in ("kept", "gone"):
        with pytest.raises(ValueError, match="is not a complete estimator"):
            AutoencoderTransformer.load(tmp_path / place)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_settles_everything_and_no_generator_is_disturbed(kind, table):
    torch.manual_seed(7)
    np.random.seed(7)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    a, b = (kind(**SMALL).fit(table) for _ in range(2))
    c = kind(**{**SMALL, "random_state": 1}).fit(table)
    pickle.loads(pickle.dumps(a))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert np.array_equal(outputs(a, table)[0], outputs(b, table)[0])
    assert not np.array_equal(outputs(a, table)[0], outputs(c, table)[0])


def test_threads_that_train_at_once_do_not_mix(table):
    def codes(seed: int) -> np.ndarray:
        model = AutoencoderTransformer(2, **{**SMALL, "model": "vae", "random_state": seed})
        return model.fit(table).transform(table)
    alone = [codes(seed) for seed in range(3)]
    beside = joblib.Parallel(3, backend="threading")(joblib.delayed(codes)(s) for s in range(3))
    assert all(np.array_equal(a, b) for a, b in zip(alone, beside, strict=True))


def test_nothing_is_said_but_if_asked_and_no_file_stays(table, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    AutoencoderTransformer(2, **SMALL).fit_transform(table)
    assert capfd.readouterr() == ("", "") and not list(tmp_path.iterdir())
    AutoencoderTransformer(2, verbose=1, **SMALL).fit(table)
    said = capfd.readouterr()
    assert not said.out and "epoch 2/2" in said.err


def test_two_hidden_numbers_come_back_through_two_as_well_as_pca_brings_them(table):
    made = AutoencoderTransformer(2, epochs=100, batch_size=16, lr=0.005, random_state=0,
                                  settings={"backbone": "mlp(32)"}).fit(table)
    again = made.inverse_transform(made.transform(table))
    lost = ((again - table) ** 2).mean(0) / table.var(0)
    assert again.shape == table.shape and lost.max() < 0.05   # of PCA 0: there are but two
    assert made.n_iter_ <= 100
    assert np.allclose(PCA(2).fit(StandardScaler().fit_transform(table)).
                       explained_variance_ratio_.sum(), 1)


def test_an_own_computation_gives_the_same_codes_and_scores(table):
    made = AutoencoderDetector(dim=2, detector="error", **SMALL).fit(table)
    x = StandardScaler().fit_transform(table)
    model = made.learnt_.model
    with torch.no_grad():
        again = model(torch.from_numpy(x)).px.mean.numpy()
    assert np.allclose(made.score_samples(table), -((again - x) ** 2).mean(1), rtol=1e-9)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.5])
def test_exactly_the_contamination_is_flagged(share, table):
    made = AutoencoderDetector(contamination=share, **SMALL)
    labels = made.fit_predict(table)
    assert (labels == -1).sum() == round(share * len(table)) and set(labels) == {-1, 1}
    assert np.array_equal(made.decision_function(table),
                          made.score_samples(table) - made.offset_)
    assert np.array_equal(labels == -1, made.decision_function(table) < 0)


OF_ONE = [text for text in OF_ERRORS if text != "disagreement"]   # which is of ensembles


@pytest.mark.parametrize("text", [*OF_ONE, "knn(1)"])
@pytest.mark.parametrize("kind", [AutoencoderDetector, AutoencoderOD])
def test_new_rows_are_flagged_about_as_often_as_the_contamination_says(text, kind):
    """A row that was fitted to is not its own neighbour: with it, knn(1) flagged every new row."""
    random = np.random.default_rng(0)
    mix = random.normal(size=(3, 10))
    x, new = (random.normal(size=(n, 3)) @ mix + 0.3 * random.normal(size=(n, 10))
              for n in (300, 2000))
    inner = AutoencoderDetector(0.1, text, dim=3, random_state=0, epochs=20)
    made = (inner if kind is AutoencoderDetector else AutoencoderOD(0.1, inner)).fit(x)
    odd = -1 if kind is AutoencoderDetector else 1
    assert (made.predict(x) == odd).mean() == pytest.approx(0.1, abs=0.005)
    assert 0.05 <= (made.predict(new) == odd).mean() <= 0.17


@pytest.mark.parametrize("text", OF_ONE)
def test_every_detector_tells_a_far_row(text, table):
    odd = table.mean(0) + 8 * table.std(0) * [1, -1, 1, 1, -1, 1]
    made = AutoencoderDetector(detector=text, model="vae(2)", epochs=30, batch_size=32,
                               lr=0.003, random_state=0, settings={"backbone": "mlp(32)"})
    made.fit(table)
    assert made.detector_ == text
    assert made.score_samples(odd[None])[0] < made.score_samples(table).min()
    assert made.predict(odd[None])[0] == -1


def test_pipelines_grids_columns_and_frames_take_it():
    x, y = load_wine(return_X_y=True, as_frame=True)
    pipe = make_pipeline(StandardScaler(), AutoencoderTransformer(**SMALL), StandardScaler(),
                         LogisticRegression())
    assert np.isfinite(cross_val_score(pipe, x, y, cv=2)).all()
    grid = GridSearchCV(pipe, {"autoencodertransformer__dim": [1, 3]}, cv=2).fit(x, y)
    widths = {dim: clone(pipe).set_params(autoencodertransformer__dim=dim).fit(x, y)[:-1]
              .transform(x).shape[1] for dim in (1, 3)}
    assert widths == {1: 1, 3: 3} and grid.best_params_["autoencodertransformer__dim"] in (1, 3)
    made = AutoencoderTransformer(2, **SMALL).set_output(transform="pandas")
    codes = made.fit_transform(x)
    names = ["autoencodertransformer0", "autoencodertransformer1"]
    assert list(codes.columns) == names and list(codes.index) == list(x.index)
    columns = ColumnTransformer([("codes", AutoencoderTransformer(2, **SMALL), list(x.columns[:5])),
                                 ("rest", "passthrough", list(x.columns[5:]))])
    assert columns.fit_transform(x).shape == (178, 2 + 8)
    assert list(columns.get_feature_names_out()[:2]) == [f"codes__{name}" for name in names]


@pytest.mark.parametrize("shape, bottleneck, width", [
    ((8, 8), None, 3), ((4, 4, 4), None, 3), ((8, 8), "identity", None)])
def test_rows_can_be_images(shape, bottleneck, width):
    x = load_digits().data[:200]
    settings = {"backbone": "conv(filters=(4, 2))", "bottleneck": bottleneck}
    made = AutoencoderTransformer(width, image_shape=shape, epochs=2, random_state=0,
                                  settings=settings).fit(x)
    codes = made.transform(x)
    width = width or codes.shape[1]
    assert codes.shape == (200, width) and made.learnt_.trained.about["parts"][
        "likelihood"] == "bernoulli"
    again = made.inverse_transform(codes)
    assert again.shape == x.shape and again.min() >= 0 and again.max() <= 16
    assert np.allclose(made.transform(x[:3]), codes[:3], atol=1e-5)


@pytest.mark.parametrize("given, says", [
    ({"model": "aee"}, "did you mean 'ae'"), ({"dim": 0}, "integer from 1"),
    ({"dim": 2.5}, "integer from 1"), ({"dim": True}, "integer from 1"),
    ({"scale": "standart"}, "did you mean 'standard'"), ({"epochs": 0}, "from 1"),
    ({"image_shape": (3, 3)}, "6 values"), ({"image_shape": (6,)}, "6 values"),
    ({"settings": {"lern": 1}}, "no setting is named 'lern'"),
    ({"settings": {"epochs": 3}}, "parameter of the estimator"),
    ({"device": "gpu"}, "device must be"),
    ({"dim": 2, "settings": {"bottleneck": "identity"}}, "has no effect here"),
    ({"model": "cvae(2)"}, "cannot be conditional"), ({"random_state": "x"}, "seed"),
    ({"batch_size": 0}, "from 1"), ({"lr": -1.0}, "above 0"),
])
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_parameter_says_what_is_right(kind, given, says, table):
    with pytest.raises(ValueError, match=says):
        kind(**{**SMALL, **given}).fit(table)


@pytest.mark.parametrize("given, says", [
    ({"contamination": 0}, "contamination"), ({"contamination": 0.6}, "contamination"),
    ({"contamination": "auto"}, "contamination"), ({"detector": "knm"}, "did you mean 'knn'")])
def test_a_wrong_parameter_of_the_detector_says_what_is_right(given, says, table):
    with pytest.raises(ValueError, match=says):
        AutoencoderDetector(**{**SMALL, **given}).fit(table)


@pytest.mark.parametrize("x, error, says", [
    (np.ma.masked_less(np.eye(6), 0.5), ValueError, "NaN"),
    (np.full((9, 3), np.nan), ValueError, "NaN"),
    (np.full((9, 3), np.inf), ValueError, "infinity"), (np.ones((1, 3)), ValueError, "1 sample"),
    (np.ones(9), ValueError, "2D array"), (np.array([["a"]] * 9), ValueError, "a")])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_table_of_numbers_is_refused(kind, x, error, says):
    with pytest.raises(error, match=says):
        kind(**SMALL).fit(x)


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_tables_tensors_and_data_sets_are_the_same_table(kind):
    x = (np.arange(120) % 7 * (np.arange(120) % 3 == 0)).reshape(20, 6).astype(np.float32)
    of = {name: kind(**SMALL).fit(made).learnt_.encode(x) for name, made in {
        "array": x, "sparse": csr_array(x), "tensor": torch.from_numpy(x).requires_grad_(),
        "bfloat16": torch.from_numpy(x).bfloat16(), "data set": torch.utils.data.TensorDataset(
            torch.from_numpy(x))}.items()}
    for codes in of.values():
        np.testing.assert_allclose(codes, of["array"], atol=1e-4)


@pytest.mark.parametrize("x", [
    np.arange(8.0)[:, None], np.ones((9, 3)), np.arange(4).reshape(2, 2),
    np.arange(60).reshape(20, 3) % 7, np.arange(60.0).reshape(20, 3) * 1e200,
    np.arange(60.0).reshape(20, 3) * 1e-200, np.ones((20, 3), bool),
    np.asfortranarray(np.arange(60, dtype=np.float32).reshape(20, 3)),
    np.arange(60.0).reshape(20, 3)[::2, ::-1],
], ids=["one column", "constant", "two rows", "whole", "huge", "tiny", "bool",
        "fortran", "strided"])
def test_odd_tables_give_finite_codes_and_scores(x):
    for kind in KINDS:
        for found in outputs(kind(**SMALL).fit(x), x):
            assert np.isfinite(found).all() and len(found) == len(x)


def test_codes_of_another_width_are_refused(table):
    made = AutoencoderTransformer(2, **SMALL).fit(table)
    with pytest.raises(ValueError, match="2 numbers, not 3"):
        made.inverse_transform(np.ones((4, 3)))


def test_pyods_interface_has_its_signs_and_labels(table):
    made = AutoencoderOD(0.2, AutoencoderDetector(dim=2, **SMALL)).fit(table)
    inner = made.estimator_
    assert np.array_equal(made.decision_scores_, -inner.score_samples(table))
    assert np.array_equal(made.labels_, (inner.predict(table) == -1).astype(int))
    assert np.array_equal(made.labels_, (made.decision_scores_ > made.threshold_).astype(int))
    assert made.labels_.sum() == 40 and np.array_equal(made.predict(table), made.labels_)
    for method in ("linear", "unify"):
        odd = made.predict_proba(table, method)
        assert odd.shape == (200, 2) and np.allclose(odd.sum(1), 1)
        order = np.argsort(made.decision_scores_)
        assert (np.diff(odd[order, 1]) >= 0).all()
    labels, sure = made.predict(table, return_confidence=True)
    assert np.array_equal(labels, made.labels_) and ((sure >= 0) & (sure <= 1)).all()
    assert sure[made.decision_scores_.argmax()] > 0.99
    again = clone(made).fit(table)
    assert np.array_equal(again.labels_, made.fit_predict(table))
    with pytest.raises(ValueError, match="did you mean 'unify'"):
        made.predict_proba(table, "unifi")
    with pytest.raises(ValueError, match="contamination"):
        AutoencoderOD(0.7).fit(table)


def test_importing_it_brings_no_pyod():
    import sys
    assert not {name for name in sys.modules if name.split(".")[0] == "pyod"}
