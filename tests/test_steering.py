"""Steering the KL: its weights, ramps, floors and capacities, and what is said of the codes."""

import math

import pytest
import torch
from conftest import stripes
from torch import nn
from torch.distributions import Normal

import hourglass as hg
from hourglass.core import registry
from hourglass.core.contracts import Clock, Latent, Output
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts
from hourglass.model.posterior_stats import Posterior, gathered, moments
from hourglass.run.settings import make_settings
from hourglass.training.early_stopping import Stopping
from hourglass.training.lagging import holds_decoder
from hourglass.training.loss_checks import effective_beta
from hourglass.training.setup import prepare
from hourglass.training.train import run

SHORT = {"model": "vae(3)", "epochs": 6, "batch_size": 16, "precision": "32-true",
         "schedule": "constant"}


def output(mean, std):
    q, p = Normal(mean, std), Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return Output(torch.zeros(len(mean), 1), Latent(mean, q, p), q)


def closed_form(mean, std):
    return 0.5 * (mean**2 + std**2 - 1 - 2 * std.log())


def some_posteriors():
    mean = (torch.randn(64, 4, dtype=torch.float64) * torch.tensor([2.0, 1, 0.1, 0.01]))
    return mean.requires_grad_(), torch.tensor([0.1, 0.5, 0.95, 1.0]).double().expand(64, 4)


def test_free_bits_put_a_floor_under_each_factor_and_leave_the_gradient_above_it():
    """Pitfall 6: the floor is on each factor's mean over the batch, not on a sample's total."""
    mean, std = some_posteriors()
    floor = 0.3
    kl = registry.terms.make(f"kl(free_bits={floor})", nn.Module())(output(mean, std), None)
    each = closed_form(mean, std).mean(0)
    assert kl.shape == (64,)
    assert kl.mean().item() == pytest.approx(each.clamp_min(floor).sum().item())
    kl.mean().backward()
    above = each > floor
    assert torch.allclose(mean.grad[:, above], (mean / 64)[:, above])
    assert above.sum() == 2 and (mean.grad[:, ~above] == 0).all()


@pytest.mark.parametrize("capacity", [4.0, 6.0])
def test_capacity_is_the_distance_of_the_mean_kl_and_not_of_each_samples(capacity):
    """Pitfall 6, Fault 13: |KL_i - C| of each sample is not |E KL - C|."""
    mean, std = some_posteriors()
    kl = registry.terms.make(f"kl(capacity={capacity})", nn.Module())(output(mean, std), None)
    total = closed_form(mean, std).sum(1)
    expected = (total.mean() - capacity).abs()
    assert kl.mean().item() == pytest.approx(expected.item())
    (gradient,) = torch.autograd.grad(kl.mean(), mean)
    (wanted,) = torch.autograd.grad(expected, mean)
    assert torch.allclose(gradient, wanted)
    assert (total - capacity).abs().mean() > expected + 0.1


@pytest.mark.parametrize("text, at, weight", [
    ("ramp(0, 4, epochs=10)", Clock(50, 10, 0.0), 2.0),
    ("linear(1, 0, steps=100)", Clock(25, 10, 0.0), 0.75),
    ("ramp(0, 1, share=0.5)", Clock(0, 10, 0.25), 0.5),
    ("ramp(0, 1)", Clock(7, 10, 0.25), 1.0),
    ("cosine(0, 1, steps=100)", Clock(25, 10, 0.0), (1 - math.cos(math.pi / 4)) / 2),
    ("cyclic(0, 1, cycles=4, steps=80)", Clock(25, 10, 0.0), 0.5),
    ("cyclic(0, 1, cycles=4, steps=80)", Clock(35, 10, 0.0), 1.0),
    ("cyclic(0, 1, cycles=4, steps=80)", Clock(40, 10, 0.0), 0.0)])
def test_a_ramp_is_where_it_should_be(text, at, weight):
    assert registry.ramps.make(text).weight(at) == pytest.approx(weight)


@pytest.mark.parametrize("formula, weight", [
    ("recon + ramp(0, 4, epochs=2) * kl", 4.0), ("recon + 0.5 * ramp(0, 4, epochs=2) * kl", 2.0),
    ("recon - ramp(0, 4, epochs=2) * kl", -4.0), ("recon + 2 * 3 * kl", 6.0)])
