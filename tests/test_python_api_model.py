"""A trained model in a notebook: its summary, its results, how it is saved and shared."""

import copy
import io
import json
import pickle
import signal
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import run_code, stripes
from PIL import Image
from safetensors.torch import load_file
from torch import nn

import hourglass as hg
from hourglass.core.random_numbers import Stream, seeded
from hourglass.inference.normal_step_scores import normal_steps
from hourglass.tasks.notebook_objects import Film, Page, Picture
from hourglass.training.notebook_bar import left_in_words, show_in_notebook

FAST = {"backbone": "mlp(8)", "epochs": 2, "quiet": True}
LABELS = np.array(["even", "odd"] * 30)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small VAE of two classes, whose report is not drawn yet."""
    return hg.train(stripes(), y=LABELS, model="vae(3)", out=tmp_path_factory.mktemp("m") / "run",
                    report="lazy", **FAST)


def test_a_model_is_what_it_always_was(model):
    assert isinstance(model, hg.Trained) and hg.Trained is hg.Model
    loaded = hg.load(model.folder.path)
    assert isinstance(loaded, hg.Trained)
    np.testing.assert_array_equal(loaded.encode(stripes(4)), model.encode(stripes(4)))
    for name in ("encode", "decode", "sample", "score", "classify", "draw", "values", "weights"):
        assert name in dir(model) or not hasattr(model.trained, name), name
    assert "means of the posteriors" in hg.Trained.encode.__doc__
    with pytest.raises(AttributeError, match="encoed"):
        model.encoed(stripes(4))


def test_history_and_metrics_are_tables(model):
    history = model.history
    assert len(history["epoch"]) == 2 and history["val_loss"].dtype == float
    frame = history.to_pandas()
    assert list(frame["epoch"]) == [1, 2] and "<table>" in history._repr_html_()
    value, low, high = model.metrics["mse"]
    assert low <= value <= high and model.metrics["mse"] == model.metrics["mse"]
    assert set(model.metrics.to_pandas()["metric"]) == set(model.metrics)
    assert "mean squared error" in model.metrics._repr_html_() and "mse" in repr(model.metrics)


def test_figures_and_the_report_are_drawn_on_request(model):
    from matplotlib.figure import Figure
    figure = model.figure("corner", limit=2)
    assert isinstance(figure, Figure)
    assert model.figure("corner").get_figheight() > figure.get_figheight()
    with pytest.raises(ValueError, match="did you mean 'corner'"):
        model.figure("cornr")
    with pytest.raises(ValueError, match="takes no 'size'"):
        model.figure("corner", size=3)
    with pytest.raises(ValueError, match="does not apply"):
        model.figure("information")
    report = model.report()
    assert report.path == model.folder.report and "<iframe" in report._repr_html_()


def test_a_notebook_shows_the_model_its_curves_and_its_reconstructions(model, tmp_path):
    html = model._repr_html_()
    assert html.count("<img") == 2 and "vae(3)" in html and "Input above" in html
    assert str(model.folder.path) in repr(model)
    rows = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    vectors = hg.train(rows, out=tmp_path / "run", model="ae(2)", report=False, **FAST)
    assert vectors._repr_html_().count("<img") == 1   # vectors make no pictures


def test_splits_have_images_labels_index_and_names(model):
    splits = model.splits
    assert set(splits) == {"train", "val", "test"}
    index = np.concatenate([split.index for split in splits.values()])
    assert sorted(index) == list(range(60))
    for split in splits.values():
        np.testing.assert_allclose(split.images[..., 0], stripes()[split.index] / 255, atol=1e-6)
        assert list(split.labels) == list(LABELS[split.index]) and split.names == ()
    assert "<img" in splits["train"]._repr_html_() and len(splits["val"].to_pandas()) == 6


def test_posterior_and_elbo_are_those_of_the_formula(model):
    x = stripes(7)
    q = model.posterior(x)
    np.testing.assert_allclose(q.mean.numpy(), model.encode(x), atol=1e-6)
    terms = model.elbo(x, seed=3)
    kl = 0.5 * (q.mean**2 + q.stddev**2 - 1 - 2 * q.stddev.log()).sum(1)
    np.testing.assert_allclose(terms["kl"], kl.numpy(), rtol=1e-4)
    torch.manual_seed(3)
    z = q.rsample()
    p = model.net.decode(z).mean
    t = torch.from_numpy(x / 255).float()[:, None]
    recon = nn.functional.binary_cross_entropy(p, t, reduction="none").flatten(1).sum(1)
    np.testing.assert_allclose(terms["recon"], recon.detach().numpy(), rtol=1e-4)
    np.testing.assert_allclose(terms["loss"], terms["recon"] + terms["kl"], rtol=1e-5)
    many = [model.elbo(x, draws=20, seed=seed)["recon"] for seed in (0, 1)]
    assert np.abs(many[0] - many[1]).max() < 0.2 * np.abs(terms["recon"]).max()


def test_a_model_without_a_posterior_says_so(tmp_path):
    plain = hg.train(stripes(), model="ae(2)", out=tmp_path / "run", report=False, **FAST)
    with pytest.raises(ValueError, match=r"plain\(2\).*without a posterior"):
        plain.posterior(stripes(2))
    assert set(plain.elbo(stripes(5))) == {"recon", "loss"}


def test_net_encoder_and_decoder_are_torch_modules_of_one_set_of_weights(model):
    x = torch.from_numpy(stripes(3) / 255).float()[:, None]
    z = model.encoder(x)
    np.testing.assert_allclose(z.detach().numpy(), model.encode(stripes(3)), atol=1e-6)
    assert model.decoder(z).shape == x.shape and model.net(x).px.mean.shape == x.shape
    encoder, decoder = model.encoder, model.decoder
    assert {id(p) for p in encoder.parameters()} < {id(p) for p in model.net.parameters()}
    decoder(encoder(x)).sum().backward()   # gradients reach the model's own weights
    assert next(model.net.encoder.parameters()).grad is not None
    model.net.zero_grad(set_to_none=True)
    assert not any("decoder" in name for name in encoder.state_dict())
    assert torch.equal(copy.deepcopy(encoder)(x), z) and model.to("cpu") is model


def test_a_model_is_pickled_with_its_run_and_without_it(model, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    same = pickle.loads(pickle.dumps(model))
    assert same.folder.path == model.folder.path.resolve()
    moved = tmp_path / "run"
    gone = hg.train(stripes(), model="vae(2)", out=moved, report=False, **FAST)
    content = pickle.dumps(gone)
    codes, drawn = gone.encode(stripes(5)), gone.sample(4, prior="kde")
    moved.rename(tmp_path / "elsewhere")
    again = pickle.loads(content)
    np.testing.assert_array_equal(again.encode(stripes(5)), codes)
    np.testing.assert_array_equal(again.sample(4, prior="kde"), drawn)   # from codes it carries
    torch.save(gone.net.state_dict(), io.BytesIO())


def test_morph_is_a_film_of_images_numbers_or_files(model, tmp_path):
    Image.fromarray(stripes(1)[0]).save(tmp_path / "a.png")
    film = model.morph(stripes(2)[1], str(tmp_path / "a.png"), 0, frames=3, hold=2)
    assert isinstance(film, Film) and film.array.shape == (3 * (2 + 3), 10, 10, 1)
    np.testing.assert_allclose(film.codes[0], model.encode(stripes(2)[1:])[0], atol=1e-6)
    for name in ("m.gif", "m.png", "m.npy"):
        assert film.save(tmp_path / name).is_file()
    assert "image/gif" in film._repr_html_()
    for wrong in ({"way": "round"}, {}):
        with pytest.raises(ValueError, match=r"way must be|two images"):
            model.morph(*stripes(2 if wrong else 1), **wrong)
    with pytest.raises(ValueError, match="end it in one of"):
        film.save(tmp_path / "m.txt")


@pytest.mark.parametrize(("make", "shape"), [
    (lambda m: m.vary(stripes(1)[0], "slant", "even"), (2, 11, 10, 10, 1)),
    (lambda m: m.vary(0), (2, 11, 10, 10, 1)),
    (lambda m: m.vary(0, having=stripes(4), lacking=stripes(20)[10:]), (1, 11, 10, 10, 1)),
    (lambda m: m.grid(limit=2, side=3), (3, 3, 10, 10, 1)),
    (lambda m: m.generate(6), (6, 10, 10, 1)),
    (lambda m: m.generate(4, label="odd"), (4, 10, 10, 1))])
def test_pictures_have_arrays_codes_and_show_themselves(make, shape, model, tmp_path):
    picture = make(model)
    assert isinstance(picture, Picture) and picture.array.shape == shape
    np.testing.assert_allclose(
        model.decode(picture.codes.reshape(-1, 3)), picture.array.reshape(-1, 10, 10, 1), atol=1e-6)
    assert "image/png" in picture._repr_html_()
    assert Image.open(picture.save(tmp_path / "p.png")).width > 20
    np.testing.assert_array_equal(np.load(picture.save(tmp_path / "p.npy")), picture.array)


def test_generated_images_have_the_label_that_was_asked_for(model):
    assert list(model.generate(5, label="odd").labels) == ["odd"] * 5
    with pytest.raises(ValueError, match="not trained on a class 'third'"):
        model.generate(5, label="third")


def test_heat_maps_show_and_save_themselves(model, tmp_path):
    heat = model.heatmaps(stripes(7))
    assert heat.array.shape == (7, 10, 10) and heat._repr_html_().count("<img") == 6
    heat.save(tmp_path / "maps")
    assert len(list((tmp_path / "maps").glob("*.png"))) == 7


def test_the_explorer_is_a_page(model, tmp_path):
    pytest.importorskip("onnxscript")
    page = model.explore()
    assert isinstance(page, Page) and page.save(tmp_path / "e.html").stat().st_size > 10_000
    with pytest.raises(ValueError, match="end it in one of"):
        page.save(tmp_path / "e.txt")


def test_one_file_holds_the_weights_under_their_names_and_all_else(model, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = model.save(tmp_path / "m.safetensors")
    weights = load_file(path)
    assert set(model.net.state_dict()) <= set(weights)
    again = hg.load(path)
    np.testing.assert_array_equal(again.encode(stripes(5)), model.encode(stripes(5)))
    np.testing.assert_array_equal(again.sample(5, prior="kde"), model.sample(5, prior="kde"))
    np.testing.assert_array_equal(again.score(stripes(5)), model.score(stripes(5)))
    assert dict(again.history)["val_loss"].tolist() == model.history["val_loss"].tolist()
    assert hg.load(path).folder.path == again.folder.path
    with pytest.raises(ValueError, match=r"a model is a \.safetensors file"):
        model.save(tmp_path / "m.pt")
    with pytest.raises(ValueError, match="weights alone"):
        hg.load(model.folder.model)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="checksum is wrong"):
        hg.load(path)


def test_a_file_cannot_write_outside_of_its_folder(model, tmp_path, monkeypatch):
    from hourglass.core.tensor_files import load_tensors, save_tensors
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tensors, texts = load_tensors(model.save(tmp_path / "m.safetensors"))
    evil = {**tensors, "kept:../../../evil.safetensors": torch.zeros(3, dtype=torch.uint8)}
    files = {**json.loads(texts["files"]), "../evil.txt": "evil"}
    save_tensors(tmp_path / "e.safetensors", evil, {**texts, "files": json.dumps(files)})
    hg.load(tmp_path / "e.safetensors")
    assert not list(tmp_path.rglob("evil*"))


def test_a_model_is_pushed_into_a_folder_with_a_card_and_loaded_from_there(model, tmp_path,
                                                                         monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model.report()
    assert model.push(tmp_path / "shared") == str(tmp_path / "shared")
    card = (tmp_path / "shared" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: hourglass") and "| mse |" in card
    assert "bottleneck: `gaussian(3)`" in card
    for picture in ("reconstructions.png", "samples.png"):
        assert picture in card and (tmp_path / "shared" / picture).is_file()
    again = hg.load(tmp_path / "shared", device="auto")
    np.testing.assert_allclose(again.encode(stripes(3)), model.encode(stripes(3)), atol=1e-4)


@pytest.mark.parametrize("use", [lambda m: m.push("hub:owner/name"),
                                 lambda m: hg.load("hub:owner/name")])
def test_without_the_hub_a_folder_is_named_in_its_place(use, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"hourglass\[hub\].*folder does"):
        use(model)
    offline = types.ModuleType("huggingface_hub")   # as it answers without a network

    def unreachable(*_, **__):
        raise OSError("no network")
    offline.hf_hub_download = unreachable
    offline.HfApi = lambda: types.SimpleNamespace(create_repo=unreachable)
    monkeypatch.setitem(sys.modules, "huggingface_hub", offline)
    with pytest.raises(ValueError, match="owner/name on the Hub cannot be reached: no network"):
        use(model)
    with pytest.raises(ValueError, match="named hub:owner/name"):
        model.push("hub:name")


def test_the_hub_is_given_the_same_folder(model, monkeypatch, tmp_path):
    """A small Hub of a folder, for the two calls that are made to it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    hub = types.ModuleType("huggingface_hub")

    class Api:
        """What is uploaded lies in a folder."""

        def create_repo(self, name, exist_ok):
            (tmp_path / "hub" / name).mkdir(parents=True, exist_ok=exist_ok)

        def upload_folder(self, folder_path, repo_id):
            for file in Path(folder_path).iterdir():
                (tmp_path / "hub" / repo_id / file.name).write_bytes(file.read_bytes())
    hub.HfApi = Api
    hub.hf_hub_download = lambda name, file: str(tmp_path / "hub" / name / file)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert model.push("hub:me/stripes") == "https://huggingface.co/me/stripes"
    again = hg.load("hub:me/stripes")
    np.testing.assert_array_equal(again.encode(stripes(3)), model.encode(stripes(3)))


