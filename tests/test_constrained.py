"""A weight that is learnt: the error comes to what is allowed, and the weight follows its rule."""

import math

import numpy as np
import pytest
import torch
from conftest import stripes

import hourglass as hg
from hourglass.core.contracts import Latent, Output
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.losses.constrained import FIRM, ConstrainedError
from hourglass.model.parts import Parts

QUIET = {"report": False, "quiet": True, "backbone": "mlp((16,))", "precision": "32-true"}


def output(x: torch.Tensor, mean: torch.Tensor, known: torch.Tensor | None = None) -> Output:
    model = Autoencoder(Parts("mlp(4)", likelihood="normal"), (3,))
    return Output(x, Latent(x), model.likelihood(mean), known)


def test_the_weight_follows_the_papers_rule():
    torch.manual_seed(0)
    term = ConstrainedError(None, error=0.5, speed=0.1, decay=0.8)
    weight, excess = 1 / (2 * 0.5), 0.0
    for step in range(5):
        x, mean = torch.randn(4, 3), torch.randn(4, 3, requires_grad=True)
        found = term(output(x, mean), None)
        beyond = ((x - mean) ** 2).sum(1) - 3 * 0.5
        torch.testing.assert_close(found, weight * beyond), step
        found.sum().backward()
        torch.testing.assert_close(mean.grad, 2 * weight * (mean - x))
        share = float(beyond.detach().sum()) / (4 * 3 * 0.5)
        excess = 0.8 * excess + 0.2 * min(max(share, -1), 1)
        weight *= math.exp(0.1 * excess)
    assert term.weight.item() == pytest.approx(weight, rel=1e-5)
    term.eval()
    term(output(x, mean), None)
    assert term.weight.item() == pytest.approx(weight, rel=1e-5), "evaluation teaches nothing"


def test_missing_values_are_neither_errors_nor_allowed():
    x, mean = torch.zeros(2, 3), torch.ones(2, 3)
    known = torch.tensor([[1.0, 0, 0], [1, 1, 1]])
    term = ConstrainedError(None, error=0.25).eval()
    torch.testing.assert_close(term(output(x, mean, known), None), 2 * 0.75 * torch.tensor([1., 3]))


def test_epochs_are_compared_by_the_excess_whatever_the_weight():
    term = ConstrainedError(None, error=0.25)
    far, near = (output(torch.zeros(2, 3), torch.full((2, 3), mean)) for mean in (1.0, 0.5))
    before = term.fixed(far)
    torch.testing.assert_close(before.mean(), torch.tensor(FIRM * 2 * 3**2 * 0.75))
    assert (term.fixed(near) == 0).all()
    term.weight.fill_(99)
    assert torch.equal(term.fixed(far), before)


def test_the_error_ends_at_what_is_allowed():
    model = hg.train(stripes(400), model="geco_vae(4, 0.1)", epochs=45, lr=0.01,
                     batch_size=20, stop="none", **QUIET)
    kept = model.history["val_mse"][int(np.argmin(model.history["val_selection"]))]
    assert kept == pytest.approx(0.1, rel=0.1), "not an early epoch, with a small error and a KL"
    assert np.mean(model.history["val_mse"][-5:]) == pytest.approx(0.1, rel=0.1), (
        "the mean image has 0.12")


def test_a_run_goes_on_with_the_weight_that_it_learnt(tmp_path):
    settings = {"model": "geco_vae(2, 0.05)", "batch_size": 20, "schedule": "constant",
                "stop": "none"} | QUIET
    once = hg.train(stripes(40), out=tmp_path / "once", epochs=4, **settings)
    hg.train(stripes(40), out=tmp_path / "twice", epochs=2, **settings)
    twice = hg.resume(tmp_path / "twice", data=stripes(40), epochs=4, quiet=True, report=False)
    assert once.history["val_geco"][-1] == twice.history["val_geco"][-1]
    for a, b in zip(once.model.parameters(), twice.model.parameters(), strict=True):
        assert torch.equal(a, b)