def test_formulas_multiply_numbers_and_ramps(formula, weight):
    model = Autoencoder(Parts("mlp", bottleneck="gaussian(2)", likelihood="normal"), (5,))
    objective = Objective(formula, model)
    assert objective.weights == {"recon": 1.0, "kl": weight}
    out = model(torch.rand(4, 5))
    full, parts = objective(out, model)
    assert full.item() == pytest.approx((parts["recon"] + weight * parts["kl"]).mean().item())
    objective.at(Clock(10, 10, 0.1))
    share = 0.5 if objective.ramps else 1.0
    now = objective(out, model)[0].item()
    assert now == pytest.approx((parts["recon"] + share * weight * parts["kl"]).mean().item())
    objective.at(None)
    assert objective(out, model)[0].item() == full.item()


@pytest.mark.parametrize("formula, words", [
    ("recon + ramp(0, 4, epochs=2, steps=7) * kl", "only once"),
    ("recon + ramp(0, 4) * ramp(0, 1) * kl", "two weight schedules"),
    ("recon + rmp(0, 4) * kl", "no ramp is named 'rmp'.*'ramp'"),
    ("recon + kl * 4", "weight before its term"),
    ("recon + kl(capacity=3, free_bits=1)", "not both")])
def test_a_formula_that_makes_no_sense_says_why(formula, words):
    model = Autoencoder(Parts("mlp", bottleneck="gaussian(2)", likelihood="normal"), (5,))
    with pytest.raises(ValueError, match=words):
        Objective(formula, model)


@pytest.mark.parametrize("ours, theirs", [
    # beta * kl in our formula, and the same as a tutorial writes it, up to a factor
    ("recon + 4 * kl", lambda se, bce, kl, v, d: bce + 4 * kl),
    ("500 * recon + kl", lambda se, bce, kl, v, d: 500 * bce + kl),
    ("recon + 12 * kl", lambda se, bce, kl, v, d: bce / v + 1.0 * kl),
    ("recon + 2.4 * kl", lambda se, bce, kl, v, d: bce / v + 0.2 * kl),
    ("recon + 36 * kl", lambda se, bce, kl, v, d: bce / v + 9.0 * kl / d)])
def test_the_tutorials_ways_of_writing_the_loss_are_ours_times_a_number(ours, theirs):
    """The conversions of docs/how-to/kl.md: gradients are proportional, so the minimum is one."""
    values, factors = 12, 3
    model = Autoencoder(Parts("mlp", bottleneck=f"gaussian({factors})", likelihood="bernoulli"),
                        (values,))
    x = torch.rand(8, values)
    out = model(x, draw=False)
    q = out.latent.q
    kl = closed_form(q.mean, q.stddev).sum(1).mean()
    bce = nn.functional.binary_cross_entropy(out.px.mean, x, reduction="sum") / 8
    se = (out.px.mean - x).square().sum() / 8
    objective = Objective(ours, model)
    weights = list(model.parameters())
    mine = torch.autograd.grad(objective(out, model)[0], weights, retain_graph=True,
                               allow_unused=True)
    other = torch.autograd.grad(theirs(se, bce, kl, values, factors), weights, allow_unused=True)
    pairs = [(a, b) for a, b in zip(mine, other, strict=True) if a is not None]
    a, b = (torch.cat([g.flatten() for g in gradients]) for gradients in zip(*pairs, strict=True))
    assert torch.allclose(a / a.norm(), b / b.norm(), atol=1e-4)


def test_the_effective_beta_is_told_however_the_formula_is_written():
    model = Autoencoder(Parts("mlp", bottleneck="gaussian(2)", likelihood="normal"), (10,))
    for formula, beta, of_mean in (("recon + 4 * kl", "4", "0.4"),
                                   ("50 * recon + kl", "0.02", "0.002"),
                                   ("recon + ramp(0, 4) * kl", "from 0 to 4", "0.4")):
        assert effective_beta(Objective(formula, model), (10,)) == (
            f"effective beta {beta}: the KL's weight, with recon as a sum over 10 values. With "
            f"their mean, it is {of_mean}")
    assert effective_beta(Objective("recon", model), (10,)) == ""