def test_models_are_held_beside_one_another(model, tmp_path, few_figures):
    other = hg.train(stripes(), y=LABELS, model="ae(3)", out=tmp_path / "other", **FAST)
    model.report()
    both = hg.compare([model, other])
    assert set(both["mse"]) == set(both.names) and "mse" in repr(both)
    assert both["mse"][str(other.folder.path)] == pytest.approx(other.metrics["mse"][0])
    assert "<iframe" in both._repr_html_() and both.save(tmp_path / "c.html").is_file()
    assert list(both.to_pandas().columns) == ["metric", *both.names]
    with pytest.raises(ValueError, match="a list of models"):
        hg.compare(model)


def test_data_is_read_as_training_reads_it(here):
    photos = hg.read("photos/", size=8, grey=True)
    assert photos.images.shape == (40, 8, 8, 1) and set(photos.labels) == {"lying", "upright"}
    assert photos.classes == ("lying", "upright") and "upright/000.png" in photos.names
    assert "<img" in photos._repr_html_() and "40" in repr(photos)
    rows = hg.read(np.arange(12.0).reshape(6, 2))
    assert len(rows) == 6 and "<img" not in rows._repr_html_()
    with pytest.raises(ValueError, match="there is no file"):
        hg.read("nowhere/")


@pytest.mark.parametrize("more, said", [({}, True), ({"test": 0.1}, False), ({"test": 0}, False),
                                        ({"quiet": True}, False)], ids=str)
