"""The words of other tools' tutorials are understood, or answered with the right ones."""

import numpy as np
import pytest
import torch

import hourglass as hg
from hourglass.core.contracts import CodeSpace
from hourglass.core.registry import backbones, kind_of_part, models, priors
from hourglass.run.aliases import ANSWERS, DIMS, NAMES
from hourglass.run.settings import Settings, make_settings

SMALL = {"backbone": "mlp(8)", "epochs": 3, "stop": "none", "quiet": True, "report": False,
         "test": 0.0}


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).random((48, 6)).astype(np.float32)


@pytest.mark.parametrize("word, likelihood", [
    ("mse", "normal"), ("mean_squared_error", "normal"), ("MSE", "normal"), ("mae", "laplace"),
    ("bce", "bernoulli"), ("binary_crossentropy", "bernoulli")])
def test_losses_of_other_tools_name_their_likelihood(word, likelihood, capsys):
    found = make_settings({"loss": word})
    assert (found.loss, found.likelihood) == ("recon", likelihood)
    assert f"likelihood {likelihood}" in capsys.readouterr().err   # and it is said


def test_such_a_loss_may_stand_in_a_formula():
    found = make_settings({"loss": "mse + 4 * kl", "model": "vae(4)"})
    assert (found.loss, found.likelihood) == ("recon + 4 * kl", "normal")


@pytest.mark.parametrize("values", [{"loss": "mse", "likelihood": "bernoulli"},
                                    {"loss": "mse + mae"}])
def test_two_losses_that_differ_are_refused(values):
    with pytest.raises(ValueError, match="keep one of them"):
        make_settings(values)


def test_a_likelihood_with_options_goes_with_its_loss():
    assert make_settings({"loss": "mse", "likelihood": "normal(0.5)"}).likelihood == "normal(0.5)"


@pytest.mark.parametrize("name", DIMS)
def test_a_latent_size_is_the_named_models_dim(name):
    assert make_settings({name: 10}).parts().bottleneck == "plain(10)"
    assert make_settings({name: "7", "model": "vae"}).parts().bottleneck == "gaussian(7)"
    changed = make_settings({name: 5, "model": "beta_vae(16, 2)"}).parts()
    assert changed.bottleneck == "gaussian(5)" and changed.loss == "recon + 2.0 * kl"
    assert make_settings({name: 3, "bottleneck": "gaussian(16)"}).bottleneck == "gaussian(dim=3)"


@pytest.mark.parametrize("values, words", [
    ({"latent_dim": 0}, "whole number from 1"), ({"latent_dim": "many"}, "whole number from 1"),
    ({"latent_dim": 4, "model": "ladder_vae"}, "ladder_vae takes no dim")])
def test_a_latent_size_that_cannot_be_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        make_settings(values)


@pytest.mark.parametrize("name, own, value", [
    ("learning_rate", "lr", 0.01), ("validation_split", "val", 0.2), ("num_epochs", "epochs", 3),
    ("random_state", "seed", 5), ("optimizer", "optimiser", "sgd")])
def test_settings_of_other_tools_have_their_own_names_here(name, own, value, capsys):
    assert getattr(make_settings({name: value}), own) == value
    assert f"{name} is {own} here" in capsys.readouterr().err
    with pytest.raises(ValueError, match=f"{own} is set twice"):
        make_settings({name: value, own: value})


@pytest.mark.parametrize("name, own, value", [
    ("early_stopping", "stop", "none"), ("lr_schedule", "schedule", "constant"),
    ("warm_start", "begin", "runs/1"), ("resize_mode", "fit", "pad"), ("classes", "only", "3")])
def test_clearer_names_of_settings_are_accepted_without_a_note(name, own, value, capsys):
    assert getattr(make_settings({name: value}), own) == value
    assert not capsys.readouterr().err


@pytest.mark.parametrize("switch, text", [(True, "early"), (False, "none")])
def test_early_stopping_may_be_a_switch(switch, text):
    assert make_settings({"early_stopping": switch}).stop == text


@pytest.mark.parametrize("name", ["losses", "loss", "terms", "term"])
def test_loss_terms_are_listed_under_both_names(name):
    assert kind_of_part(name) == "terms"


def test_an_optimiser_may_begin_with_a_capital():
    assert make_settings({"optimizer": "Adam"}).optimiser == "adam"
    assert make_settings({"optimiser": "SGD"}).optimiser == "sgd"


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_what_has_another_place_here_is_answered(name):
    with pytest.raises(ValueError, match=f"no setting is named '{name}': "):
        make_settings({name: 1})


def test_no_word_of_other_tools_hides_a_setting():
    assert not {*ANSWERS, *NAMES, *DIMS} & set(Settings.model_fields)
    assert set(NAMES.values()) <= set(Settings.model_fields)


def test_options_of_parts_have_synonyms():
    assert models.make("vae(latent_dim=3)") == models.make("vae(3)")
    backbones.make("conv(filters=(4, 4, 4), kernel_size=5, strides=1)", (1, 8, 8), (1, 8, 8))
    with pytest.raises(ValueError, match="twice"):
        models.make("vae(3, latent_dim=3)")


def test_the_command_line_knows_them(vectors, tmp_path, monkeypatch, hourglass):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", vectors)
    code, _, said = hourglass(
        "train x.npy --latent-dim 2 --loss mse --learning-rate 0.01 --epochs 1 "
        "--validation-split 0.2 --optimizer Adam --no-report --backbone mlp(4)")
    assert code == 0 and "plain(2), normal, loss recon" in said
    code, _, said = hourglass(
        "train x.npy --recipe tutorial_cae --latent-dim 3 --loss mae --val 0.1 --backbone mlp(4) "
        "--epochs 1 --no-report")
    assert code == 0 and "plain(dim=3), laplace, loss recon" in said   # flags override a recipe


@pytest.mark.parametrize("std", [1.0, 4.0])
def test_a_normal_prior_takes_a_width(std):
    prior = priors.make(f"normal({std})", CodeSpace(10, 3, 1, lambda n: torch.zeros(n, 3)))
    drawn = prior.sample(torch.zeros(20_000, dtype=torch.long))
    assert abs(float(drawn.std()) - std) < 0.03 * std
    exact = torch.distributions.Normal(0, std).log_prob(drawn).sum(1)
    torch.testing.assert_close(prior.log_prob(drawn, torch.zeros(20_000)), exact)


def test_a_callback_sees_each_epoch_and_may_stop(vectors, tmp_path):
    seen = []

    def stop_at_two(epoch, row):
        seen.append((epoch, row["train_loss"]))
        return epoch == 2
    model = hg.train(vectors, out=tmp_path / "run", callbacks=stop_at_two, **SMALL)
    assert [epoch for epoch, _ in seen] == [1, 2]
    assert len(model.folder.read_history()) == 2
    again = hg.resume(tmp_path / "run", data=vectors, quiet=True, report=False,
                      callbacks=[lambda epoch, row: seen.append((epoch, row["lr"]))])
    assert [epoch for epoch, _ in seen] == [1, 2, 3] and len(again.folder.read_history()) == 3


class KerasCallback:
    """As Keras has them."""

    def on_epoch_end(self, epoch, logs=None):
        """Nothing."""


@pytest.mark.parametrize("given", [[KerasCallback()], KerasCallback(), ["early"]])
def test_another_tools_callback_is_answered(given, vectors, tmp_path):
    with pytest.raises(ValueError, match=r"a callback is a function .* early"):
        hg.train(vectors, out=tmp_path / "run", callbacks=given, **SMALL)
