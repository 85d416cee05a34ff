"""What a notebook's user types wrong, or in other words, is answered in words that help."""

import numpy as np
import pytest
from conftest import stripes

import hourglass as hg

QUICK = {"backbone": "mlp(8)", "epochs": 1, "batch_size": 16, "quiet": True, "report": False}
LABELS = np.arange(40) % 3


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> hg.Model:
    return hg.train(stripes(40), LABELS, model="vae(2)", out=tmp_path_factory.mktemp("w") / "run",
                    **QUICK)


def test_labels_may_be_the_second_argument(model):
    assert model.classes == ("0", "1", "2")


@pytest.mark.parametrize("label, counts", [
    (1, (0, 9, 0)), ("1", (0, 9, 0)), ([0, 1, 2], (3, 3, 3)), ("0,2", (5, 0, 4)),
    (np.int64(2), (0, 0, 9)), ([0, 0, 0, 1, 1, 1, 1, 1, 2], (3, 5, 1))])
def test_one_class_or_several_can_be_drawn(model, label, counts):
    for keywords in ({"label": label}, {"y": label}):
        drawn = model.generate(9, **keywords)
        assert tuple((drawn.labels == name).sum() for name in model.classes) == counts
    assert len(model.sample(9, label=label)) == 9


def test_more_classes_than_samples_are_refused(model):
    with pytest.raises(ValueError, match="3 classes need as many samples or more, not 2"):
        model.generate(2, label=[0, 1, 2])
    with pytest.raises(ValueError, match="not trained on a class '7'"):
        model.generate(4, label="0,7")


def test_classes_are_named_by_number_everywhere(model, tmp_path):
    a, b = model.splits["test"].images[:2]
    assert list(model.vary(a, 1, "slant", np.int64(2)).labels) == ["1", "slant", "2"]
    told = hg.train(stripes(40), LABELS, model="cvae(2)", out=tmp_path / "run", **QUICK)
    for label in (0, "0", np.int64(2)):
        assert told.grid(side=2, label=label).array.shape[:2] == (2, 2)
        assert len(told.morph(a, b, label=label, frames=1, hold=1).array)
        assert told.vary(a, "slant", label=label).array.shape[0] == 1
    assert not np.array_equal(told.grid(side=2, label=0).array, told.grid(side=2, label=2).array)


@pytest.mark.parametrize("call, words", [
    (lambda m: m.generate(4, kind=1), r"^generate\(\) takes no 'kind'; there are n, label"),
    (lambda m: m.morph(0, 1, frame=3), r"^morph\(\) takes no 'frame'; did you mean 'frames'"),
    (lambda m: m.encode(stripes(3), batch=3), r"^encode\(\) takes no 'batch'"),
    (lambda m: hg.finetune(m, learning=3), r"^finetune\(\) takes no 'learning'.*epochs")])
def test_a_keyword_that_is_not_there_is_answered_with_those_that_are(model, call, words):
    with pytest.raises(TypeError, match=words):
        call(model)


def test_the_first_metrics_are_shown_and_the_last_epochs(model):
    from hourglass.tasks.tabulated import Columns, Metrics
    many = Metrics({f"m{i}": (float(i), 0.0, 1.0) for i in range(40)}, {})
    assert "m0 " in repr(many) and "(10 more rows)" in repr(many) and "m39" not in repr(many)
    assert ">m0<" in many._repr_html_() and "10 more rows are not shown" in many._repr_html_()
    epochs = Columns({"epoch": np.arange(40), "loss": np.arange(40)})
    assert "(10 earlier rows)" in repr(epochs) and "39" in repr(epochs)


def test_figures_have_other_names_too(model):
    assert model.figure("history").axes[0].get_title() == model.figure(
        "curves").axes[0].get_title()


def test_the_prior_of_samples_is_said_with_its_reason(model, capsys):
    model.generate(3, label=1)
    assert "samples come from the prior mixture, which was fitted to the codes, because the " \
           "model's own prior has no classes; choose another with prior" in capsys.readouterr().err


@pytest.mark.parametrize("call", ["verdict", "probability"])
def test_scores_are_asked_for_where_samples_are_given(model, call):
    detector = model.detector()
    scores = detector.score(stripes(5))
    assert getattr(detector, call)(scores).shape == (5,)
    assert np.ndim(getattr(detector, call)(scores[0])) == 0
    for given in (stripes(5), stripes(5).reshape(5, -1), "photos/"):
        with pytest.raises(ValueError, match=rf"pass detector.{call}\(detector.score\(x\)\)"):
            getattr(detector, call)(given)


