"""Codes that are maps, and the backbones that make them: residual blocks, and patches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import stripes, train

import hourglass as hg
from hourglass.core import registry
from hourglass.inference.priors import gradient_training
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.backbones.resnet import Attention
from hourglass.model.backbones.vit import positions
from hourglass.model.losses import equivariance
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts

SMALL = {"resnet": "resnet((4, 8), 1)", "vit": "vit(4, 16, 1)"}
LIKELIHOOD = {"likelihood": "bernoulli"}
QUIET = {"epochs": 1, "report": False, "quiet": True}


@pytest.mark.parametrize("backbone", [*SMALL.values(), "resnet(4, 1, attention=True)",
                                      "resnet((4, 4, 4), 1, attention=True)"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 13, 10), (1, 4, 31)])
def test_images_of_any_size_come_back_at_their_size(backbone, shape):
    model = Autoencoder(Parts(backbone, bottleneck="gaussian_map(2)", **LIKELIHOOD), shape)
    x = torch.rand(2, *shape)
    assert model(x).px.mean.shape == x.shape
    assert model.sample(3).shape == (3, *shape)


@pytest.mark.parametrize("backbone", SMALL)
@pytest.mark.parametrize("bottleneck", registry.bottlenecks.parts)
def test_every_bottleneck_learns_with_them(backbone, bottleneck):
    parts = Parts(SMALL[backbone], bottleneck=registry.bottlenecks.examples[bottleneck],
                  **LIKELIHOOD)
    model, x = Autoencoder(parts, (1, 8, 8), classes=2), torch.rand(4, 1, 8, 8)
    total, _ = Objective("recon", model)(model(x, torch.arange(4) % 2, draw=True), model)
    total.backward()
    last = [weight for weight in model.decoder.parameters() if weight.requires_grad][-1]
    assert total.isfinite() and last.grad.abs().sum() > 0


def test_the_divergence_of_a_map_is_the_closed_form():
    torch.manual_seed(0)
    parts = Parts("conv((4, 6))", bottleneck="gaussian_map(3)", **LIKELIHOOD)
    model = Autoencoder(parts, (1, 8, 8))
    out = model(torch.rand(5, 1, 8, 8), draw=True)
    mean, std = out.latent.q.mean, out.latent.q.stddev
    assert mean.shape == out.latent.z.shape == (5, 3, 2, 2)
    ours = Objective("recon + kl", model)(out, model)[1]["kl"]
    theirs = (mean**2 + std**2 - 1 - 2 * std.log()).sum((1, 2, 3)) / 2
    assert torch.allclose(ours, theirs, rtol=1e-4)


def test_a_vector_is_no_map_and_the_message_says_what_to_use():
    with pytest.raises(ValueError, match=r"needs an encoder.*gaussian\(16\)"):
        Autoencoder(Parts("mlp((8,))", bottleneck="gaussian_map", **LIKELIHOOD), (1, 8, 8))


@pytest.mark.parametrize(("quarters", "size", "shape"), [
    (0, 1.0, (4, 4)), (1, 1.0, (4, 4)), (2, 0.5, (2, 2)), (3, 0.75, (3, 3))])
def test_the_loss_of_a_turned_code_is_that_of_the_turned_image(quarters, size, shape, monkeypatch):
    torch.manual_seed(0)
    parts = Parts("conv((4, 3))", bottleneck="gaussian_map(2)", likelihood="normal")
    model = Autoencoder(parts, (1, 16, 16))
    out = model(torch.rand(3, 1, 16, 16), draw=True)
    monkeypatch.setattr(equivariance, "_drawn", lambda x, smallest: (quarters, size))
    ours = Objective("equivariance", model)(out, model)[1]["equivariance"]
    z = torch.rot90(out.latent.z, quarters, (2, 3))
    z = torch.nn.functional.interpolate(z, shape, mode="bilinear", antialias=True)
    mean = model.decode(z).mean
    x = torch.rot90(out.x, quarters, (2, 3))
    x = torch.nn.functional.interpolate(x, mean.shape[2:], mode="bilinear", antialias=True)
    theirs = (((x - mean)**2 / 2 + np.log(2 * np.pi) / 2).sum((1, 2, 3))
              * 256 / x[0].numel())
    assert mean.shape[2:] == (4 * shape[0], 4 * shape[1])
    assert torch.allclose(ours, theirs, rtol=1e-4)


def test_evaluation_of_that_loss_draws_nothing_and_vectors_are_refused():
    parts = Parts("conv((4, 3))", bottleneck="gaussian_map(2)", **LIKELIHOOD)
    model = Autoencoder(parts, (1, 8, 8)).eval()
    out, objective = model(torch.rand(2, 1, 8, 8)), Objective("equivariance", model)
    state = torch.get_rng_state()
    assert objective(out, model)[0].isfinite()
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match="needs codes that are maps"):
        Objective("equivariance", Autoencoder(Parts("conv((4, 3))", **LIKELIHOOD), (1, 8, 8)))


def test_attention_is_the_softmax_of_all_places():
    torch.manual_seed(0)
    layer, h = Attention(4), torch.randn(2, 4, 3, 2)
    q, k, v = layer.ask(layer.norm(h)).flatten(2).chunk(3, 1)
    weights = (torch.einsum("bci,bcj->bij", q, k) / 2).softmax(2)
    theirs = h + layer.say(torch.einsum("bij,bcj->bci", weights, v).unflatten(2, (3, 2)))
    assert torch.allclose(layer(h), theirs, atol=1e-5)


def test_every_place_of_a_transformer_is_told_apart():
    found = positions(16, 5, 7).flatten(1).T
    assert (torch.cdist(found, found) + torch.eye(35)).min() > 0.1
    assert torch.equal(positions(16, 9, 9)[:, :5, :7], positions(16, 5, 7))


@pytest.mark.parametrize(("backbone", "words"), [
    ("vit(width=10)", "multiple of 4"), ("vit(width=12, heads=5)", "5 heads")])
def test_impossible_sizes_are_refused_in_words(backbone, words):
    with pytest.raises(ValueError, match=words):
        Autoencoder(Parts(backbone, **LIKELIHOOD), (1, 8, 8))


@pytest.mark.parametrize("backbone", SMALL.values())
def test_other_samples_than_images_are_refused_in_words(backbone):
    with pytest.raises(ValueError, match="need"):
        Autoencoder(Parts(backbone, **LIKELIHOOD), (6,))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model whose codes are maps of 2 x 4 x 4 numbers."""
    return hg.train(stripes(), model="vae", bottleneck="gaussian_map(2)", backbone="conv((4, 3))",
                    out=tmp_path_factory.mktemp("maps") / "run", **QUIET)


