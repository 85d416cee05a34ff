"""Rivals: each side learns by its own loss alone, and what a rival estimates is true."""

import math

import numpy as np
import pytest
import torch
from conftest import stripes
from torch import nn

import hourglass
from hourglass.core.contracts import Latent, Output
from hourglass.core.registry import terms
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.loss_step import Step
from hourglass.model.losses.adversarial import LEAST, REST, clipped_gradient, likeness
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts
from hourglass.run.settings import make_settings
from hourglass.training.setup import prepare, resume
from hourglass.training.train import run, save

RIVALS = ("gan", "tc_gan", "learned_likeness", "patch_gan")
BACKBONES = ("mlp((12,))", "conv(filters=(4, 8))", "unet(filters=(4, 8))")


def made(term: str, backbone: str = "mlp((12,))") -> Step:
    parts = Parts(backbone, bottleneck="gaussian(3)", likelihood="bernoulli")
    model = Autoencoder(parts, (1, 8, 8))
    return Step(model, Objective(f"recon + kl + 2 * {term}", model))


def gradients(of: torch.Tensor, weights) -> list[torch.Tensor]:
    return [torch.zeros_like(w) if g is None else g for w, g in zip(
        weights, torch.autograd.grad(of, weights, retain_graph=True, allow_unused=True),
        strict=True)]


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("term", RIVALS)
def test_each_side_gets_the_gradient_of_its_own_loss_and_no_other(term, backbone):
    """Pitfall 15, Fault 3: the rival's loss sends nothing to encoder and decoder, nor the model's
    to the rival, and the one backward pass of a step gives both sides what they would get alone."""
    step = made(term, backbone)
    rival = step.objective.terms[term].rival
    theirs = list(rival.parameters())
    own = [p for p in step.parameters() if id(p) not in {id(t) for t in theirs}]
    out = step.model(torch.rand(6, 1, 8, 8), draw=True)
    torch.manual_seed(1)
    loss, _ = step.objective(out, step.model)
    against = step.objective.rival_losses(out, step.model)[f"rival_{term}"]
    assert all((g == 0).all() for g in gradients(against, own))
    assert all((g == 0).all() for g in gradients(loss, theirs))
    for of, weights in ((loss, own), (against, theirs)):
        alone, both = gradients(of, weights), gradients(loss + against, weights)
        assert sum(float(g.abs().sum()) for g in alone) > 0
        assert all(torch.equal(a, b) for a, b in zip(alone, both, strict=True))


def test_the_wish_to_seem_real_reaches_the_decoder_and_not_the_encoder():
    """Fault 5: what is the decoder's alone does not leak to the encoder."""
    step = made("learned_likeness", "unet(filters=(4, 8))")
    x = torch.rand(6, 1, 8, 8)
    found = []
    for realism in (0.0, 50.0):
        step.objective.terms["learned_likeness"].realism = realism
        torch.manual_seed(2)
        loss, _ = step.objective(step.model(x, draw=True), step.model)
        found.append([gradients(loss, list(side.parameters()))
                      for side in (step.model.encoder, step.model.decoder)])
    (encoder, decoder), (encoder_too, decoder_too) = found
    assert all(torch.allclose(a, b) for a, b in zip(encoder, encoder_too, strict=True))
    assert not all(torch.allclose(a, b) for a, b in zip(decoder, decoder_too, strict=True))


def test_every_sample_of_a_batch_counts_and_codes_keep_their_order():
    """Fault 4: no half of the batch is left out, and codes come back row by row."""
    step = made("tc_gan")
    x = torch.rand(8, 1, 8, 8)
    out = step.model(x, draw=False)
    each = step.objective.terms["tc_gan"](out, step.model)
    assert each.shape == (8,) and out.latent.z.shape == (8, 3)
    assert torch.allclose(out.latent.z[2:3], step.model(x[2:3], draw=False).latent.z, atol=1e-6)


def test_likeness_counts_features_in_their_own_spread():
    """However large a rival makes its features, the same differences cost the same."""
    random = torch.Generator().manual_seed(0)
    right = torch.randn(4000, 3, generator=random) * torch.tensor([0.01, 1.0, 100.0])
    made_ = right + torch.tensor([0.01, 1.0, 100.0])   # each a standard deviation away
    large = 1 + LEAST * (1e4 + 1 + 1e-4) / 3 / torch.tensor([1e-4, 1.0, 1e4])
    assert likeness(right, made_).mean() == pytest.approx(float((1 / large).mean() / 2), rel=0.05)
    torch.testing.assert_close(likeness(50 * right, 50 * made_), likeness(right, made_))


