"""Likelihoods against scipy, enumeration and quadrature: what they charge, and what they sum to."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import torch
import torch.nn.functional as F
from conftest import train

import hourglass as hg
from hourglass.core.registry import likelihoods
from hourglass.data.collect import split
from hourglass.data.sources.arrays import from_array
from hourglass.data.sources.table import from_frame, whole
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.loss_step import Step
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts
from hourglass.model.summary import summarise
from hourglass.training.validation import evaluate

ROWS = "number*2, kinds(3), pair(0.25)"
EXAMPLES = [likelihoods.examples[name] for name in likelihoods.parts]
MORE = [*EXAMPLES, "normal('learned')", "normal('optimal')", "normal('optimal', bounded=True)",
        "student_t('learned', 'learned')",
        "categorical(2)", "logistic_mixture(1, 4)"]


def shape_for(text: str) -> tuple[int, ...]:
    return (6,) if text.startswith(("mixed", "tokens")) else (2, 3, 3)


def at(text: str, params: list[float], x: np.ndarray) -> np.ndarray:
    """log p of each x (N,) under a single value's parameters."""
    px = likelihoods.make(text)(torch.tensor(params).repeat(len(x), 1))
    return px.log_prob(torch.tensor(x, dtype=torch.float32)[:, None])[:, 0].double().numpy()


def test_cross_entropy_on_grey_values_integrates_to_no_one_and_the_continuous_one_does():
    """Pitfall 3: BCE on grey values is not a likelihood."""
    x = np.linspace(0, 1, 2001)
    masses = {name: [np.trapezoid(np.exp(at(name, [logit], x)), x)
                     for logit in (-40.0, -6.0, -0.6, -0.01, 0.0, 0.003, 1.2, 9.0)]
              for name in ("bernoulli", "continuous_bernoulli")}
    np.testing.assert_allclose(masses["continuous_bernoulli"], 1, rtol=1e-3)
    assert max(masses["bernoulli"]) < 0.9 and min(masses["bernoulli"]) < 0.6
    # as densities the two would differ by up to 2 times, by another factor at each logit
    grey = torch.full((1, 1), 0.5)
    best = F.binary_cross_entropy(grey, grey).item()
    assert best == pytest.approx(math.log(2)), "its least is the target's entropy, not 0"


@pytest.mark.parametrize("logit", [-200.0, -18.0, -1.01, -0.99, -0.02, 1e-4, 0.0, 0.4, 3.0, 40.0])
def test_the_continuous_bernoulli_keeps_its_digits(logit):
    """Pitfall 11: from logits; torch's own goes through probabilities, and is 2.5 nats off at 18.
    """
    def log_partition(t):   # of exp(t x) on [0, 1], in double
        return math.log(math.expm1(t) / t) if 0 < t < 30 else (
            t - math.log(t) if t >= 30 else log_partition(-t) + t if t < 0 else 0.0)
    x = np.array([0.0, 0.3, 1.0])
    np.testing.assert_allclose(at("continuous_bernoulli", [logit], x),
                               logit * x - log_partition(logit), rtol=2e-6, atol=2e-6)
    params = torch.tensor([[logit]], requires_grad=True)
    px = likelihoods.make("continuous_bernoulli")(params)
    mean = scipy.integrate.quad(lambda v: v * math.exp(logit * v - log_partition(logit)), 0, 1,
                                points=[min(1, 20 / abs(logit or 1)), max(0, 1 - 20 / abs(
                                    logit or 1))])[0]
    assert px.mean.item() == pytest.approx(mean, rel=1e-5)
    px.log_prob(torch.tensor([[0.3]])).sum().backward()   # of an exponential family: x - E x
    assert params.grad.item() == pytest.approx(0.3 - mean, abs=2e-6)