def test_samples_that_training_leaves_out_by_default_are_said(more, said, tmp_path, capsys):
    hg.train(stripes(40), out=tmp_path / "run", model="ae(2)", report=False,
             **{**FAST, "epochs": 1, "quiet": False, **more})
    note = "training leaves out 4 of your samples, to test on; to train on them, pass test=0"
    assert capsys.readouterr().err.count(note) == said


def test_own_validation_data_is_what_epochs_are_compared_by(tmp_path):
    x, xv = stripes(40), 255 - stripes(9)
    model = hg.train(x, y=["a"] * 40, val=(xv, ["b"] * 4 + ["a"] * 5), out=tmp_path / "run",
                     model="ae(2)", report=False, test=0.0, **FAST)
    splits = model.splits
    np.testing.assert_allclose(splits["val"].images[..., 0], xv / 255, atol=1e-6)
    assert len(splits["train"]) == 40 and list(splits["val"].labels) == ["b"] * 4 + ["a"] * 5
    keras = hg.train(x, validation_data=(xv, None), out=tmp_path / "keras", model="ae(2)",
                     report=False, test=0.0, **FAST)
    assert keras.history["val_loss"].tolist() == model.history["val_loss"].tolist()
    more = hg.resume(tmp_path / "keras", data=x, val=xv, epochs=3, quiet=True, report=False)
    assert len(more.history["epoch"]) == 3
    for wrong, match in ((xv[:, :5], "have shape"), (xv / 255.0, "numbers of type")):
        with pytest.raises(ValueError, match=match):
            hg.train(x, val=wrong, out=tmp_path / "no", model="ae(2)", **FAST)