@pytest.mark.parametrize("most", [0.0, 0.3, 1e6])
def test_the_pull_on_a_decoded_sample_is_never_longer_than_the_squared_error_s(most):
    """Without a limit, the features of a discriminator pulled without bound, and `vae_gan` stayed
    at the mean image (squared error 0.066)."""
    x = torch.randn(5, 1, 4, 4, requires_grad=True)

    def lost(at):
        return (at.flatten(1).pow(3) * torch.arange(1, 17)).sum(1)
    plain, = torch.autograd.grad(lost(x).sum(), x)
    value = clipped_gradient(lost, x, torch.full((5,), most))
    found, = torch.autograd.grad((2 * value).sum(), x)
    assert torch.equal(value, lost(x))
    length = plain.flatten(1).norm(dim=1)
    share = (most / length).clamp(max=1)
    torch.testing.assert_close(found, 2 * plain * share[:, None, None, None])
    with torch.no_grad():
        assert torch.equal(clipped_gradient(lost, x, torch.tensor(most)), lost(x))


def test_the_features_of_a_discriminator_pull_no_further_than_the_pixels():
    """However large its weights are, a gradient for the decoded sample ends at the sample."""
    step = made("learned_likeness")
    term = step.objective.terms["learned_likeness"]
    term.realism = 0.0
    with torch.no_grad():
        for weight in term.rival.parameters():
            weight.mul_(50)
    out = step.model(torch.rand(6, 1, 8, 8), draw=False)
    pull, = torch.autograd.grad(term(out, step.model).sum(), out.px.mean, retain_graph=True)
    away = (out.px.mean - out.x).detach().flatten(1).norm(dim=1)
    assert (pull.flatten(1).norm(dim=1) <= away * (1 + 1e-5)).all() and pull.abs().sum() > 0


def test_a_rival_of_images_that_is_sure_waits():
    """Its loss has a gradient until it tells samples from reconstructions, and none after."""
    step = made("learned_likeness")
    x = torch.rand(16, 1, 8, 8).round()
    out, (weights, _) = step.model(x, draw=False), step.objective.rival_weights()[0]
    optimiser = torch.optim.Adam(weights, 0.01)
    for _ in range(300):
        loss = step.objective.rival_losses(out, step.model)["rival_learned_likeness"]
        moved = sum(float(g.abs().sum()) for g in gradients(loss, weights))
        if loss < REST:
            break
        assert moved > 0
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < REST and moved == 0


class Coded(nn.Module):
    """A model whose codes are given."""

    shape = (2,)

    def sample_prior(self, n: int) -> torch.Tensor:
        return torch.randn(n, 2)


def trained_rival(term: str, draw, steps: int = 600) -> tuple[nn.Module, Coded]:
    model = Coded()
    found = terms.make(term, model)
    optimiser = torch.optim.Adam(found.rival.parameters(), 3e-3)
    for _ in range(steps):
        z = draw(512)
        loss = found.rival_loss(Output(z, Latent(z), None), model).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return found, model


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_a_rival_finds_the_total_correlation_of_gaussian_codes(correlation):
    """-1/2 log det of the correlations in closed form; none where factors are independent."""
    root = torch.linalg.cholesky(torch.tensor([[1.0, correlation], [correlation, 1.0]]))
    found, model = trained_rival("tc_gan(width=64)", lambda n: torch.randn(n, 2) @ root.T)
    z = torch.randn(20_000, 2) @ root.T
    with torch.no_grad():
        estimate = found(Output(z, Latent(z), None), model).mean().item()
    assert estimate == pytest.approx(-math.log(1 - correlation**2) / 2, abs=0.08)


def test_a_rival_of_codes_that_are_as_the_prior_is_at_a_loss():
    """At its best it then answers one half, and its loss is 2 log 2."""
    found, model = trained_rival("gan(width=64)", lambda n: torch.randn(n, 2), 200)
    z = torch.randn(5000, 2)
    with torch.no_grad():
        own = found.rival_loss(Output(z, Latent(z), None), model).mean().item()
        term = found(Output(z, Latent(z), None), model).mean().item()
    assert own == pytest.approx(2 * math.log(2), abs=0.03)
    assert term == pytest.approx(math.log(2), abs=0.05)