@pytest.mark.parametrize("levels", [2, 5, 256])
@pytest.mark.parametrize("text", ["discretised_logistic", "logistic_mixture", "categorical"])
def test_levels_have_probabilities_that_sum_to_one(text, levels):
    torch.manual_seed(1)
    likelihood = likelihoods.make(f"{text}(levels={levels})")
    x = torch.linspace(0, 1, levels)[:, None]
    for size in (0.3, 3.0, 30.0):
        params = size * torch.randn(1, *likelihood.out((1,)))
        px = likelihood(params.expand(levels, -1))
        share = px.log_prob(x).double().exp()
        assert float(share.sum()) == pytest.approx(1, abs=2e-5)
        mean = float((share * x).sum())
        near = 1e-5 if text == "categorical" else 0.5 / (levels - 1) + 1e-5
        assert px.mean[0].item() == pytest.approx(mean, abs=near), "half a level at most"


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0, 60.0])
def test_the_mean_of_a_logistic_over_levels_is_that_of_the_levels(scale):
    """Where the scale is not far below a level."""
    likelihood, levels = likelihoods.make("discretised_logistic"), np.arange(256)
    for loc in (-1.2, -0.4, 0.0013, 0.9, 1.4):
        raw = 7 * math.atanh(math.log(scale * 2 / 255) / 7)
        middle = (1 + loc) / 2 * 255
        edges = scipy.special.expit((levels[1:] - 0.5 - middle) / scale)
        share = np.diff(np.concatenate([[0], edges, [1]]))
        found = likelihood(torch.tensor([[loc, raw]])).mean.item() * 255
        assert found == pytest.approx((share * levels).sum(), abs=2e-3)
        got = np.exp(at("discretised_logistic", [loc, raw], levels / 255))
        np.testing.assert_allclose(got, share, rtol=2e-3, atol=1e-7)


def test_far_levels_are_charged_what_they_cost_and_not_a_threshold():
    """The tail of a logistic falls by 1/scale a unit; sigmoids subtracted would be 0 - 0."""
    found = at("discretised_logistic", [-1.0, 7 * math.atanh(-5 / 7)], np.array([100, 200]) / 255)
    assert found[0] - found[1] == pytest.approx(200 / 255 * math.exp(5), rel=1e-5)


def test_a_mixture_is_the_sum_of_its_parts_by_a_plain_loop():
    levels, params = 11, torch.randn(3 * 4)
    loc, raw, weight = params.view(3, 4).double().numpy()
    share = scipy.special.softmax(weight)
    places, scales = np.linspace(-1, 1, 4), np.exp(7 * np.tanh(raw / 7))
    truth = np.zeros(levels)
    for i in range(4):
        for k in range(levels):
            low = -math.inf if k == 0 else (k - 0.5) * 2 / 10 - 1
            high = math.inf if k == 10 else (k + 0.5) * 2 / 10 - 1
            one = scipy.stats.logistic(loc[i] + places[i], scales[i])
            truth[k] += share[i] * (one.cdf(high) - one.cdf(low))
    found = at(f"logistic_mixture(4, {levels})", params.tolist(), np.arange(levels) / 10)
    np.testing.assert_allclose(np.exp(found), truth, rtol=1e-4, atol=1e-7)


def test_a_category_costs_its_cross_entropy():
    x = torch.randint(0, 7, (4, 3, 5, 5))
    params = torch.randn(4, 21, 5, 5)
    px = likelihoods.make("categorical(7)")(params)
    truth = F.cross_entropy(params.unflatten(1, (7, 3)), x, reduction="none")
    torch.testing.assert_close(-px.log_prob(x / 6), truth)


@pytest.mark.parametrize("df, scale", [(1.5, 1.0), (5.0, 0.2), (300.0, 3.0)])
def test_students_t_is_scipys(df, scale):
    x = np.array([-1e4, -3.0, 0.2, 0.7, 50.0])
    found = at(f"student_t({df}, {scale})", [0.2], x)
    np.testing.assert_allclose(found, scipy.stats.t(df, 0.2, scale).logpdf(x), rtol=1e-4)
    assert likelihoods.make("student_t(1.5)")(torch.ones(1, 1)).mean.item() == 1
    learned = likelihoods.make("student_t('learned', 'learned')")
    x = torch.tensor(scipy.stats.t(2.5).rvs((4000, 1), random_state=0) * 0.3, dtype=torch.float)
    optimiser = torch.optim.Adam(learned.parameters(), 0.05)
    for _ in range(200):
        optimiser.zero_grad()
        (-learned(torch.zeros_like(x)).log_prob(x)).mean().backward()
        optimiser.step()
    df, _, scale = scipy.stats.t.fit(x.numpy(), floc=0)
    assert 1 + F.softplus(learned.raw_df).item() == pytest.approx(df, rel=0.05)
    assert learned.log_scale.exp().item() == pytest.approx(scale, rel=0.03)


