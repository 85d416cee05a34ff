"""Losses, layers, schedules and splits against closed forms and other people's implementations."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal

from hourglass.core import registry
from hourglass.core.contracts import Latent, Output
from hourglass.data.collect import split
from hourglass.data.sources.arrays import from_array
from hourglass.data.split_data import shuffled
from hourglass.data.splits import make_splits
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.backbones.layers import Resize, ToOneMap, UpConv
from hourglass.model.loss_step import Step
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts
from hourglass.training.early_stopping import Stopping
from hourglass.training.validation import evaluate


def gaussian_output(mean, std):
    q = Normal(mean, std)
    p = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return Output(torch.zeros(len(mean), 1), Latent(mean, q, p), q)


def test_kl_is_the_closed_form_and_agrees_with_monte_carlo():
    mean, std = torch.randn(5, 3, dtype=torch.float64), torch.rand(5, 3, dtype=torch.float64) + 0.3
    out = gaussian_output(mean, std)
    kl = registry.terms.make("kl", nn.Module())(out, None)
    closed = 0.5 * (mean**2 + std**2 - 1 - 2 * std.log()).sum(1)
    assert torch.allclose(kl, closed)
    z = out.latent.q.sample((200_000,))
    logs = (out.latent.q.log_prob(z) - out.latent.p.log_prob(z)).sum(-1)
    error = logs.std(0) / math.sqrt(len(z))
    assert ((logs.mean(0) - closed).abs() < 5 * error).all()


def test_elbo_of_a_linear_gaussian_model_is_below_its_evidence_and_touches_it_at_the_posterior():
    """p(z) = N(0, 1), p(x|z) = N(wz, s): evidence and posterior are known exactly."""
    torch.set_default_dtype(torch.float64)
    try:
        w, s, x = torch.tensor([[0.8, -1.3, 0.4]]), 0.5, torch.randn(64, 3)
        covariance = w.T @ w + s**2 * torch.eye(3)
        evidence = torch.distributions.MultivariateNormal(torch.zeros(3), covariance).log_prob(x)
        variance = 1 / (1 + (w @ w.T).item() / s**2)
        mean = variance * (x @ w.T) / s**2

        def elbo(std, n=4000):
            q = Normal(mean, std)
            z = q.rsample((n,))
            inner = Normal(z @ w, s).log_prob(x).sum(-1).mean(0)
            return inner - registry.terms.make("kl", nn.Module())(gaussian_output(mean, std), None)

        exact = torch.full_like(mean, math.sqrt(variance))
        assert torch.allclose(elbo(exact).mean(), evidence.mean(), atol=0.02)
        assert (elbo(exact * 2).mean() < evidence.mean() - 0.1)
    finally:
        torch.set_default_dtype(torch.float32)


def test_losses_sum_over_dimensions_and_average_over_the_batch():
    """Pitfall 1: mean against sum. The reconstruction is in nats, summed over all pixels."""
    model = Autoencoder(Parts("mlp", bottleneck="gaussian(3)", likelihood="bernoulli"), (1, 6, 5))
    x = torch.rand(7, 1, 6, 5)
    out = model(x, draw=False)
    loss, parts = Objective("recon + 2 * kl", model)(out, model)
    bce = F.binary_cross_entropy(out.px.mean, x, reduction="sum") / 7
    kl = (0.5 * (out.latent.q.mean**2 + out.latent.q.variance - 1
                 - out.latent.q.variance.log())).sum() / 7
    assert torch.allclose(loss, bce + 2 * kl, rtol=1e-5)
    assert parts["recon"].shape == parts["kl"].shape == (7,)


def test_the_loss_does_not_depend_on_the_batch_size_or_the_order():
    model = Autoencoder(Parts("conv", bottleneck="plain(3)", likelihood="bernoulli"), (1, 12, 12))
    x = torch.rand(12, 1, 12, 12)
    objective = Objective("recon", model)

    def of(samples):
        return objective(model(samples), model)[1]["recon"]
    order = torch.randperm(12)
    assert torch.allclose(of(x), torch.cat([of(c) for c in x.split(5)]), rtol=1e-5)
    assert torch.allclose(of(x)[order], of(x[order]), rtol=1e-5)


@pytest.mark.parametrize("text, value", [
    ("bernoulli", lambda p, x: F.binary_cross_entropy_with_logits(p, x, reduction="none")),
    ("normal", lambda p, x: 0.5 * (p - x) ** 2 + 0.5 * math.log(2 * math.pi)),
    ("normal(0.2)", lambda p, x: (p - x) ** 2 / 0.08 + 0.5 * math.log(2 * math.pi * 0.04)),
    ("laplace(0.5)", lambda p, x: (p - x).abs() / 0.5 + math.log(1.0))])
def test_likelihoods_have_their_half_and_their_constants(text, value):
    """Pitfall 2: the half before the square, and the constants."""
    p, x = torch.randn(4, 3, 2, 2), torch.rand(4, 3, 2, 2)
    px = registry.likelihoods.make(text)(p)
    assert torch.allclose(-px.log_prob(x), value(p, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("text, error", [
    ("bernoulli", lambda p, x: F.binary_cross_entropy(p.sigmoid(), x)),
    ("normal(0.3)", F.mse_loss), ("laplace(2)", F.l1_loss)])
def test_the_tutorials_error_per_value_is_recovered_from_the_nats(text, error):
    p, x = torch.randn(4, 12), torch.rand(4, 12)
    likelihood = registry.likelihoods.make(text)
    nats = -likelihood(p).log_prob(x).sum(1).mean().item()
    (found,) = likelihood.per_value(nats, 12).values()
    assert found == pytest.approx(error(p, x).item(), rel=1e-4)


def test_extreme_posteriors_keep_a_finite_kl_and_a_gradient():
    """Pitfall 10: the range of log variance; the limit must not kill the gradient."""
    bottleneck = registry.bottlenecks.make("gaussian(2)", (4,), (4,))
    for size in (1e1, 1e2):
        h = torch.full((3, 4), size, requires_grad=True)
        latent = bottleneck(h, draw=True)
        kl = torch.distributions.kl_divergence(latent.q, latent.p).sum()
        kl.backward()
        assert kl.isfinite() and h.grad.isfinite().all() and h.grad.abs().sum() > 0


def test_embedding_is_the_mean_and_the_loss_is_sampled_in_fixed_noise():
    """Pitfalls 8 and 9, Fault 11: common random numbers in evaluation, no noise in embeddings."""
    model = Autoencoder(Parts("mlp", bottleneck="gaussian(3)", likelihood="bernoulli"), (5,)).eval()
    x = np.random.default_rng(0).random((30, 5), np.float32)
    step, source = Step(model, Objective("recon + kl", model)), split(from_array(x), {}, 0)
    assert torch.equal(model(torch.tensor(x)).latent.z, model(torch.tensor(x)).latent.q.mean)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second = (evaluate(step, source.splits["train"])[0] for _ in range(2))
    assert first == second and torch.equal(torch.get_rng_state(), state)
    mean = Objective("recon + kl", model)(model(torch.tensor(x)), model)[0].item()
    assert first["loss"] != pytest.approx(mean, rel=1e-6), "the ELBO is not taken at the mean"


def test_an_evaluation_counts_every_sample_once():
    """Pitfall 18: the mean of batch means over-weighs a short last batch."""
    model = Autoencoder(Parts("mlp", bottleneck="plain(2)", likelihood="normal"), (4,))
    x = np.random.default_rng(0).random((11, 4), np.float32) * np.arange(11)[:, None]
    step = Step(model, Objective("recon", model))
    part = split(from_array(x.astype(np.float32)), {}, 0).splits["train"]
    whole, pieces = (evaluate(step, part, size=size)[0] for size in (11, 4))
    assert whole["loss"] == pytest.approx(pieces["loss"], rel=1e-5)


@pytest.mark.parametrize("size, target, stride, kernel", [
    ((4, 4), (8, 8), 2, 3), ((4, 7), (7, 14), 2, 3), ((5, 5), (5, 5), 1, 3),
    ((3, 4), (9, 10), 3, 3), ((4, 5), (8, 10), 2, 4), ((6, 6), (4, 4), 1, 3),
    ((4, 4), (8, 7), 2, 5)])
def test_up_convolutions_are_torchs_own_with_their_gradients(size, target, stride, kernel):
    layer = UpConv((3, 5), kernel, stride, size, target)
    nn.init.normal_(layer.bias)
    own = nn.ConvTranspose2d(3, 5, kernel, *layer.geometry)
    own.load_state_dict({"weight": layer.conv.weight.detach(), "bias": layer.bias.detach()})
    x = torch.randn(2, 3, *size)
    y, expected = torch.relu_(layer(x)), torch.relu(own(x))
    assert y.shape[2:] == target and torch.allclose(y, expected, atol=1e-5)
    y.square().sum().backward()
    expected.square().sum().backward()
    assert torch.allclose(layer.bias.grad, own.bias.grad, rtol=1e-4)
    assert torch.allclose(layer.conv.weight.grad, own.weight.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("padding", [0, 1])
def test_the_convolution_to_one_map_is_torchs_own(padding):
    layer, own = ToOneMap(6, 3, padding), nn.Conv2d(6, 1, 3, padding=padding)
    own.load_state_dict({"weight": layer.conv.weight.detach().swapaxes(0, 1),
                         "bias": layer.bias.detach()[None]})
    x = torch.randn(2, 6, 9, 7)
    assert torch.allclose(layer(x), own(x), atol=1e-5)


@pytest.mark.parametrize("size, target", [((30, 30), (28, 28)), ((5, 9), (11, 4))])
def test_the_resize_is_torchs_bilinear_one(size, target):
    x = torch.randn(2, 3, *size)
    own = F.interpolate(x, size=target, mode="bilinear", align_corners=False)
    assert torch.allclose(Resize(size, target)(x), own, atol=1e-5)


def rates(scheduler, optimiser, steps):
    found = []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return found


def test_one_cycle_and_cosine_are_torchs_own():
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    torchs = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 1.0, total_steps=101, pct_start=0.3, div_factor=25, final_div_factor=400)
    ours = registry.schedules.make("one_cycle(rise=0.3, start=0.04, end=0.0001)")
    expected = rates(torchs, optimiser, 101)
    # torch's peak comes 0.7 steps sooner
    assert [ours(i / 100, []) for i in range(101)] == pytest.approx(expected, abs=0.03)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    torchs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 100, eta_min=0.1)
    ours = registry.schedules.make("cosine(warmup=0, end=0.1)")
    assert [ours(i / 100, []) for i in range(100)] == pytest.approx(rates(torchs, optimiser, 100))


def test_steps_are_torchs_own():
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    torchs = torch.optim.lr_scheduler.MultiStepLR(optimiser, [20, 35], gamma=0.3)
    ours = registry.schedules.make("steps(at=(0.2, 0.35), factor=0.3)")
    expected = rates(torchs, optimiser, 100)
    assert [ours(i / 100, []) for i in range(100)] == pytest.approx(expected)


def test_plateau_is_torchs_own():
    losses = [5, 4, 4.1, 4.2, 4.3, 4.4, 3.9, 4, 4, 4, 4, 4, 4, 4.5]
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=2,
                                                        threshold=0)
    ours = registry.schedules.make("plateau(factor=0.5, patience=3)")
    for i, loss in enumerate(losses, 1):
        torchs.step(loss)
        assert ours(0.5, losses[:i]) == optimiser.param_groups[0]["lr"]


@pytest.mark.parametrize("stopping, values, stops_at, best", [
    (Stopping(patience=2), [3, 2, 2.5, 2.6, 1], 4, 2),
    (Stopping(patience=2, min_delta=0.5), [3, 2.8, 2.6, 1], 3, 3),
    (Stopping(patience=2, start_from_epoch=3), [1, 1, 1, 5, 4, 6, 7], 7, 5),
    (Stopping(patience=2, baseline=0.5), [3, 2, 1], 2, 2),
    (Stopping(patience=None), [1, 2, 3, 4], None, 1)])
def test_early_stopping_does_as_keras_does(stopping, values, stops_at, best):
    stopped = next((n for n in range(1, len(values) + 1) if stopping.reason(values[:n])), None)
    assert stopped == stops_at
    assert stopping.best(values[:stops_at]) == best


@pytest.mark.parametrize("text, samples, epochs", [
    ("early", 48, 40), ("early", 300, 14), ("early", 512, 10), ("early", 60_000, 10),
    ("early(patience=10)", 48, 10), ("early(patience=3)", 60_000, 3), ("none", 48, None)])
def test_patience_that_is_not_given_has_enough_steps(text, samples, epochs):
    assert registry.stops.make(text).for_epochs_of(samples, 128).patience == epochs


def test_splits_are_disjoint_whole_stratified_and_seeded():
    y = np.repeat([0, 1, 2], [600, 300, 100])
    parts = make_splits(1000, {}, {"val": 0.2, "test": 0.1, "holdout": 0.05}, y, seed=3)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(1000))
    assert [len(parts[n]) for n in ("test", "holdout", "val")] == [100, 50, 200]
    assert np.abs(np.bincount(y[parts["val"]]) - [120, 60, 20]).max() <= 2
    again = make_splits(1000, {}, {"val": 0.2, "test": 0.1, "holdout": 0.05}, y, seed=3)
    other = make_splits(1000, {}, {"val": 0.2, "test": 0.1, "holdout": 0.05}, y, seed=4)
    assert all(np.array_equal(parts[n], again[n]) for n in parts)
    assert not np.array_equal(parts["val"], other["val"])


def test_a_sets_own_test_split_is_kept():
    own = {"train": np.arange(80), "test": np.arange(80, 100)}
    parts = make_splits(100, own, {"val": 0.5, "test": 0.1}, None, seed=0)
    assert np.array_equal(parts["test"], own["test"])
    assert len(parts["val"]) == len(parts["train"]) == 40


def test_the_order_of_batches_is_a_permutation_that_seed_and_epoch_fix():
    source = split(from_array(np.zeros((257, 3), np.float32)), {}, 0).splits["train"]
    rows = shuffled(source, 128, seed=1, epoch=2)
    assert sorted(torch.cat(rows).tolist()) == list(range(257))
    assert [len(r) for r in rows] == [128, 129], "no batch of one, for batch normalisation"
    assert torch.equal(torch.cat(rows), torch.cat(shuffled(source, 128, 1, 2)))
    assert not torch.equal(torch.cat(rows), torch.cat(shuffled(source, 128, 1, 3)))


@pytest.mark.parametrize("recipe, encoder, decoder", [
    ("tutorial_cae", 2262, 2461), ("fast_cae", 2262, 2461), ("keras_conv_ae", 9568, 18785),
    ("keras_vae", 69076, 65089), ("tutorial_faces", 5108000, 2756899)])
def test_recipes_have_the_published_number_of_parameters(recipe, encoder, decoder):
    """Fault 14: a recipe is of the network that its number was published for."""
    from hourglass.model.summary import summarise
    from hourglass.run.settings import make_settings, read_recipe
    parts = make_settings(read_recipe(recipe)).parts()
    shape = (3, 96, 96) if "faces" in recipe else (1, 28, 28)
    costs = summarise(parts, shape)
    assert (costs.parameters["encoder"], costs.parameters["decoder"]) == (encoder, decoder)
    model = Autoencoder(parts, shape)
    assert costs.parameters["whole"] == sum(p.numel() for p in model.parameters())


def test_the_summary_counts_multiply_adds_and_kept_activations():
    from hourglass.model.summary import summarise
    costs = summarise(Parts("mlp((20,))", bottleneck="plain(4)", likelihood="normal"), (10,))
    assert costs.multiply_adds["whole"] == 10 * 20 + 20 * 4 + 4 * 20 + 20 * 10
    assert costs.copies == 4, "weight, gradient and Adam's two"
    assert costs.training_memory(8) - costs.training_memory(4) == 4 * 4 * costs.activations
