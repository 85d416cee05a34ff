"""The perceptual loss in the maps of a feature extractor: values, gradients, and refusals."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal

import hourglass as hg
from hourglass.core.features import features
from hourglass.core.registry import terms
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.loss_step import Step
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts

LEARNT = "perceptual(features='efficientnet_lite0', layers=(0, 2))"
RANDOM = "perceptual(features='random', layers=(0, 1))"


def made(shape=(3, 32, 32)):
    return Autoencoder(Parts("mlp(8)", bottleneck="plain(3)", likelihood="normal"), shape)


def outcome(model, x, again):
    return replace(model(x), px=Normal(again, 1.0))


def by_hand(text, x, again, layers):
    """The loss of each image by numpy, from maps that the extractor gives."""
    with torch.no_grad():
        pairs = list(zip(*(features(text).maps(each) for each in (x, again)), strict=True))
    found = []
    for i in range(len(x)):
        each = []
        for layer in layers:
            a, b = (side[i].double().numpy() for side in pairs[layer])
            a, b = (side / np.linalg.norm(side, axis=0) for side in (a, b))
            each.append(np.square(a - b).sum(0).mean())
        found.append(np.mean(each) * math.prod(x.shape[1:]) / 2)
    return np.array(found)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 40, 70)])
@pytest.mark.parametrize("text, name, layers", [
    (LEARNT, "efficientnet_lite0", (0, 2)), (RANDOM, "random", (0, 1)),
    ("perceptual(features='random')", "random", (0, 1, 2, 3))])
def test_the_loss_is_the_squared_distance_of_directions(text, name, layers, shape):
    model = made(shape)
    x, again = torch.rand(3, *shape), torch.rand(3, *shape)
    found = terms.make(text, model)(outcome(model, x, again), model)
    np.testing.assert_allclose(found.numpy(), by_hand(name, x, again, layers), rtol=2e-4)


def test_the_loss_of_cosines_is_that_of_torch():
    """A squared distance of directions is 2 - 2 cos."""
    model = made()
    x, again = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    a, b = (features("random").maps(side)[1] for side in (x, again))
    wanted = (2 - 2 * torch.cosine_similarity(a, b)).flatten(1).mean(1) * 3 * 32 * 32 / 2
    found = terms.make("perceptual(features='random', layers=(1,))", model)(
        outcome(model, x, again), model)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-2)


def test_the_gradient_is_that_of_finite_differences():
    model = made((1, 32, 32)).double()
    term = terms.make(RANDOM, model).double()
    x = torch.rand(1, 1, 32, 32, dtype=torch.float64)
    again = torch.rand(1, 1, 32, 32, dtype=torch.float64, requires_grad=True)

    def loss(values):
        return term(outcome(model, x, values), model).sum()
    loss(again).backward()
    way = torch.randn(again.shape, dtype=torch.float64)
    step = 1e-6
    numeric = (loss(again.detach() + step * way) - loss(again.detach() - step * way)) / (2 * step)
    assert float((again.grad * way).sum()) == pytest.approx(float(numeric), rel=1e-4)


def test_equal_images_have_no_loss_and_no_gradient_that_is_not_finite():
    model, x = made(), torch.zeros(2, 3, 32, 32)
    again = x.clone().requires_grad_()
    found = terms.make(RANDOM, model)(outcome(model, x, again), model)
    found.sum().backward()
    assert found.abs().max() < 1e-6 and torch.isfinite(again.grad).all()


def test_the_extractor_is_not_trained_not_saved_and_follows_the_precision():
    model = made()
    step = Step(model, Objective(f"recon + {LEARNT}", model))
    before = features("efficientnet_lite0").network.state_dict()
    assert not any("network" in name for name in step.state_dict())
    assert not list(step.objective.learned.parameters())
    step.train().double()
    held = step.objective.terms["perceptual"].held[0].network
    assert not held.training and next(held.parameters()).dtype == torch.float64
    assert next(features("efficientnet_lite0").network.parameters()).dtype == torch.float32
    step(torch.rand(2, 3, 32, 32, dtype=torch.float64))[0].backward()
    torch.testing.assert_close(held.state_dict(), {k: v.to(held.state_dict()[k].dtype)
                                                   for k, v in before.items()})


def test_values_that_are_not_known_do_not_count():
    model = made()
    x, again = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    known = torch.ones_like(x)
    known[..., :16] = 0
    term = terms.make(RANDOM, model)
    other = torch.where(known > 0, again, 0.3)
    first, second = (term(replace(outcome(model, x, side), known=known), model)
                     for side in (again, other))
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("text, shape, words", [
    ("perceptual(features='random', layers=(4,))", (3, 32, 32), "layers are 0 to 3"),
    ("perceptual(features='random', channels=(8,))", (3, 32, 32), "random network"),
    ("perceptual(features='random', seed=3)", (3, 32, 32), "random network"),
    ("perceptual(layers=(1,))", (3, 32, 32), "name it"),
    ("perceptual(features='rondom')", (3, 32, 32), "did you mean 'random'"),
    ("perceptual(features='random')", (2, 32, 32), "one or three channels"),
    ("perceptual(features='random')", (7,), "needs images"),
    ("perceptual(features='classifier')", (3, 32, 32), "images with labels")])
def test_what_cannot_be_a_loss_is_refused(text, shape, words):
    with pytest.raises(ValueError) as error:
        terms.make(text, made(shape))
    assert words in str(error.value)


def test_training_says_the_extractor_and_its_digest(tmp_path, capsys):
    x = np.random.default_rng(0).integers(0, 256, (32, 32, 32), np.uint8)
    hg.train(x, model="feature_vae(2, features='random')", backbone="mlp(8)", epochs=1,
             report=False, out=tmp_path / "run")
    assert features("random").digest in capsys.readouterr().err


def test_data_in_other_units_is_refused(tmp_path):
    x = np.random.default_rng(0).normal(0, 100, (32, 16, 16)).astype(np.float32)
    with pytest.raises(ValueError, match="needs images from 0 to 1"):
        hg.train(x, model="ae(2)", loss=f"recon + {RANDOM}", range="none", backbone="mlp(8)",
                 epochs=1, report=False, quiet=True, out=tmp_path / "run")