@pytest.mark.parametrize("raw", [(0.0, 0.0), (3.0, -2.0), (-4.0, 5.0), (9.0, 12.0)])
def test_the_negative_binomial_is_scipys_and_sums_to_one(raw):
    mean, r = math.exp(20 * math.tanh(raw[0] / 20)), math.exp(7 * math.tanh(raw[1] / 7))
    truth = scipy.stats.nbinom(r, r / (r + mean))
    x = np.array([0, 1, 2, 30, 4000, 100_000])
    np.testing.assert_allclose(at("negative_binomial", raw, x), truth.logpmf(x), rtol=1e-4,
                               atol=1e-4)
    px = likelihoods.make("negative_binomial")(torch.tensor([raw]))
    assert px.mean.item() == pytest.approx(truth.mean(), rel=1e-5)
    if mean < 100:
        all_of_them = at("negative_binomial", raw, np.arange(20_000))
        assert np.exp(all_of_them).sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("text", [*MORE, "normal(1e-3)"])
def test_extreme_parameters_keep_a_finite_loss_and_gradient(text):
    """Pitfall 10: no scale or logit, however far off, overflows or kills all gradients."""
    likelihood = likelihoods.make(text)
    shape = shape_for(text)
    for size in (0.0, 1e2, 1e4):
        params = (size * torch.randn(5, *likelihood.out(shape))).requires_grad_()
        x = torch.randint(0, 2, (5, *shape)).float()
        loss = -likelihood(params).log_prob(x).sum()
        loss.backward()
        assert loss.isfinite() and params.grad.isfinite().all(), size
        assert likelihood(params).mean.isfinite().all()
        assert size > 1e2 or params.grad.abs().sum() > 0


@pytest.mark.parametrize("text", MORE)
def test_values_are_charged_one_by_one_and_means_lie_in_the_support(text):
    likelihood, shape = likelihoods.make(text).eval(), shape_for(text)
    params, x = 3 * torch.randn(4, *likelihood.out(shape)), torch.randint(0, 2, (4, *shape)).float()
    px = likelihood(params)
    least, most = likelihood.support
    assert (px.mean >= least).all() and (px.mean <= most).all()
    other = x.clone()
    other[:, 0] = 1 - other[:, 0]
    before, after = px.log_prob(x), px.log_prob(other)
    assert before.shape == x.shape and torch.equal(before[:, 1:], after[:, 1:])
    assert not torch.equal(before[:, 0], after[:, 0])
    torch.testing.assert_close(likelihood(params[2:3]).log_prob(x[2:3]), before[2:3])


@pytest.mark.parametrize("text", MORE)
@pytest.mark.parametrize("backbone", ["conv(4)", "conv(4, up='nearest')", "mlp(8)", "unet(4)",
                                      "conv(4, stride=2, final='valid')"])
def test_every_backbone_gives_what_a_likelihood_asks_for(text, backbone):
    shape = shape_for(text) if backbone == "mlp(8)" else (3, 13, 21)
    try:
        model = Autoencoder(Parts(backbone, bottleneck="gaussian(2)", likelihood=text), shape)
    except ValueError as error:
        assert " needs " in str(error) or " is not for lines of text" in str(error)
        assert text.startswith(("mixed", "tokens"))
        return
    x = torch.rand(2, *shape)
    out = model(x)
    assert out.px.mean.shape == out.px.log_prob(x).shape == x.shape
    parts = Parts(backbone, bottleneck="gaussian(2)", likelihood=text, loss="recon + kl")
    assert summarise(parts, shape).parameters["whole"] > 0


def test_a_residual_unet_that_has_learnt_nothing_leaves_the_image_as_it_is():
    model = Autoencoder(Parts("unet(filters=(4, 8), residual=True)", bottleneck="identity",
                              likelihood="normal"), (3, 16, 16))
    x = torch.rand(2, 3, 16, 16)
    assert torch.equal(model(x).px.mean, x)


def test_a_residual_unet_needs_a_likelihood_of_one_number_a_value():
    with pytest.raises(ValueError, match="residual=True needs as many output channels"):
        Autoencoder(Parts("unet(4, residual=True)", likelihood="discretised_logistic"), (1, 8, 8))


# the best spread of each batch


def best_spread(known: bool):
    model = Autoencoder(Parts("mlp(8)", bottleneck="plain(2)", likelihood="normal('optimal')",
                              loss="recon"), (6,)).train()
    x = torch.randn(32, 6)
    return model, x, (torch.rand(32, 6) < 0.7).float() if known else torch.ones(32, 6)