def test_a_cell_runs_again_with_overwrite_and_only_over_runs(tmp_path):
    given = {"model": "ae(2)", "report": False, **FAST}
    first = hg.train(stripes(), out=tmp_path / "run", seed=1, **given).encode(stripes(3))
    with pytest.raises(ValueError, match=r"is a run already.*hg\.resume"):
        hg.train(stripes(), out=tmp_path / "run", **given)
    with pytest.raises(ValueError, match="no setting is named"):   # and what there is stays
        hg.train(stripes(), out=tmp_path / "run", overwrite=True, epoch=3, **given)
    np.testing.assert_array_equal(hg.load(tmp_path / "run").encode(stripes(3)), first)
    second = hg.train(stripes(), out=tmp_path / "run", seed=2, overwrite=True, **given)
    assert not np.array_equal(second.encode(stripes(3)), first)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="not empty"):
        hg.train(stripes(), out=tmp_path / "mine", overwrite=True, **given)
    assert (tmp_path / "mine" / "thesis.txt").is_file()


def test_torchs_generator_is_left_as_it_was(model, tmp_path):
    before = torch.random.get_rng_state()
    new = hg.train(stripes(), model="vae(2)", out=tmp_path / "run", **FAST)
    new.encode(stripes(4))
    new.sample(4)
    new.elbo(stripes(4))
    hg.load(tmp_path / "run")
    hg.resume(tmp_path / "run", data=stripes(), epochs=3, quiet=True, report=False)
    hg.finetune(model, labels=10, steps=10, out=tmp_path / "few")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_callback_that_draws_changes_no_training(tmp_path):
    given = {"model": "vae(2)", "report": False, **FAST}
    alone = hg.train(stripes(), out=tmp_path / "a", **given).encode(stripes(5))
    drawing = hg.train(stripes(), out=tmp_path / "b", **given,
                       callbacks=lambda epoch, row: torch.randn(7).sum() > 1e9)
    np.testing.assert_array_equal(drawing.encode(stripes(5)), alone)


