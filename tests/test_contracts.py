"""Every part keeps its contract; a new part is tested as soon as it has a name."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from hourglass.analysis.figures import draw_all
from hourglass.analysis.metrics import measure
from hourglass.analysis.take_snapshot import take
from hourglass.core import registry as spec
from hourglass.core.contracts import Clock
from hourglass.data.augmentations import augmenter
from hourglass.data.collect import collect, split
from hourglass.data.image_options import Reading
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.loss_step import Step
from hourglass.model.losses.kl import divergence
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts
from hourglass.training.optimisers import load_state, state_tensors

SHAPES = [(1, 16, 16), (3, 13, 21)]
SERIES = [(1, 24), (3, 13)]
ON_SERIES = {"conv1d", "gru", "lstm", "tcn", "transformer"}
ON_LINES = {"conv_gru"}   # and on nothing else; see test_lines.py and test_molecules.py
OF_RATINGS = {"mult_dae", "mult_vae", "rec_vae"}   # see test_recommenders.py
OF_LINES = {"text_vae", "language_model"}   # see test_lines.py
DOWNLOADED = {"binarised_mnist", "nab('art_daily_jumpsup')", "mnist", "fashion_mnist", "kmnist",
              "cifar10", "cifar100", "celeba"}
PARTS = [(kind, name) for kind, registry in spec.REGISTRIES.items() for name in registry.parts]


def examples(registry: spec.Registry) -> list[str]:
    return [registry.examples[name] for name in registry.parts]


@pytest.mark.parametrize("kind, name", PARTS)
def test_every_part_says_what_it_is_and_hints_its_options(kind, name):
    registry = spec.REGISTRIES[kind]
    assert len(registry.about(name)) > 10
    for option in registry.options(name).values():
        assert option.annotation is not inspect.Parameter.empty, f"{name}: {option}"
    assert registry.signature(name).startswith(name)


@pytest.mark.parametrize("example", [e for e in examples(spec.sources) if e not in DOWNLOADED])
def test_a_source_splits_into_batches_in_range(example, here, request):
    if example.startswith("emoji"):   # it is not downloaded, but put into the data's folder
        request.getfixturevalue("real")
    source = split(collect(example, Reading()), {"val": 0.3, "test": 0.3}, seed=0)
    assert set(source.splits) == {"train", "val", "test"}
    batch = next(source.splits["train"].batches(4))
    assert batch.x.shape[1:] == source.shape and batch.x.dtype == torch.float32
    assert source.low <= batch.x.min() and batch.x.max() <= source.high


@pytest.mark.parametrize("initial, variance, biased", [
    ("glorot", lambda n, m: 2 / (n + m), False), ("pytorch", lambda n, m: 1 / (3 * n), True)])
def test_weights_begin_with_the_variance_of_their_rule(initial, variance, biased):
    parts = Parts(backbone="mlp((400, 200))", likelihood="bernoulli")
    model = Autoencoder(parts, (1, 20, 30), initial=initial)
    for layer in (m for m in model.modules() if isinstance(m, torch.nn.Linear)):
        expected = variance(layer.in_features, layer.out_features)
        assert layer.weight.var().item() == pytest.approx(expected, rel=0.1)
        assert layer.weight.abs().max() <= (3 * expected) ** 0.5
        assert bool(layer.bias.any()) == biased


@pytest.mark.parametrize("example, shape", [
    (example, shape) for example in examples(spec.backbones) for shape in SHAPES + SERIES
    if example not in ON_LINES
    and (example == "mlp" or (example in ON_SERIES) == (shape in SERIES))], ids=str)
def test_a_backbone_leads_to_its_code_and_back(example, shape):
    encoder, decoder, code = spec.backbones.make(example, shape, shape)
    h, skips = encoder(torch.randn(4, *shape))
    assert h.shape == (4, *code)
    h = torch.randn(4, *decoder.takes) if hasattr(decoder, "takes") else h   # of another shape
    assert decoder(h, skips).shape == decoder(h).shape == (4, *shape)


@pytest.mark.parametrize("example, code", [
    (example, code) for example in sorted({*examples(spec.bottlenecks)} - {"nothing"})
    for code in ((32,), (8, 4, 4)) if (example, len(code)) != ("gaussian_map", 1)], ids=str)
def test_a_bottleneck_squeezes_expands_and_draws_noise_only_if_asked(example, code):
    bottleneck = spec.bottlenecks.make(example, code, code)
    h = torch.randn(4, *code, requires_grad=True)
    latent = bottleneck(h, draw=True)
    assert bottleneck.expand(latent.z).shape == (4, *code)
    assert bottleneck.sample_prior(4).shape == latent.z.shape
    (latent.z.square().sum() + sum(p.sum() for p in latent.penalties.values())).backward()
    assert h.grad is not None and h.grad.abs().sum() > 0
    if latent.q is not None:
        kl = divergence(latent.q, latent.p, latent.z)
        assert kl.shape[0] == 4 and kl.isfinite().all()
    assert torch.equal(bottleneck(h).z, bottleneck(h).z), "without draw there is no noise"


@pytest.mark.parametrize("example", examples(spec.likelihoods))
def test_a_likelihood_is_a_distribution_over_x_with_a_gradient(example):
    likelihood = spec.likelihoods.make(example)
    shape = (6,) if example.startswith(("mixed", "tokens")) else (3, 5, 5)
    params = torch.randn(4, *likelihood.out(shape), requires_grad=True)
    px = likelihood(params)
    nats = -px.log_prob(torch.rand(4, *shape))
    assert nats.shape == px.mean.shape == (4, *shape)
    nats.sum().backward()
    assert params.grad.isfinite().all() and len(likelihood.support) == 2
    assert isinstance(likelihood.discrete, bool) and likelihood.per_value(1.0, 2.0) is not None


@pytest.mark.parametrize("example", examples(spec.corruptions))
def test_a_corruption_keeps_the_shape(example):
    x = torch.rand(4, 3, 32) if example.startswith("future") else torch.rand(4, 3, 8, 8)
    assert spec.corruptions.make(example)(x).shape == x.shape


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name, backbone", [
    *((name, "conv((6, 12))") for name in examples(spec.models)
      if name not in OF_RATINGS | OF_LINES),
    *(("vae", backbone) for backbone in examples(spec.backbones)
      if backbone not in ON_SERIES | ON_LINES)])
def test_a_model_learns_is_kept_and_comes_back(name, backbone, precision, here):
    """By the error of what comes back: losses with rivals or constants need not fall."""
    source = split(collect("images.npy", Reading()), {}, seed=0)
    parts = replace(spec.models.make(name), backbone=backbone).fitted(
        source.shape, source.low, source.high)
    model = Autoencoder(parts, source.shape, classes=2)
    step = Step(model, Objective(parts.loss, model))
    optimiser = torch.optim.Adam(step.parameters(), 1e-2)
    count = 40 if precision == "32-true" else 12   # for CPUs are slow with bf16
    x, y = next(source.splits["train"].batches(count)).x, torch.arange(count) % 2

    def error(model: Autoencoder) -> float:
        with torch.no_grad():
            return (model.eval()(x, y).px.mean - x).square().mean().item()
    before, share = error(model), 0.9 if precision == "32-true" else 1.0
    for taken in range(1, 41 if precision == "32-true" else 16):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            loss, means = step.train()(x, y)
        assert all(mean.isfinite() for mean in means.values()), means
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if taken % 5 == 0 and error(model) < share * before:   # most have learnt after ten steps
            break
    assert error(model) < share * before
    again = Autoencoder(parts, source.shape, classes=2)
    again.load_state_dict(load(save(model.state_dict())))
    assert error(again) == error(model)
    assert again.sample(3, y[:3]).shape == (3, *source.shape)


@pytest.mark.parametrize("shape", [*SHAPES, (7,)], ids=str)
@pytest.mark.parametrize("example", examples(spec.augmentations))
def test_an_augmentation_keeps_shape_and_range_or_says_that_it_is_for_images(example, shape):
    vary, x = augmenter(example, 0.0, 1.0), torch.rand(6, *shape)
    try:
        varied = vary(x)
    except ValueError as error:
        assert "is for images" in str(error) and (len(shape) == 1 or shape[0] == 1)
    else:
        assert varied.shape == x.shape and varied.min() >= 0 and varied.max() <= 1
        assert not torch.equal(varied, x) and torch.equal(augmenter("", 0.0, 1.0)(x), x)


@pytest.mark.parametrize("example", examples(spec.ramps))
def test_a_ramp_goes_from_its_start_to_its_end_and_stays(example):
    ramp = spec.ramps.build(spec.read(f"{example}(0.5, 2, epochs=4)"))
    weights = [ramp.weight(Clock(step, 10, step / 80)) for step in range(80)]
    assert weights[0] == 0.5 and weights[40:] == [2.0] * 40
    assert all(0.5 <= weight <= 2 for weight in weights)


@pytest.mark.parametrize("example", examples(spec.optimisers))
def test_an_optimiser_steps_and_its_state_comes_back(example):
    def make():
        torch.manual_seed(1)
        weight = torch.nn.Parameter(torch.randn(3, 4, 2, 2).to(memory_format=torch.channels_last))
        return weight, spec.optimisers.make(example, [weight], None)

    def steps(weight, optimiser, n):
        for _ in range(n):
            weight.grad = torch.sin(weight.detach() + 1)
            optimiser.step()

    weight, optimiser = make()
    before = weight.detach().clone()
    steps(weight, optimiser, 3)
    assert not torch.equal(weight, before)
    other, again = make()
    other.data.copy_(weight.data)
    tensors, numbers = state_tensors(optimiser)
    load_state(again, {n: t.clone().contiguous() for n, t in tensors.items()}, numbers)
    steps(weight, optimiser, 3)
    steps(other, again, 3)
    assert torch.equal(weight, other)


@pytest.mark.parametrize("example", examples(spec.schedules))
def test_a_schedule_stays_between_nothing_and_the_whole_rate(example):
    schedule = spec.schedules.make(example)
    factors = [schedule(share, [1.0] * 12) for share in np.linspace(0, 1, 101)]
    assert all(0 <= f <= 1 for f in factors) and max(factors) > 0


@pytest.mark.parametrize("example", examples(spec.stops))
def test_a_stop_knows_the_best_epoch(example):
    assert spec.stops.make(example).best([3.0, 1.0, 2.0]) == 2


@pytest.mark.parametrize("example", examples(spec.thresholds))
def test_a_threshold_lies_among_the_scores(example):
    scores, y = np.arange(200.0), np.repeat([0, 1], (160, 40))
    for labels in (y,) if example == "best_f1" else (y, None):
        assert 0 < spec.thresholds.make(example)(scores, labels) <= 199


def test_the_best_f1_is_the_best_of_all_thresholds():
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 300)
    scores = generator.normal(size=300) + y
    f1 = {t: 2 * (y[scores > t] == 1).sum() / ((scores > t).sum() + y.sum())
          for t in np.sort(scores) - 1e-9}
    found = spec.thresholds.make("best_f1")(scores, y)
    got = 2 * (y[scores > found] == 1).sum() / ((scores > found).sum() + y.sum())
    assert got == pytest.approx(max(f1.values()))


@pytest.mark.parametrize("data, name", [("images.npy", "ae"), ("images.npy", "vae"),
                                        ("photos/", "ae(2)"), ("vectors.npy", "ae(3)")])
def test_metrics_are_numbers_and_figures_have_axes(data, name, here):
    np.save("vectors.npy", np.random.default_rng(0).normal(size=(60, 7)).astype(np.float32))
    source = split(collect(data, Reading()), {"test": 0.2}, seed=0)
    parts = spec.models.make(name).fitted(source.shape, source.low, source.high)
    history = ({"epoch": 1.0, "train_loss": 3.0, "val_loss": 2.0},) * 2
    snapshot = replace(take(Autoencoder(parts, source.shape), source), history=history,
                       best_epoch=1)
    numbers, intervals = measure(snapshot)
    assert len(numbers) >= 4 and np.isfinite([*numbers.values()]).all()
    assert all(low <= numbers[name] <= high for name, (low, high) in intervals.items())
    drawn = [figure for _, figure in draw_all(snapshot)]
    assert len(drawn) >= 2 and all(figure.axes for figure in drawn)