@pytest.mark.parametrize("term", RIVALS)
def test_rivals_have_a_rate_of_their_own_and_come_back_when_a_run_goes_on(term, tmp_path):
    at_once = ", start=0" * (term == "patch_gan")   # a share of the run, whose length changes here
    loss = f"recon + {term}(rate=0.5{at_once})"
    settings = {"model": "vae(2)", "loss": loss, "epochs": 2, "batch_size": 20, "lr": 0.01,
                "precision": "32-true", "schedule": "constant", "stop": "none"}
    training = prepare(make_settings(settings), stripes(40), out=tmp_path / "look")
    assert [g["lr"] for g in training.optimiser.param_groups] == [0.01, 0.005]
    training.lock.close()
    once = hourglass.train(stripes(40), report=False, quiet=True, out=tmp_path / "once",
                           **{**settings, "epochs": 4})
    hourglass.train(stripes(40), report=False, quiet=True, out=tmp_path / "twice", **settings)
    twice = hourglass.resume(tmp_path / "twice", data=stripes(40), epochs=4, quiet=True,
                             report=False)
    for a, b in zip(once.model.parameters(), twice.model.parameters(), strict=True):
        assert torch.equal(a, b)
    history = np.genfromtxt(tmp_path / "once" / "history.csv", delimiter=",", names=True)
    assert f"train_rival_{term}" in history.dtype.names


@pytest.mark.parametrize("term", RIVALS)
def test_a_loss_says_what_the_model_strives_for_and_leaves_the_rivals_out(term):
    step = made(term)
    loss, means = step(torch.rand(6, 1, 8, 8))
    assert loss.item() == pytest.approx(means["loss"].item() + means[f"rival_{term}"].item())
    assert means["loss"].item() == pytest.approx(
        (means["recon"] + means["kl"] + 2 * means[term]).item(), rel=1e-5)


VALUES = stripes()[0].size


@pytest.mark.parametrize(("model", "fixed"), [
    ("aae(3)", lambda row: row["val_recon"]), ("wae_gan(3)", lambda row: row["val_recon"]),
    ("factor_vae(3)", lambda row: row["val_recon"] + row["val_kl"]),
    ("vae_gan(3, pixels=0)", lambda row: row["val_mse"] * VALUES / 2 + row["val_kl"]),
    ("vae_gan(3)", lambda row: row["val_recon"] + row["val_mse"] * VALUES / 2 + row["val_kl"])])
def test_epochs_are_compared_by_what_no_discriminator_moves(model, fixed, tmp_path):
    settings = make_settings({"model": model, "backbone": "mlp((8,))", "epochs": 3})
    training = prepare(settings, stripes(), out=tmp_path / "run")
    assert training.plan.stopping.monitor == "val_selection"
    assert any("compared by val_selection" in note for note in training.notes)
    for _ in run(training):
        pass
    values = [row["val_selection"] for row in training.state.history]
    assert values == pytest.approx([fixed(row) for row in training.state.history], rel=1e-4)
    assert training.state.best_epoch == 1 + int(np.argmin(values))


def test_models_without_a_discriminator_are_compared_by_their_loss(tmp_path):
    training = prepare(make_settings({"model": "vae(3)", "epochs": 1}), stripes(),
                       out=tmp_path / "run")
    assert training.plan.stopping.monitor == "val_loss"
    *_, last = run(training)
    assert "val_selection" not in last.row


def test_a_run_from_before_there_was_a_selection_goes_on_by_its_loss(tmp_path):
    settings = make_settings({"model": "aae(3)", "backbone": "mlp((8,))", "epochs": 1})
    training = prepare(settings, stripes(), out=tmp_path / "run")
    for _ in run(training):
        pass
    for row in training.state.history:
        del row["val_selection"], row["train_selection"]
    save(training)
    again = resume(training.folder, {"epochs": 2}, stripes())
    assert again.plan.stopping.monitor == "val_loss"
    for _ in run(again):
        pass
    first, second = training.folder.read_history()
    assert "val_selection" not in first and "val_selection" in second