def test_a_detector_says_what_it_is_in_a_line(model):
    said = repr(model.detector())
    assert "\n" not in said and len(said) < 400 and "abnormal above" in said
    assert model.detector("knn(3)").text in repr(model.detector("knn(3)"))


# models of data in memory

def test_models_of_data_in_memory_are_compared(tmp_path, monkeypatch, few_figures):
    monkeypatch.chdir(tmp_path)
    both = [hg.train(stripes(40), LABELS, model=text, **QUICK) for text in ("ae(2)", "ae(3)")]
    table = hg.compare(both)
    assert table["mse"][table.names[1]] == pytest.approx(both[1].metrics["mse"][0])
    with pytest.raises(ValueError, match="epochs applies only where models are trained"):
        hg.compare(both, epochs=2)


def test_models_are_trained_to_be_compared(tmp_path, monkeypatch, few_figures):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", stripes(40))
    table = hg.compare(["ae(2)", hg.parts.vae(2)], data="x.npy", seeds=[0, 1], **{
        name: QUICK[name] for name in ("backbone", "epochs", "batch_size", "quiet")})
    assert set(table.names) == {"ae(2)", "vae(2)"} and set(table["mse"]) == set(table.names)
    assert (tmp_path / "comparison" / "ae-2-seed-1").is_dir() and "<iframe" in table._repr_html_()
    with pytest.raises(ValueError, match="need data with a name"):
        hg.compare(["ae(2)", "vae(2)"], data=stripes(40))


# classifiers

def test_a_classifier_has_metrics_and_says_what_it_is(model, capsys):
    classifier = hg.finetune(model, stripes(40), y=LABELS, epochs=10, quiet=True,
                             out=model.folder.path.parent / "few")
    assert capsys.readouterr().err == ""
    record = classifier.folder.read_record()
    assert record["steps"] == 10 and record["labels"] == 36
    value, low, high = classifier.metrics["accuracy of the classifier"]
    assert value == record["metrics"]["accuracy of the classifier"] and low <= value <= high
    assert "classifier of 3 classes, from vae(2)" in repr(classifier)
    assert "10 steps on 36 labels" in repr(classifier)
    assert "accuracy of the classifier" in classifier._repr_html_()
    for call in (classifier.report, lambda: classifier.figure("curves")):
        with pytest.raises(ValueError, match=r"classifier without a decoder.*model.metrics"):
            call()
    assert "stopped" not in capsys.readouterr().err


def test_finetune_lists_its_keywords(model):
    import inspect
    takes = inspect.signature(hg.finetune).parameters
    assert {"labels", "frozen", "augment", "steps", "epochs", "seed", "quiet"} <= set(takes)
    with pytest.raises(ValueError, match="epochs must be a whole number from 1"):
        hg.finetune(model, stripes(40), y=LABELS, epochs=0)


def test_the_curve_of_an_own_term_is_per_sample(tmp_path):
    @hg.register("loss", "roughly")
    def roughly(out, model):
        """How rough reconstructions are, (B,)."""
        return out.px.mean.diff(dim=-1).abs().flatten(1).sum(1)
    try:
        model = hg.train(stripes(40), model="ae(2)", loss="recon + 0.1 * roughly",
                         out=tmp_path / "run", **QUICK)
        units = {ax.get_title(): ax.get_ylabel() for ax in model.figure("curves").axes}
    finally:
        from hourglass.core.registry import terms
        terms.parts.pop("roughly"), terms.own.pop("roughly", None)
    assert units["roughly"] == "per sample" and units["loss"] == "nats per sample"


def test_one_heat_map_may_be_a_file_and_several_may_not(model, tmp_path):
    assert model.heatmaps(stripes(1)).save(tmp_path / "one.png").is_file()
    with pytest.raises(ValueError, match="2 heat maps go into a folder"):
        model.heatmaps(stripes(2)).save(tmp_path / "two.png")
    assert (model.heatmaps(stripes(2)).save(tmp_path / "maps")).is_dir()


def test_scores_that_are_not_of_the_model_name_their_detector(tmp_path, capsys):
    shades = np.linspace(0, 1, 40)[:, None, None] * np.tri(8)   # PCA needs one component
    weak = hg.train(shades, model="ae(1)", lr=1e-9, out=tmp_path / "run", **QUICK)
    capsys.readouterr()
    weak.score(shades[:5]), weak.score(shades[:5])
    said = capsys.readouterr().err
    assert said.count("scored by pca_relative: the model reconstructs normal samples worse") == 1