@pytest.mark.parametrize("holes", [False, True])
def test_the_optimal_spread_is_the_likeliest_and_sends_the_gradient_of_the_log_error(holes):
    """Pitfall 2: the loss at the best variance is N/2 (1 + log(2 pi mse)), with its half."""
    model, x, known = best_spread(holes)
    step = Step(model, Objective("recon", model))
    loss, _ = step(x * known, known=known if holes else None)
    loss.backward()
    found = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    again = model.decode(model.encode(x * known)[0].z).mean
    mse = ((again - x * known).square() * known).sum() / known.sum()
    count = known.sum() / len(x)
    closed = count / 2 * (mse * 2 * math.pi).log() + count / 2
    assert loss.item() == pytest.approx(closed.item(), rel=1e-5)
    closed.backward()
    truth = [p.grad for p in model.parameters() if p.grad is not None]
    for a, b in zip(found, truth, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    for spread in (0.8, 1.25):   # any other is less likely
        other = torch.distributions.Normal(again, mse.sqrt() * spread)
        assert -(other.log_prob(x * known) * known).sum() / len(x) > loss


def test_in_evaluation_the_spread_is_remembered_and_no_sample_depends_on_another():
    """Pitfall 9: evaluation is the same at every call."""
    source = split(from_array(np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)),
                   {"val": 0.3}, 0)
    model = Autoencoder(Parts("mlp(8)", bottleneck="gaussian(2)",
                              likelihood="normal('optimal')"), (5,))
    step = Step(model, Objective("recon + kl", model))
    x = next(source.splits["train"].batches(40)).x
    mses = [step.train()(x * k, closely=True)[1]["mse"].item() for k in (1.0, 0.5, 2.0)]
    likelihood = model.likelihood
    assert likelihood.variance.item() == pytest.approx(np.mean(mses), rel=1e-5)
    state = {name: t.clone() for name, t in step.state_dict().items()}
    step.eval()
    assert model(x).px.stddev[0, 0].item() == pytest.approx(math.sqrt(np.mean(mses)), rel=1e-5)
    torch.testing.assert_close(model(x[:1]).px.log_prob(x[:1]), model(x).px.log_prob(x)[:1])
    from lightning_fabric import Fabric
    fabric = Fabric(accelerator="cpu", devices=1)
    once, again = (evaluate(step, source.splits["val"], fabric)[0] for _ in range(2))
    assert once == again
    assert all(torch.equal(t, state[name]) for name, t in step.state_dict().items())


@pytest.mark.parametrize("std", ["0.5", "'optimal'"])
def test_a_bounded_mean_is_the_sigmoid_and_is_for_values_from_0_to_1(std):
    likelihood = likelihoods.make(f"normal({std}, bounded=True)").train()
    params, x = 3 * torch.randn(4, 1, 3, 3), torch.rand(4, 1, 3, 3)
    px = likelihood(params)
    mean = 1 / (1 + (-params).exp())
    mse = (mean - x).square().mean()
    width = 0.5 if std == "0.5" else mse.sqrt().item()
    expected = torch.distributions.Normal(mean, width).log_prob(x)
    torch.testing.assert_close(likelihood.adapt(px, x, None).log_prob(x), expected)
    with pytest.raises(ValueError, match="for values from 0 to 1"):
        Parts("mlp(4)", likelihood=f"normal({std}, bounded=True)").fitted((3,), -2.0, 2.0)


def test_data_that_comes_out_exactly_has_a_floor_under_its_spread():
    """Pitfall 10: without error, the best variance is 0, and the likelihood infinite."""
    likelihood = likelihoods.make("normal('optimal')").train()
    params = torch.ones(3, 4, requires_grad=True)
    px = likelihood.adapt(likelihood(params), torch.ones(3, 4), None)
    loss = -px.log_prob(torch.ones(3, 4)).sum()
    loss.backward()
    assert loss.isfinite() and params.grad.isfinite().all()
    assert px.stddev[0, 0].item() == pytest.approx(math.exp(-6), rel=1e-5)


def test_a_run_with_the_optimal_spread_comes_back_with_it(here):
    model = train("images.npy", model="vae(2)", likelihood="normal('optimal')", epochs=2,
                  out="run", quiet=True)
    again = hg.load("run").model.likelihood
    assert 0 < again.variance.item() < 1 and again.variance == model.model.likelihood.variance


