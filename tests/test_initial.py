"""Training begins with the data: the decoder at its mean, units before activations at mean 0, and
batches that are smaller for few images. And a run says when more time would have helped."""

import math

import numpy as np
import pytest
import torch

import hourglass as hg
from hourglass.core.registry import likelihoods
from hourglass.data.split_data import Source, Split
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.parts import Parts
from hourglass.run.settings import make_settings, read_recipe, recipes
from hourglass.run.suited import batch_size_for
from hourglass.training.early_stopping import still_falling
from hourglass.training.initial_bias import begin_at_mean, last_bias
from hourglass.training.initial_units import DECODER, ENCODER, begin_standardised
from hourglass.training.setup import prepare
from hourglass.training.train import run

TABLE = "mixed('number*2, kinds(3), pair(0.25)')"
OF_IMAGES = ["bernoulli", "continuous_bernoulli", "normal", "normal(bounded=True)", "laplace",
             "student_t", "categorical(16)", "discretised_logistic", "logistic_mixture"]


def grey(shape: tuple[int, ...], n: int = 300) -> torch.Tensor:
    """Dark values, brighter in later channels, on 16 levels."""
    generator = torch.Generator().manual_seed(0)
    bright = torch.linspace(0.2, 0.6, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    return (torch.rand(n, *shape, generator=generator) * bright * 15).round() / 15


def rows(n: int = 400) -> torch.Tensor:
    """Of a table: two numbers, a category of three kinds, one of two values."""
    random = np.random.default_rng(0)
    kinds = np.eye(3)[random.choice(3, n, p=[0.7, 0.2, 0.1])]
    pair = ((random.random((n, 1)) < 0.25) - 0.25) / math.sqrt(0.25 * 0.75)
    return torch.from_numpy(np.hstack([random.normal(2, 1, (n, 2)), kinds, pair])).float()


def put_out(text: str, x: torch.Tensor) -> torch.Tensor:
    """The mean of p(x|z) if the decoder's output is the start that the likelihood suggests."""
    likelihood = likelihoods.make(text)
    return likelihood(likelihood.start(x)[None]).mean[0]


@pytest.mark.parametrize("text", [*OF_IMAGES[:-2], TABLE, "negative_binomial"])
def test_what_a_likelihood_starts_with_has_the_datas_mean(text):
    x = rows() if text == TABLE else grey((3, 2, 2))
    x = (x * 60).flatten(1) if text == "negative_binomial" else x
    near = 0.02 if text.startswith("categorical") else 2e-3   # no level is impossible
    torch.testing.assert_close(put_out(text, x), x.mean(0), atol=near, rtol=near)


@pytest.mark.parametrize("text", OF_IMAGES)
@pytest.mark.parametrize("backbone", ["mlp((8,))", "conv(filters=(4, 8))", "unet(filters=(4, 8))",
                                      "conv(filters=(4, 8), final='valid')"])
def test_the_last_bias_puts_out_the_datas_mean(backbone, text):
    x = grey((3, 16, 16), 60)
    bottleneck = "identity" if "unet" in backbone else "plain(2)"
    model = Autoencoder(Parts(backbone, bottleneck=bottleneck, likelihood=text), (3, 16, 16))
    split = Split(x.permute(0, 2, 3, 1).contiguous(), None, torch.arange(60))
    assert begin_at_mean(model, split)
    for weight in model.decoder.parameters():
        if weight.ndim > 1:
            weight.data.zero_()
    again = model.eval()(x).px.mean.mean((0, 2, 3))
    wanted = put_out(text, x.permute(0, 2, 3, 1).reshape(-1, 3, 1, 1)).flatten()
    torch.testing.assert_close(again, wanted, atol=1e-3, rtol=1e-3)


def test_unknown_values_do_not_count_for_the_mean():
    x, known = torch.tensor([[1.0, 0.0], [3.0, 8.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert likelihoods.make("normal").start(x, known).tolist() == [2.0, 8.0]


def test_a_bias_that_makes_the_loss_worse_is_not_kept():
    """A residual decoder adds its output to the image: the mean would count twice."""
    model = Autoencoder(Parts("unet(filters=(4, 8), residual=True)", bottleneck="identity",
                              likelihood="normal"), (1, 16, 16))
    for weight in model.decoder.parameters():
        weight.data.zero_()
    split = Split(grey((1, 16, 16), 40).permute(0, 2, 3, 1), None, torch.arange(40))
    assert not begin_at_mean(model, split) and not last_bias(model).any()


def alike(n: int = 100) -> Split:
    """Images that differ little from one another, as photographs of one kind of part do."""
    x = 0.7 + 0.02 * (grey((1, 16, 16), n) - 0.3)
    return Split(x.permute(0, 2, 3, 1).contiguous(), None, torch.arange(n))


NETWORKS = {"mlp((16, 8))": 4, "conv(filters=(4, 8))": 5, "conv(filters=(4, 8), final='direct')": 4,
            "conv(filters=(4, 8), up='nearest', activation='silu')": 5}


@pytest.mark.parametrize("backbone", NETWORKS)
def test_units_before_activations_begin_at_mean_0_and_their_deviation(backbone):
    """1 in the encoder, less from the code on. Seen by the activations themselves, on the samples
    that were looked at."""
    torch.manual_seed(0)
    model = Autoencoder(Parts(backbone, bottleneck="plain(3)", likelihood="bernoulli"), (1, 16, 16))
    split, seen = alike(), []
    decoder = set(model.decoder.modules())

    def look(layer, inputs):
        x = inputs[0].detach() / (DECODER if layer in decoder else ENCODER)
        std, mean = torch.std_mean(x, [d for d in range(x.ndim) if d != 1], correction=0)
        seen.append((float(mean.abs().max()), float((std - 1).abs().max())))
    assert begin_standardised(model, split) == NETWORKS[backbone]
    for layer in model.modules():
        if isinstance(layer, torch.nn.ReLU | torch.nn.SiLU):
            layer.register_forward_pre_hook(look)
    model.eval()(split.batch(torch.arange(100)).x)
    assert len(seen) == NETWORKS[backbone] and np.abs(seen).max() < 2e-3


@pytest.mark.parametrize(("shape", "count", "size"), [
    ((1, 8, 8), 20, 16), ((1, 8, 8), 112, 16), ((1, 8, 8), 400, 32), ((3, 8, 8), 1023, 64),
    ((1, 8, 8), 1024, 128), ((1, 8, 8), 60_000, 128), ((6,), 20, 128), ((2, 30), 20, 128)])
def test_few_images_get_smaller_batches_unless_the_batch_size_is_set(shape, count, size):
    train = Split(torch.empty(count, *shape), None, torch.arange(count))
    source = Source({"train": train}, shape, 0.0, 1.0)
    assert batch_size_for(make_settings({}), source) == size
    assert batch_size_for(make_settings({"batch_size": 128}), source) == 128


@pytest.mark.parametrize(("parts", "shape"), [
    (Parts("mlp((8,))", bottleneck="plain(2)", likelihood="normal"), (6,)),   # a table's rows
    (Parts("conv(filters=(4, 8), norm='batch')", bottleneck="identity", likelihood="normal"),
     (1, 16, 16)),
    (Parts("unet((4, 8), residual=True)", bottleneck="identity", likelihood="normal"),
     (1, 16, 16))])
def test_what_is_standardised_already_and_a_unet_keep_their_weights(parts, shape):
    model = Autoencoder(parts, shape)
    before = [weight.clone() for weight in model.parameters()]
    x = torch.rand(40, *shape)
    begin_standardised(model, Split(x if len(shape) == 1 else x.permute(0, 2, 3, 1), None,
                                    torch.arange(40)))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_units_that_begin_on_data_learn_images_that_differ_little_sooner():
    """Than from other rules' weights, as photographs of one kind of part do."""
    random = np.random.default_rng(0)
    shade = random.random((64, 1, 1)) * np.linspace(0, 1, 32)[:, None]
    x = (255 * (0.4 + 0.4 * shade + 0.02 * random.random((64, 32, 32)))).astype(np.uint8)
    spread = x.var(axis=0).mean() / 255**2
    left = []
    for initial in ("data", "glorot", "pytorch"):
        model = hg.train(x, model="ae(4)", backbone="conv(filters=(16, 32, 64))", epochs=16,
                         batch_size=16, initial=initial, quiet=True, report=False)
        left.append(model.history["val_mse"][-1] / spread)
    assert left[0] < 0.3 and left[0] < min(left[1:]) / 3, left


def test_settings_say_how_weights_begin(tmp_path):
    x = np.random.default_rng(0).integers(180, 255, (60, 6, 6), np.uint8)
    began = {}
    for initial in ("data", "glorot", "pytorch"):
        training = prepare(make_settings({"initial": initial, "backbone": "mlp((8,))"}), x,
                           out=tmp_path / initial)
        began[initial] = last_bias(training.step.model).detach()
        assert f'initial = "{initial}"' in (tmp_path / initial / "settings.toml").read_text()
    assert not began["glorot"].any() and began["pytorch"].any()
    mean = began["data"].sigmoid().mean()
    assert float(mean) == pytest.approx(x.mean() / 255, abs=0.02)


def test_published_networks_begin_as_they_were_published():
    published = [name for name in recipes() if name.startswith(("tutorial", "keras", "fast")) or
                 name.endswith(("static", "dynamic", "dsprites")) or name.startswith("burda")]
    assert len(published) > 15
    for name in published:
        assert read_recipe(name).get("initial") in ("glorot", "pytorch"), name


@pytest.mark.parametrize(("losses", "last", "said"), [
    ([9, 8, 7, 6, 5, 4], 6, "val_mse was still falling: by 43% since epoch 3"),
    ([9, 4, 3.01, 3, 3, 3], 6, ""), ([9, 4, 3, 2, 3, 4], 6, ""),
    ([9, 5], 1.5, "by 44% since epoch 1"), ([9], 0.3, "30% of it"), ([9], 1, "")])
def test_a_run_that_more_time_would_have_helped_says_so(losses, last, said):
    rows = [{"epoch": float(i), "val_mse": loss, "val_loss": 7.0}
            for i, loss in enumerate(losses, 1)]
    rows[-1]["epoch"] = last
    found = still_falling(rows, "val_loss")
    assert said in found and bool(said) == bool(found)


def test_without_a_validation_split_the_monitored_figure_falls():
    rows = [{"epoch": i + 1.0, "train_loss": loss} for i, loss in enumerate([-10, -50, -70, -90])]
    assert "still falling: 50% of its fall came since epoch 2" in still_falling(rows, "train_loss")
    assert not still_falling([{**row, "train_loss": -90.0} for row in rows], "train_loss")


def test_the_console_and_the_report_say_it(tmp_path):
    x = np.random.default_rng(0).integers(0, 255, (200, 1, 1), np.uint8).repeat(6, 1).repeat(6, 2)
    training = prepare(make_settings({"epochs": 4, "model": "ae(1)", "lr": 0.01,
                                      "backbone": "mlp((8,))", "batch_size": 16}), x,
                       out=tmp_path / "run")
    last = list(run(training))[-1]
    assert any("--epochs 8" in note for note in last.notes)
    assert any("still falling" in note for note in training.further_notes)


def test_a_batch_is_not_changed_by_looking_at_it(tmp_path):
    """Nothing is drawn: the same seed gives the same run, whichever way the bias begins."""
    x = grey((1, 6, 6), 40)
    model = Autoencoder(Parts("mlp((8,))", bottleneck="gaussian(2)", likelihood="bernoulli"),
                        (1, 6, 6))
    torch.manual_seed(3)
    before = torch.get_rng_state()
    split = Split(x.permute(0, 2, 3, 1), None, torch.arange(40))
    assert begin_standardised(model, split) and begin_at_mean(model, split)
    assert torch.equal(before, torch.get_rng_state()) and model.training