def test_codes_are_maps_and_decode_again(model):
    x = stripes()[:4]
    z = model.encode(x)
    assert z.shape[1] == 2 and z.ndim == 4
    assert np.allclose(model.decode(z), model.reconstruct(x), atol=1e-5)


@pytest.mark.parametrize("prior", ["mixture(2)", "kde", "flow(transforms=1, hidden=4)",
                                   "diffusion(hidden=16, steps=4)"])
def test_every_prior_of_vectors_draws_maps(model, prior, monkeypatch):
    monkeypatch.setattr(gradient_training, "LEAST", 20)   # steps: any draw will do
    assert model.generate(3, prior=prior).array.shape == (3, *stripes().shape[1:3], 1)


@pytest.mark.parametrize("backbone", SMALL.values())
def test_larger_images_than_those_of_training_go_through_whole(tmp_path, backbone):
    small = train(stripes(), backbone=backbone, bottleneck="gaussian_map(2)", model="vae",
                  out=tmp_path / "run", epochs=1)
    side = stripes().shape[1]
    large = np.tile(stripes()[:2], (1, 2, 2))
    assert small.reconstruct(large).shape[1:3] == (2 * side, 2 * side)


def test_a_model_of_maps_serves_every_use(model, tmp_path):
    x = stripes()[:6]
    assert np.isfinite(model.score(x)).all()
    assert model.posterior(x).mean.shape[1] == 2
    assert len(model.morph(x[0], x[1], frames=3).array) >= 3
    model.report()
    page = Path(model.folder.path, "report.html").read_text()
    assert "Effective beta 1: the KL" in page and "With their mean" in page   # capitals as written