# tables and counts


def test_mixed_columns_cost_what_each_costs_alone_and_a_category_once():
    likelihood = likelihoods.make(f"mixed({ROWS!r})")
    likelihood.log_std.data = torch.tensor([0.3, -0.7])
    params = torch.randn(5, 6)
    kind, high = torch.tensor([0, 2, 1, 1, 0]), torch.tensor([1, 0, 0, 1, 0])
    std = math.sqrt(0.25 * 0.75)
    pair = (high - 0.25) / std
    numbers = torch.randn(5, 2)
    x = torch.cat([numbers, F.one_hot(kind, 3).float(), pair[:, None]], 1)
    px = likelihood(params)
    nats = -px.log_prob(x)
    spread = (-4 + F.softplus(likelihood.log_std + 4)).exp().detach().numpy()
    np.testing.assert_allclose(nats[:, :2].detach(), -scipy.stats.norm(
        params[:, :2], spread).logpdf(numbers), rtol=1e-5)
    torch.testing.assert_close(nats[:, 2:5].sum(1), F.cross_entropy(params[:, 2:5], kind,
                                                                    reduction="none"))
    torch.testing.assert_close(nats[:, 5], F.binary_cross_entropy_with_logits(
        params[:, 5], high.float(), reduction="none"))
    torch.testing.assert_close(px.mean[:, 2:5], params[:, 2:5].softmax(1))
    torch.testing.assert_close(px.mean[:, 5], (params[:, 5].sigmoid() - 0.25) / std)
    missing = torch.cat([x[:, :2], torch.zeros(5, 3), x[:, 5:]], 1)
    assert (px.log_prob(missing)[:, 2:5] == 0).all()


@pytest.mark.parametrize("text", ["number, kind(3)", "kinds", "kinds(1)", "pair(1)", "pair",
                                  "number(2)", "number*0", "kinds(2.5)", "number*-1"])
def test_columns_that_cannot_be_read_say_what_can(text):
    with pytest.raises(ValueError, match="write columns as number"):
        likelihoods.make(f"mixed({text!r})")


@pytest.mark.parametrize("text, shape", [("mixed", (4,)), (f"mixed({ROWS!r})", (5,)),
                                         (f"mixed({ROWS!r})", (6, 3))])
def test_mixed_needs_the_table_that_it_was_told_of(text, shape):
    with pytest.raises(ValueError, match="mixed needs"):
        likelihoods.make(text).out(shape)