def test_the_posterior_is_summed_up_as_over_all_samples_at_once():
    mean, std = torch.randn(100, 3) * torch.tensor([1.0, 0.01, 2.0]) + 1, torch.rand(100, 3) + 0.1
    sums: dict[str, torch.Tensor] = {}
    for m, s in zip(mean.split(30), std.split(30), strict=True):
        for name, value in moments(output(m, s).latent).items():
            sums[name] = sums.get(name, 0) + value * len(m)
    found = gathered(sums, 100)
    assert not sums and torch.allclose(found.kl.float(), closed_form(mean, std).mean(0), rtol=1e-4)
    assert torch.allclose(found.spread.float(), mean.var(0, unbiased=False), atol=1e-4)
    assert found.active == 2, "one factor's means hardly differ"


def test_collapse_and_codes_that_are_not_confined_are_told():
    def of(kl, spread, second):
        return Posterior(*(torch.tensor([v, v]) for v in (kl, spread, second)))
    assert "let it rise slowly" in of(0.001, 0.0, 1.0).trouble(4)
    assert "rise slowly" not in of(0.001, 0.0, 1.0).trouble(4, {"kl": None})
    assert "too weak to confine" in of(9.0, 40.0, 40.0).trouble(0.001)
    assert of(2.0, 0.9, 1.1).trouble(1) == ""


def trained(**settings):
    training = prepare(make_settings({**SHORT, **settings}), stripes(80), out="run")
    notes = [note for progress in run(training) for note in progress.notes]
    return training, notes


def test_every_epoch_tells_what_the_codes_do(here):
    training, _ = trained()
    for row in training.state.history:
        assert row["kl_share"] == pytest.approx(row["val_kl"] / row["val_loss"])
        assert 0 <= row["kl_least"] <= row["kl_most"] and 0 <= row["active_units"] <= 3
    factors = training.folder.read_factors()
    assert len(factors) == 6 and set(factors[0]) == {"epoch", "factor_1", "factor_2", "factor_3"}
    last = [factors[-1][f"factor_{i}"] for i in (1, 2, 3)]
    assert sum(last) == pytest.approx(training.state.history[-1]["val_kl"], rel=1e-3)


def test_a_collapsed_posterior_is_told_once_and_stands_in_the_report(here):
    training, notes = trained(loss="recon + 1000 * kl", epochs=10)
    assert len([note for note in notes if "posterior collapse" in note]) == 1
    assert "posterior collapse" in training.state.trouble   # which the report says last


def test_weights_are_kept_and_patience_counted_only_after_the_ramp(here):
    """Pitfall 7: while the KL still rises, no epoch is the best one and nothing is stopped."""
    settings = make_settings({**SHORT, "stop": "early(patience=1)",
                              "loss": "recon + ramp(0, 50, epochs=4) * kl"})
    training = prepare(settings, stripes(80), out="run")
    best = [progress.best for progress in run(training) if progress.row]
    assert not any(best[:3]) and best[3], "none is the best while the ramp lasts"
    assert training.state.ramping == 3, "the fourth epoch ends with the ramp"
    assert training.state.best_epoch >= 4
    validated = [row["val_loss"] for row in training.state.history]
    full = [row["val_recon"] + 50 * row["val_kl"] for row in training.state.history]
    assert validated == pytest.approx(full, rel=1e-4), "validation is at full weight throughout"
    first = training.state.history[0]
    assert first["train_loss"] < first["train_recon"] + 40 * first["train_kl"]


def test_stopping_does_not_look_before_the_ramp_ends():
    stopping = Stopping(patience=2)
    assert stopping.best([1, 5, 4, 6], start=2) == 3
    assert stopping.reason([1, 5, 4, 6], start=2) == "" and stopping.reason([1, 5, 4, 6])


def test_a_negative_weight_is_told(here):
    training = prepare(make_settings({**SHORT, "loss": "recon - 2 * kl"}), stripes(80), out="run")
    assert any("the weight of kl is -2" in note for note in training.notes)


