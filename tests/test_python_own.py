"""Networks and parts of one's own, and models that are loaded without their data: what is said."""

import numpy as np
import pytest
import torch
from conftest import stripes
from torch import nn

import hourglass as hg
from hourglass.core.registry import models, terms
from hourglass.model.given_networks import NETWORKS

QUICK = {"epochs": 1, "batch_size": 16, "quiet": True, "report": False}
X, Y = stripes(60), np.arange(60) % 2


def encoder(width: int = 12) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(100, width), nn.ReLU())


def decoder(width: int = 12, *last: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 100), nn.Unflatten(1, (1, 10, 10)), *last)


class Two(nn.Module):
    """An encoder as PyTorch's examples have it: a mean and a log-variance."""

    def __init__(self):
        super().__init__()
        self.mean, self.log_variance = nn.Linear(100, 4), nn.Linear(100, 4)

    def forward(self, x):
        return self.mean(x.flatten(1)), self.log_variance(x.flatten(1))


def test_an_encoder_of_mean_and_log_variance_is_told_who_makes_them(tmp_path):
    with pytest.raises(ValueError, match=r"gives 2 results.*one tensor.*makes mean and log-vari"):
        hg.train(X, encoder=Two(), model="vae(4)", out=tmp_path / "run", **QUICK)


@pytest.mark.parametrize("last", [nn.Sigmoid(), nn.Tanh(), nn.Hardsigmoid()])
def test_a_decoder_that_ends_in_a_sigmoid_is_noticed_even_if_quiet(last, tmp_path, capsys):
    own = {"encoder": encoder(), "decoder": decoder(12, last), "model": "ae(4)", **QUICK}
    hg.train(X, out=tmp_path / "run", **own)
    said = capsys.readouterr().err
    assert "takes logits" in said and "likelihood='normal'" in said
    hg.train(X, likelihood="normal", out=tmp_path / "normal", **own)
    hg.train(X, out=tmp_path / "logits", **{**own, "decoder": decoder()})
    assert capsys.readouterr().err == ""


def test_a_function_that_is_a_sigmoid_is_noticed_by_its_output(tmp_path, capsys):
    class Squashed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = decoder()

        def forward(self, h):
            return torch.sigmoid(self.layers(h))
    hg.train(X, encoder=encoder(), decoder=Squashed(), model="vae(4)", out=tmp_path / "r", **QUICK)
    assert "the decoder Squashed seems to end in a sigmoid" in capsys.readouterr().err


def test_a_layer_between_code_and_decoder_is_said(tmp_path, capsys):
    hg.train(X, encoder=encoder(), decoder=decoder(7), model="cvae(4)", y=Y, out=tmp_path / "run",
             **{**QUICK, "quiet": False, "progress": "none"})
    assert ("the decoder Sequential takes 7 numbers and the encoder gives 12 numbers; a dense "
            "layer" in capsys.readouterr().err)


@pytest.mark.parametrize("end, words", [
    (nn.Unflatten(1, (10, 10)), r"\(2, 4\) it gives \(2, 10, 10\).*lacks the axis of channels"),
    (nn.Identity(), r"it gives \(2, 100\)\. End it with nn.Unflatten\(1, \(1, 10, 10\)\)")])
def test_a_decoder_without_channels_is_told_what_it_lacks(end, words, tmp_path):
    own = nn.Sequential(nn.Linear(4, 100), end)
    with pytest.raises(ValueError, match=words):
        hg.train(X, encoder=encoder(), decoder=own, model="vae(4)", out=tmp_path / "run", **QUICK)


@pytest.mark.parametrize("name, kind", [("loss", "loss"), ("bottleneck", "bottleneck"),
                                        ("augment", "augmentation")])
@pytest.mark.parametrize("own", [lambda out, model: out.latent.z.sum(1), nn.Identity()])
def test_a_function_for_a_part_is_told_to_register_first(name, kind, own):
    with pytest.raises(ValueError, match=rf'with @hg.register\("{kind}", "mine"\)'):
        hg.train(X, **{name: own}, **QUICK)