def kinds_of_rows(n: int = 400) -> pd.DataFrame:
    """Columns of all kinds that follow from two hidden numbers, with some chance."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, n))
    return pd.DataFrame({
        "size": 5 + 2 * a + 0.1 * random.normal(size=n),
        "colour": np.array(["blue", "green", "red", "white"])[np.digitize(a, (-0.8, 0, 0.8))],
        "owner": (b > 0.6).astype(int), "weight": 70 + 9 * b,
        "shape": np.where(a + b > 0, "round", "flat")})


def test_a_table_with_categories_gets_a_likelihood_of_each_column():
    source = split(whole(from_frame(kinds_of_rows())), {"test": 0.2}, 0)
    share = kinds_of_rows().owner.to_numpy()[source.splits["train"].index.numpy()].mean()
    wanted = f"number, kinds(4), pair({share:.6g}), number, kinds(2)"
    assert source.columns == wanted
    auto = Parts().fitted(source.shape, source.low, source.high, source.columns)
    assert auto.likelihood == f"mixed({wanted!r})"
    others = Parts(likelihood="mixed('number*9')").fitted(source.shape, source.low, source.high,
                                                           source.columns)
    assert others == auto, "what another table's columns were says nothing here"
    numbers = split(whole(from_frame(kinds_of_rows()[["size", "weight"]])), {}, 0)
    assert numbers.columns == "number*2" and Parts().fitted(
        numbers.shape, numbers.low, numbers.high, numbers.columns).likelihood == "normal"
    batch = next(source.splits["train"].batches(400))
    px = likelihoods.make(auto.likelihood)(torch.randn(len(batch.x), 9))
    assert -px.log_prob(batch.x)[:, 5].mean() < 3, "the sign separates the values of a pair"


def test_a_wide_table_is_told_of_in_a_text_that_can_be_read():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({f"n{i}": random.integers(0, 2, 50) for i in range(250)})
    source = split(whole(from_frame(frame)), {}, 0)
    assert len(source.columns) > 2000
    parts = Parts().fitted(source.shape, source.low, source.high, source.columns)
    assert likelihoods.make(parts.likelihood).out(source.shape) == source.shape


def test_a_table_is_learnt_filled_in_and_scored_under_it(tmp_path, hourglass):
    frame, random = kinds_of_rows(), np.random.default_rng(1)
    holed = frame.astype({"owner": float}).mask(random.random(frame.shape) < 0.08)
    holed.to_csv(tmp_path / "rows.csv", index=False)
    run = tmp_path / "run"
    code, _, said = hourglass(f"train {tmp_path / 'rows.csv'} --model vae(3) --backbone mlp(32) "
                              f"--epochs 40 --lr 0.01 --batch-size 64 -o {run}")
    assert code == 0 and "mixed(" in said
    model = hg.load(run)
    assert model.about["parts"]["likelihood"].startswith("mixed('number, kinds(4), pair(")
    recon = model.reconstruct(model.read(frame))
    for kinds in (recon[:, 1:5], recon[:, 7:9]):
        np.testing.assert_allclose(kinds.sum(1), 1, rtol=1e-5)
        assert kinds.min() >= 0, "a category comes out as its probabilities"
    filled = model.impute(holed)
    assert not filled.isna().any().any() and set(filled.owner) == {0, 1}
    gone = holed.colour.isna()
    usual = frame.colour.value_counts(normalize=True).max()
    assert (filled.colour == frame.colour)[gone].mean() > usual + 0.15
    odd = frame.assign(colour=frame.colour.to_numpy()[::-1], shape=frame["shape"].to_numpy()[::-1])
    scores = {name: model.detector("likelihood(4)").score(t)
              for name, t in (("as they are", frame), ("mixed up", odd))}
    assert np.isfinite(scores["mixed up"]).all()
    assert np.median(scores["mixed up"]) > np.median(scores["as they are"])
    assert (run / "report.html").is_file()
    resumed = hg.resume(run, epochs=41, quiet=True, report=False)
    assert len(resumed.folder.read_history()) == 41


def test_counts_stay_counts(tmp_path, hourglass):
    random = np.random.default_rng(0)
    mean = np.exp(random.normal(size=(200, 1)) * 0.5 + np.log([3, 20, 80, 0.5]))
    counts = random.negative_binomial(4, 4 / (4 + mean))
    np.save(tmp_path / "counts.npy", counts)
    model = train(tmp_path / "counts.npy", model="vae(1)", likelihood="negative_binomial",
                  backbone="mlp(16)", epochs=40, lr=0.01, batch_size=32, out=tmp_path / "run",
                  quiet=True)
    source = model.source()
    x = next(source.splits["train"].batches(500)).x
    assert x.max() > 1 and torch.equal(x, x.round()) and source.high == math.inf
    means = model.reconstruct(counts).mean(0)
    assert np.abs(np.log(means / counts.mean(0))).max() < math.log(2)
    np.testing.assert_allclose(model.encode(counts), model.encode(counts.astype(np.float32)),
                               rtol=1e-4, atol=1e-5)
    for odd in (counts - 1, counts + 0.5):
        np.save(tmp_path / "odd.npy", odd)
        code, _, said = hourglass(f"train {tmp_path / 'odd.npy'} --likelihood negative_binomial")
        assert code == 2 and "integers from 0" in said


@pytest.mark.parametrize("text", ["continuous_bernoulli", "discretised_logistic", "categorical(16)",
                                  "logistic_mixture(2, 16)"])
def test_data_outside_the_support_is_refused(text):
    with pytest.raises(ValueError, match="for values from 0 to 1"):
        Parts(likelihood=text).fitted((5,), -math.inf, math.inf)


@pytest.mark.parametrize("wrong, said", [
    ("student_t(1)", "above 1"), ("student_t('lerned')", "learned"), ("categorical(1)", "from 2"),
    ("logistic_mixture(0)", "from 1"), ("normal('best')", "optimal"), ("normal(-1)", "above 0")])
def test_a_wrong_option_says_what_is_right(wrong, said):
    with pytest.raises(ValueError, match=said):
        likelihoods.make(wrong)