def test_a_ramp_longer_than_the_run_is_told_before_it_starts(here):
    """Pitfall 7: a warm-up that the run is too short for would silently be another model."""
    training = prepare(make_settings({**SHORT, "loss": "recon + ramp(0, 4, epochs=10) * kl"}),
                       stripes(80), out="run")
    assert any("takes 10 epochs and the run has 6" in note for note in training.notes)
    steps = prepare(make_settings({**SHORT, "loss": "recon + ramp(0, 4, steps=9) * kl"}),
                    stripes(80), out="short")
    assert not any("the run has" in note for note in steps.notes)


def test_the_elbo_of_a_linear_gaussian_model_stays_below_its_evidence(here):
    """A whole model: p(z) = N(0, 1), p(x|z) = N(Wz + b, 1), whose evidence is known exactly."""
    model = Autoencoder(Parts("mlp((4,), activation='none')", bottleneck="gaussian(2)",
                              likelihood="normal"), (5,))
    x = torch.randn(40, 5)
    with torch.no_grad():
        b = model.decode(torch.zeros(1, 2)).mean[0]
        w = model.decode(torch.eye(2)).mean - b
    covariance = w.T @ w + torch.eye(5)
    evidence = torch.distributions.MultivariateNormal(b, covariance).log_prob(x)
    objective = Objective("recon + kl", model)
    with torch.no_grad():
        draws = [objective(model(x, draw=True), model)[1] for _ in range(1000)]
        elbo = -torch.stack([parts["recon"] + parts["kl"] for parts in draws]).mean(0)
    gap = evidence - elbo
    assert (gap > -0.1).all() and gap.mean() > 0.1
    q = model(x, draw=False).latent.q   # the gap is KL(q || p(z|x)), p(z|x) = N(m, S)
    s = torch.linalg.inv(w @ w.T + torch.eye(2))
    posterior = torch.distributions.MultivariateNormal((x - b) @ w.T @ s, s)
    wide = torch.distributions.MultivariateNormal(q.mean, torch.diag_embed(q.variance))
    exact = torch.distributions.kl_divergence(wide, posterior)
    assert torch.allclose(gap, exact, atol=0.5) and gap.mean().item() == pytest.approx(
        exact.mean().item(), abs=0.1)


def test_information_is_that_of_a_linear_gaussian_channel():
    x = torch.randn(200_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    gain, width = torch.tensor([2.0, 0.3]), torch.tensor([0.5, 0.9])
    mean = gain * x[:, None] + torch.tensor([1.0, 0.0])
    q, p = torch.distributions.Normal(mean, width), torch.distributions.Normal(0.0, 1.0)
    kl = torch.distributions.kl_divergence(q, p).mean(0)
    found = Posterior(kl, mean.var(0), mean.square().mean(0) + width**2, mean.mean(0))
    wanted = 0.5 * torch.log(1 + gain**2 / width**2).sum()
    assert found.information == pytest.approx(float(wanted), rel=0.01)


def test_an_encoder_ahead_of_the_decoder_leaves_it_as_it_is(here):
    training = prepare(make_settings({"data": "digits", "model": "vae(4)", "epochs": 1, "lag": 3}),
                       out="ahead")

    def weights(part):
        return torch.cat([p.detach().flatten().clone() for p in part.parameters()])
    model, moved = training.step.model, []
    before = weights(model.decoder), weights(model.encoder)
    for _ in zip(range(6), run(training), strict=False):
        now = weights(model.decoder), weights(model.encoder)
        moved.append(tuple(bool((a != b).any()) for a, b in zip(now, before, strict=True)))
        before = now
    assert moved == [(False, True), (False, True), (True, True)] * 2


def test_the_encoder_stays_ahead_while_the_codes_say_more_and_more():
    grows, stalls = ([{"information": value} for value in each] for each in ((1, 2, 3), (1, 2, 2)))
    assert holds_decoder(5, 0, []) and holds_decoder(5, 0, grows)
    assert not holds_decoder(5, 4, grows) and not holds_decoder(5, 0, stalls)
    assert not holds_decoder(1, 0, grows)
    with pytest.raises(ValueError, match="a posterior and a KL"):
        hg.train("digits", model="ae(4)", lag=2, report=False, quiet=True)