def test_no_suggestion_leaves_no_gap(tmp_path):
    with pytest.raises(ValueError) as caught:
        hg.train(X, model="qqq", **QUICK)
    assert "; ." not in str(caught.value) and ". If it is a part of your own" in str(caught.value)
    assert len(models.parts) > 40   # too many to be listed


# loading

@pytest.fixture(scope="module")
def run(tmp_path_factory) -> hg.Model:
    """A model with an own loss and own networks, of data in memory with its own validation data."""
    @hg.register("loss", "roughness")
    def roughness(out, model):
        """How rough reconstructions are, (B,)."""
        return out.px.mean.diff(dim=-1).abs().flatten(1).sum(1)
    yield hg.train(X[:50], Y[:50], val=(X[50:], Y[50:]), encoder=encoder(), decoder=decoder(),
                   model="vae(4)", loss="recon + kl + 0.1 * roughness",
                   out=tmp_path_factory.mktemp("own") / "run", **QUICK)
    terms.parts.pop("roughness", None), terms.own.pop("roughness", None)


@pytest.fixture
def elsewhere(run, monkeypatch, tmp_path):
    """As in another process, which has neither the networks nor the loss."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for key in list(NETWORKS):
        monkeypatch.delitem(NETWORKS, key)
    monkeypatch.delitem(terms.parts, "roughness")
    return run.save(tmp_path / "m.safetensors")


def test_all_that_a_model_lacks_is_said_at_once(elsewhere):
    with pytest.raises(ValueError) as caught:
        hg.load(elsewhere)
    said = str(caught.value)
    assert "the term roughness" in said and "encoder=Sequential(...)" in said
    assert "does not describe" not in said


def test_a_missing_loss_is_said_where_the_model_can_be_used_without(elsewhere, capsys):
    model = hg.load(elsewhere, encoder=encoder(), decoder=decoder())
    said = capsys.readouterr().err
    assert "the term roughness" in said and "Without them, elbo and the report fail" in said
    assert model.encode(X).shape == (60, 4)


def test_a_loaded_model_gets_its_data_again(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = run.save(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"which is gone. Give it again.*hg.load\(run, data=x\)"):
        hg.load(file).splits  # noqa: B018
    own = {"data": X[:50], "y": Y[:50], "val": (X[50:], Y[50:])}
    model = hg.load(file, **own)
    for name, split in run.splits.items():
        np.testing.assert_array_equal(model.splits[name].images, split.images)
        np.testing.assert_array_equal(model.splits[name].labels, split.labels)
    assert model.metrics["mse"][0] == pytest.approx(run.metrics["mse"][0], rel=1e-4)
    assert len(model.morph(0, 1, frames=1, hold=1).array)
    for wrong in ({"data": X[:50]}, {**own, "data": X[:50] // 2}):
        with pytest.raises(ValueError, match=r"data has changed since .*Give the same x, and"):
            hg.load(file, **wrong)


def test_resuming_with_other_data_says_what_differs(run):
    for call in (lambda: hg.resume(run.folder.path, data=X[:50], epochs=3, quiet=True),):
        with pytest.raises(ValueError, match=r"it has 50 samples, and training had 60\. Give the"):
            call()


def test_a_card_says_what_its_model_needs(run, tmp_path):
    place = str(tmp_path / "shared")
    run.push(place)
    card = (tmp_path / "shared" / "README.md").read_text()
    code = card.partition("```python")[2].partition("```")[0]
    compile(code, "card", "exec")
    assert f'hg.load("{place}", encoder=Sequential(...), decoder=Sequential(...), parts=[' in code
    assert "# needs the code of Sequential and Sequential" in code and "roughness" in code
    assert "mark=" not in card and "networks of its own, Sequential and Sequential" in card
