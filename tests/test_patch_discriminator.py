"""The discriminator of patches: its losses, its weight, its start, and what becomes sharper."""

import math

import pytest
import torch
from conftest import stripes

import hourglass as hg
from hourglass.core.contracts import Clock
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.losses.patch_discriminator import PatchScores, fooled, judged
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts


def made(term: str = "patch_gan", likelihood: str = "laplace", shape=(1, 16, 16)):
    model = Autoencoder(Parts("conv((4, 6))", bottleneck="gaussian_map(2)",
                              likelihood=likelihood), shape)
    return model, Objective(f"recon + {term}", model)


@pytest.mark.parametrize(("kind", "lost", "won"), [
    ("hinge", (1 - 2) / 2, ((0 + 0.5) / 2 + (0 + 3) / 2) / 2),
    ("least_squares", (4 + 1) / 2, ((1 + 0.25) / 2 + (1 + 4) / 2) / 2),
    ("logistic", math.log((1 + math.e) * (1 + math.exp(-2))) / 2,
     math.log((1 + math.exp(-2)) * (1 + math.exp(-0.5))
              * (1 + math.exp(-1)) * (1 + math.exp(2))) / 2)])
def test_its_losses_are_those_of_the_papers(kind, lost, won):
    real, fake = torch.tensor([[2.0, 0.5]]), torch.tensor([[-1.0, 2.0]])
    assert fooled(fake, kind).item() == pytest.approx(lost)
    assert judged(real, fake, kind).item() == pytest.approx(won)


@pytest.mark.parametrize("likelihood", ["laplace", "bernoulli", "normal"])
def test_its_gradient_is_as_long_as_that_of_the_reconstruction(likelihood):
    model, objective = made(likelihood=likelihood)
    out = model(torch.rand(6, 1, 16, 16), draw=True)
    lengths = [torch.autograd.grad(objective.terms[name](out, model).sum(), out.params,
                                   retain_graph=True)[0].norm() for name in ("recon", "patch_gan")]
    torch.testing.assert_close(*lengths)
    term = objective.terms["patch_gan"]
    plain = fooled(term.rival(out.px.mean)[0], "hinge")
    torch.testing.assert_close(term(out, model), plain)
    along = torch.autograd.grad(plain.sum(), out.params, retain_graph=True)[0].flatten()
    ours = torch.autograd.grad(term(out, model).sum(), out.params)[0].flatten()
    assert torch.cosine_similarity(ours, along, dim=0) == pytest.approx(1, abs=1e-5)


def test_neither_side_learns_before_its_start():
    model, objective = made("patch_gan(start=0.5)")
    term = objective.terms["patch_gan"]
    for share, begun in ((0.0, False), (0.49, False), (0.5, True), (None, True)):
        objective.at(None if share is None else Clock(7, 10, share))
        out = model(torch.rand(4, 1, 16, 16), draw=True)
        assert (term(out, model).abs().sum() > 0) == begun
        against = objective.rival_losses(out, model)["rival_patch_gan"]
        slopes = torch.autograd.grad(against, list(term.rival.parameters()))
        assert any(slope.abs().sum() > 0 for slope in slopes) == begun


def test_the_gradient_penalty_is_that_of_differences():
    model, objective = made("patch_gan(r1=3, kind='logistic')", shape=(1, 4, 4))
    plain = made("patch_gan(kind='logistic')", shape=(1, 4, 4))[1].terms["patch_gan"].double()
    term = objective.terms["patch_gan"].double()
    plain.load_state_dict(term.state_dict())
    out = model.double()(torch.rand(2, 1, 4, 4, dtype=torch.float64))
    found = term.rival_loss(out, model) - plain.rival_loss(out, model)
    step = 1e-5 * torch.eye(16, dtype=torch.float64).reshape(16, 1, 1, 4, 4)
    slopes = torch.stack([(term.rival(out.x + d)[0] - term.rival(out.x - d)[0]).mean(1) / 2e-5
                          for d in step], 1)
    torch.testing.assert_close(found, 1.5 * slopes.square().sum(1), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("side", "places"), [(4, 4), (8, 16), (28, 49), (64, 64), (5, 4)])
def test_it_judges_patches_of_images_of_any_size(side, places):
    term = made(shape=(1, side, side))[1].terms["patch_gan"]
    assert term.rival(torch.rand(2, 1, side, side))[0].shape == (2, places)


@pytest.mark.parametrize(("text", "shape", "why"), [
    ("patch_gan(layers=5)", (1, 16, 16), "at least 32 pixels a side, not 16; layers=2 fits"),
    ("patch_gan", (7,), "needs images")])
def test_what_cannot_be_judged_is_refused(text, shape, why):
    model = Autoencoder(Parts("mlp(8)", likelihood="normal"), shape)
    with pytest.raises(ValueError, match=why):
        Objective(text, model)


def test_a_run_with_it_compares_epochs_without_it():
    model = hg.train(stripes(), model="ae(3)", loss="recon + 0.5 * patch_gan(width=4, start=0)",
                     epochs=2, report=False, quiet=True)
    row = model.history
    assert row["val_selection"][-1] == pytest.approx(row["val_recon"][-1], rel=1e-4)


def test_a_discriminator_learns_to_tell_images_apart():
    torch.manual_seed(0)
    rival = PatchScores((1, 8, 8), 8, 1)
    optimiser = torch.optim.Adam(rival.parameters(), 0.01)
    for _ in range(40):
        real, fake = torch.rand(16, 1, 8, 8).round(), torch.rand(16, 1, 8, 8)
        loss = judged(rival(real)[0], rival(fake)[0], "hinge").mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.2