def test_threads_with_one_seed_give_the_same_codes_as_one_after_the_other(tmp_path):
    given = {"model": "vae(2)", "report": False, **FAST, "epochs": 4}
    codes = {}

    def learn(name: str) -> None:
        made = hg.train(stripes(), out=tmp_path / name, **given)
        codes[name] = made.encode(stripes(9)), made.sample(3, prior="kde")
    learn("alone")
    threads = [threading.Thread(target=learn, args=(f"thread{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes) == 4
    for found in codes.values():
        for one, other in zip(found, codes["alone"], strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_stream_of_noise_goes_on_where_it_was_left():
    with seeded(5):
        whole = torch.rand(6)
    before, stream = torch.random.get_rng_state(), Stream()
    with stream:
        torch.manual_seed(5)
        first = torch.rand(3)
    torch.rand(100)
    with stream:
        rest = torch.rand(3)
    assert torch.equal(torch.cat([first, rest]), whole)
    torch.random.set_rng_state(before)


def test_quiet_is_quiet_and_else_progress_is_as_asked(tmp_path, capfd):
    hg.train(stripes(), learning_rate=0.01, latent_dim=2, out=tmp_path / "a", **FAST)
    assert capfd.readouterr() == ("", "")
    hg.train(stripes(), model="ae(2)", out=tmp_path / "b", progress="none", report=False,
             **{**FAST, "quiet": False})
    said = capfd.readouterr().err
    assert "train, 6 val" in said and "epoch 1/2" not in said
    with pytest.raises(ValueError, match="progress must be"):
        hg.train(stripes(), progress="bars")
    with pytest.raises(ValueError, match="report must be"):
        hg.train(stripes(), report="later")


def test_a_notebooks_bar_says_how_much_time_is_left(tmp_path):
    from hourglass.run.settings import make_settings
    from hourglass.training.setup import prepare
    from hourglass.training.train import run
    shown = []
    training = prepare(make_settings({"model": "ae(2)", "backbone": "mlp(8)", "epochs": 3}),
                       stripes(), out=tmp_path / "run")
    show_in_notebook(run(training), 3, shown.append)
    assert all("<progress" in html for html in shown)
    assert "epoch 3 of 3" in shown[-1] and "val_loss" in shown[-1] and "0:00 left" in shown[-1]
    assert left_in_words(3725) == "1:02:05 left"


class Recorder(types.ModuleType):
    """Any tool that logs: it keeps what is called on it."""

    def __init__(self, name: str):
        super().__init__(name)
        self.calls: list[tuple[str, tuple, dict]] = []

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args, **kwargs):
            self.calls.append((name, args, kwargs))
            return self
        return call


@pytest.mark.parametrize(("name", "logs"), [("mlflow", "log_metrics"), ("wandb", "log"),
                                            ("trackio", "log")])
def test_loggers_are_told_settings_figures_and_the_end(name, logs, tmp_path, monkeypatch):
    recorder = Recorder(name)
    monkeypatch.setitem(sys.modules, name, recorder)
    hg.train(stripes(), model="ae(2)", out=tmp_path / "run", report=False, callbacks=name, **FAST)
    named = [call[0] for call in recorder.calls]
    rows = [call for call in recorder.calls if call[0] == logs]
    assert [row[2]["step"] for row in rows] == [1, 2] and "val_loss" in rows[0][1][0]
    assert named[-1] in ("end_run", "finish") and "ae(2)" in str(recorder.calls[:2])
    assert any("Image" in call or "log_artifact" in call for call in named)


class Printing(Recorder):
    """A module that prints as it begins and ends."""

    def __getattr__(self, name: str):
        if name in ("init", "finish"):
            print(f"* {name}")
        return super().__getattr__(name)


@pytest.mark.parametrize("quiet", [True, False])
def test_a_logger_prints_nothing_where_all_is_quiet(quiet, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "trackio", Printing("trackio"))
    hg.train(stripes(), model="ae(2)", out=tmp_path / "run", report=False, callbacks="trackio",
             **{**FAST, "quiet": quiet})
    assert capsys.readouterr().out == ("" if quiet else "* init\n* finish\n")


class Failing(Recorder):
    """A module whose calls of this name fail."""

    def __init__(self, name: str, fails: str):
        super().__init__(name)
        self.fails = fails

    def __getattr__(self, name: str):
        if name == self.fails:
            raise RuntimeError("the server is gone.\nTry later")
        return super().__getattr__(name)


GONE = (r"the logger mlflow cannot start: RuntimeError: the server is gone\. Try later\. Train "
        r"without it")


@pytest.mark.parametrize("out, left", [(None, []), ("a/b", []), ("there", ["there"])])
def test_a_logger_that_cannot_start_is_refused_and_leaves_no_run(out, left, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in left:
        Path(name).mkdir()
    trackio = Recorder("trackio")
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    monkeypatch.setitem(sys.modules, "mlflow", Failing("mlflow", "start_run"))
    with pytest.raises(ValueError, match=GONE):
        hg.train(stripes(), out=out, report=False, callbacks=["trackio", "mlflow"], **FAST)
    assert sorted(str(path) for path in Path().rglob("*")) == left
    assert trackio.calls[-1][0] == "finish", "one that started is closed"


def test_a_logger_that_cannot_start_loses_no_older_run(tmp_path, monkeypatch):
    given = {"out": tmp_path / "run", "model": "ae(2)", "report": False, **FAST}
    codes = hg.train(stripes(), **given).encode(stripes(5))
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    monkeypatch.setitem(sys.modules, "mlflow", Failing("mlflow", "start_run"))
    with pytest.raises(ValueError, match=GONE):
        hg.train(stripes(), seed=2, overwrite=True, callbacks="mlflow", **given)
    with pytest.raises(ValueError, match=GONE):
        hg.resume(tmp_path / "run", data=stripes(), epochs=9, callbacks="mlflow", quiet=True)
    after = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert after == before and np.array_equal(hg.load(tmp_path / "run").encode(stripes(5)), codes)


@pytest.mark.parametrize("fails, when", [("log_metrics", "epoch 1"), ("end_run", "the end")])
def test_a_logger_that_fails_loses_no_training(fails, when, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mlflow", Failing("mlflow", fails))
    model = hg.train(stripes(), out=tmp_path / "run", report=False, callbacks="mlflow",
                     **{**FAST, "quiet": False})
    assert model.history["epoch"].tolist() == [1, 2]
    said = capsys.readouterr().err
    assert said.count("the logger mlflow failed") == 1 and f"failed at {when}" in said


def test_tensorboard_has_figures_and_pictures(tmp_path):
    hg.train(stripes(), model="ae(2)", out=tmp_path / "run", report=False,
             callbacks=["tensorboard"], **FAST)
    (events,) = (tmp_path / "run" / "tensorboard").iterdir()
    content = events.read_bytes()
    assert b"val_loss" in content and b"reconstructions" in content


@pytest.mark.parametrize("name", ["mlflow", "wandb", "trackio"])
def test_a_logger_that_is_not_installed_is_refused_before_training(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=rf"pip install 'hourglass\[{name}\]'"):
        hg.train(stripes(), out=tmp_path / "run", callbacks=name, **FAST)
    assert not (tmp_path / "run").exists()


def test_a_callback_adds_figures_to_the_history(tmp_path):
    def mine(epoch, row):
        row["epoch_squared"] = epoch**2
    model = hg.train(stripes(), model="ae(2)", out=tmp_path / "run", report=False, callbacks=mine,
                     **FAST)
    assert model.history["epoch_squared"].tolist() == [1, 4]
    with pytest.raises(ValueError, match="not a number"):
        hg.train(stripes(), model="ae(2)", out=tmp_path / "no", report=False,
                 callbacks=lambda epoch, row: row.update(note="good"), **FAST)


def test_ctrl_c_ends_a_loop_of_trainings_after_the_model_is_saved(tmp_path):
    def interrupt(epoch, row):
        signal.raise_signal(signal.SIGINT)
    done = []
    with pytest.raises(KeyboardInterrupt):
        for seed in range(3):
            hg.train(stripes(), model="ae(2)", seed=seed, out=tmp_path / str(seed),
                     callbacks=interrupt, **{**FAST, "epochs": 50})
            done.append(seed)
    assert done == [] and not (tmp_path / "1").exists()
    model = hg.load(tmp_path / "0")
    assert len(model.encode(stripes(3))) == 3 and len(model.history["epoch"]) < 50
    more = hg.resume(tmp_path / "0", data=stripes(), quiet=True, report=False, stop="none")
    assert len(more.history["epoch"]) == 50


def test_memory_is_given_back_on_request(tmp_path):
    code = f"""
import numpy as np, hourglass as hg, resource
x = np.random.default_rng(0).integers(0, 255, (400, 32, 32), np.uint8)
def held():
    return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize() / 2**20
hg.train(x, model="ae(4)", backbone="conv((32, 32))", epochs=1, batch_size=200, quiet=True,
         report=False, out={str(tmp_path / 'a')!r})
kept = held()
hg.train(x, model="ae(4)", backbone="conv((32, 32))", epochs=1, batch_size=200, quiet=True,
         report=False, out={str(tmp_path / 'b')!r}, keep_memory=False)
print(kept - held())
"""
    code, out, err = run_code(code)
    assert code == 0, err
    assert float(out) > 20, out   # MiB


def people(count: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame({"size": draw.normal(170, 9, count), "weight": draw.normal(70, 9, count),
                         "sex": np.array(["f", "m"])[draw.integers(0, 2, count)],
                         "kind": np.array(["a", "b"])[np.arange(count) % 2]})


def test_a_table_has_validation_rows_of_its_own(tmp_path):
    frame, own = people(60, 0), people(20, 1)
    own.loc[3, "size"] = np.nan
    few = {"model": "ae(2)", "backbone": "mlp(8)", "report": False, "test": 0.2, **FAST}
    model = hg.train(frame, val=own, out=tmp_path / "run", **few)
    source, column = model.source(), model.description.encoding["columns"][0]
    train, val = (source.splits[name] for name in ("train", "val"))
    x = next(val.batches(len(val))).x.numpy()
    assert (len(train), len(val)) == (48, 20)
    np.testing.assert_allclose(x[:3, 0] * column["std"] + column["mean"], own["size"][:3],
                               rtol=1e-5)
    seen = next(train.batches(len(train))).x[:, 0]
    assert abs(float(seen.mean())) < 1e-5, "the scale is learnt from training rows alone"
    frame.to_csv(tmp_path / "a.csv", index=False)
    own.to_csv(tmp_path / "b.csv", index=False)
    files = hg.train(f"table('{tmp_path / 'a.csv'}', label='kind')", val=tmp_path / "b.csv",
                     out=tmp_path / "files", **few)
    assert list(files.splits["val"].labels) == own.kind.tolist()
    labels = hg.train(frame.drop(columns="kind"), y=frame.kind, out=tmp_path / "labels",
                      val=(own.drop(columns="kind"), own.kind), **few)
    assert list(labels.splits["val"].labels) == own.kind.tolist()
    more = hg.resume(tmp_path / "run", data=frame, val=own, epochs=3, quiet=True, report=False)
    assert len(more.history["epoch"]) == 3
    for wrong, match in ((own.drop(columns="sex"), "lacks the column 'sex'"),
                         (np.zeros((5, 9)), "an array needs")):
        with pytest.raises(ValueError, match=match):
            hg.train(frame, val=wrong, out=tmp_path / "no", **few)
    with pytest.raises(ValueError, match="pass both as the same kind"):
        hg.train(np.zeros((9, 4), np.float32), val=own, out=tmp_path / "no", **few)


@pytest.mark.parametrize("stride", [1, 3])
def test_a_series_has_a_validation_series_of_its_own(stride, tmp_path):
    at = np.arange(120)
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=120, freq="h"),
                          "flow": 50 + np.sin(at / 3), "heat": np.cos(at / 3)})
    own = frame.head(40).assign(flow=90.0 + np.arange(40))
    few = {"model": "ae(2)", "backbone": "mlp(8)", "report": False, "test": 0.2, **FAST}
    model = hg.train(frame, val=own, kind="series", window=12, stride=stride,
                     out=tmp_path / "run", **few)
    source, encoding = model.source(), model.description.encoding
    val = source.splits["val"]
    x = next(val.batches(len(val))).x.numpy()[:, 0] * encoding["std"][0] + encoding["mean"][0]
    assert len(val) == len(range(0, 40 - 11, stride))
    np.testing.assert_allclose(x[1], own.flow[stride:stride + 12], rtol=1e-4)
    assert encoding["mean"][0] < 60, "the scale is learnt from the training series alone"
    scores = normal_steps(model.trained).scores
    assert len(scores) == stride * (len(val) - 1) + 12, "the steps of the validation series"
    later = hg.load(tmp_path / "run")   # whose data is gone
    for causal in (False, True):
        assert len(later.score_steps(own, causal=causal).score) == len(own)
    np.testing.assert_array_equal(normal_steps(later.trained).scores, scores)
    frame.to_csv(tmp_path / "a.csv", index=False)
    own.to_csv(tmp_path / "b.csv", index=False)
    files = hg.train(tmp_path / "a.csv", val=tmp_path / "b.csv", kind="series", window=12,
                     stride=stride, out=tmp_path / "files", **few)
    assert len(files.source().splits["val"]) == len(val)
    windows = np.random.default_rng(0).normal(50, 3, (30, 12, 2))
    plain = hg.train(windows, val=windows[:7], kind="series", out=tmp_path / "w", **few)
    assert len(plain.source().splits["val"]) == 7
    for wrong, match in ((own.drop(columns="heat"), "no column 'heat'"),
                         (own.head(5), "shorter than a window of 12"),
                         ((own, ["a"] * 40), "a series has no labels")):
        with pytest.raises(ValueError, match=match):
            hg.train(frame, val=wrong, kind="series", window=12, out=tmp_path / "no", **few)
