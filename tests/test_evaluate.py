"""How likely a model finds samples: held against evidences that are known exactly."""

import csv
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import train
from scipy.stats import multivariate_normal, norm
from torch.distributions import (
    Beta,
    Normal,
    Uniform,
)

from hourglass.core.contracts import Latent
from hourglass.data.split_data import Split
from hourglass.inference.log_likelihood import proposal
from hourglass.inference.log_likelihood.annealing import anneal, check_space
from hourglass.inference.log_likelihood.elbo_parts import decompose
from hourglass.inference.log_likelihood.importance import weigh
from hourglass.inference.log_likelihood.proposal import check
from hourglass.inference.trained import Trained
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.parts import Parts

NOISE = 0.5   # standard deviation of x given the code
WAYS = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [1.0, 0.0]])   # orthogonal
CENTRE = np.array([0.1, -0.2, 0.3, 0.0, 1.0])


def split_of(x) -> Split:
    return Split(torch.as_tensor(np.asarray(x, np.float32)), None, torch.arange(len(x)))


def samples(n: int = 6) -> Split:
    random = np.random.default_rng(0)
    z = random.normal(size=(n, 2))
    return split_of(z @ WAYS.T + CENTRE + NOISE * random.normal(size=(n, 5)))


def fill(layer, weight, bias):
    layer.weight.data = torch.as_tensor(np.asarray(weight, np.float32))
    layer.bias.data = torch.as_tensor(np.asarray(bias, np.float32))


def linear(shift: float = 0.0, widen: float = 1.0, likelihood: str = f"normal({NOISE})"):
    """x = WAYS z + CENTRE + noise, z from N(0, 1). q(z|x) is the exact posterior, shifted by
    `shift` of its widths and widened by `widen`."""
    parts = Parts(backbone="mlp(widths=(5,), activation='none')", bottleneck="gaussian(2)",
                  likelihood=likelihood, loss="recon + kl")
    model = Autoencoder(parts, (5,)).eval()
    width = np.sqrt(1 / (1 + (WAYS**2).sum(0) / NOISE**2))
    gain = (width**2)[:, None] * WAYS.T / NOISE**2                      # (2, 5)
    log_var = 20 * np.arctanh(2 * np.log(widen * width) / 20)           # before its soft limit
    first = next(m for m in model.encoder.modules() if isinstance(m, torch.nn.Linear))
    last = [m for m in model.decoder.modules() if isinstance(m, torch.nn.Linear)][-1]
    fill(first, np.eye(5), np.zeros(5))
    fill(model.bottleneck.reduce[-1], np.concatenate([gain, np.zeros((2, 5))]),
         np.concatenate([shift * width - gain @ CENTRE, log_var]))
    fill(model.bottleneck.expand[0], WAYS, CENTRE)
    fill(last, np.eye(5), np.zeros(5))
    return model


def evidence(split: Split) -> np.ndarray:
    """-log p(x), (N,), exactly."""
    law = multivariate_normal(CENTRE, WAYS @ WAYS.T + NOISE**2 * np.eye(5))
    return -np.atleast_1d(law.logpdf(split.x.double().numpy()))


def every(split: Split) -> torch.Tensor:
    return torch.arange(len(split))


@pytest.mark.parametrize("count", [1, 2, 7, 150])
def test_with_the_exact_posterior_every_number_of_codes_gives_the_evidence(count):
    split = samples()
    found = weigh(linear(), split, every(split), count)
    assert np.abs(found.nll - evidence(split)).max() < 1e-4
    assert np.abs(found.elbo + evidence(split)).max() < 1e-4
    assert found.ess == pytest.approx(np.full(len(split), count), rel=1e-3)


def test_importance_sampling_comes_to_the_evidence_from_a_poor_posterior():
    split, count = samples(), 20_000
    found = weigh(linear(shift=1.0, widen=1.5), split, every(split), count)
    error = np.sqrt(1 / found.ess - 1 / count)     # of the log of a mean, to first order
    assert (error < 0.05).all() and (np.abs(found.nll - evidence(split)) < 4 * error).all()


def test_codes_weigh_as_a_plain_loop_over_them_says():
    split, model = samples(3), linear(shift=1.0, widen=1.5)
    found = weigh(model, split, every(split), 50)
    for row in range(3):
        z = proposal.pose(model, split, torch.tensor([row]), 50, 0).z[:, 0].double().numpy()
        q = model.encode(split.batch(torch.tensor([row])).x)[0].q
        mean, std = q.mean[0].detach().double().numpy(), q.stddev[0].detach().double().numpy()
        x = split.x[row].double().numpy()
        weights = [np.exp(norm.logpdf(x, WAYS @ code + CENTRE, NOISE).sum()
                          + norm.logpdf(code).sum() - norm.logpdf(code, mean, std).sum())
                   for code in z]
        assert found.nll[row] == pytest.approx(-np.log(np.mean(weights)), abs=1e-4)
        assert found.elbo[row] == pytest.approx(np.mean(np.log(weights)), abs=1e-4)
        effective = np.sum(weights) ** 2 / np.sum(np.square(weights))
        assert found.ess[row] == pytest.approx(effective, rel=1e-3)


def test_the_evidence_of_a_bernoulli_is_that_of_quadrature():
    model = Autoencoder(Parts(backbone="mlp(widths=(4,))", bottleneck="gaussian(1)",
                              likelihood="bernoulli"), (4,)).eval()
    split = split_of(np.random.default_rng(1).integers(0, 2, (4, 4)))
    z = torch.linspace(-9, 9, 4001)[:, None]
    with torch.no_grad():
        chance = model.decode(z).probs.double().numpy()
    x = split.x.numpy()[:, None]
    joint = (x * np.log(chance) + (1 - x) * np.log(1 - chance)).sum(2) + norm.logpdf(z[:, 0])
    exact = -np.log(np.trapezoid(np.exp(joint), z[:, 0].double().numpy(), axis=1))
    found = weigh(model, split, every(split), 40_000)
    assert (np.abs(found.nll - exact) < 4 * np.sqrt(1 / found.ess) + 1e-4).all()


def test_a_mean_of_weights_bounds_the_evidence_in_expectation():
    """Pitfall 12: with S codes -log of the mean weight is too high in the mean, less so with more;
    with one code it is -ELBO, which is known here in closed form."""
    one, model, times = samples(1), linear(shift=1.0, widen=1.5), 1000
    split, exact = split_of(one.x.repeat(times, 1)), float(evidence(one)[0])
    found = [weigh(model, split, every(split), count).nll for count in (1, 4, 16)]
    means, errors = ([value(each) for each in found] for value in (np.mean, np.std))
    errors = np.array(errors) / math.sqrt(times)
    assert means[0] > means[1] > means[2] > exact + 3 * errors[2]
    gap = 2 * (1.5**2 + 1.0**2 - 1 - math.log(1.5**2)) / 2    # KL to the exact posterior
    assert abs(means[0] - exact - gap) < 4 * errors[0]


@pytest.mark.parametrize("count", [1, 3, 100, 101, 250])
def test_as_many_codes_are_weighed_as_were_asked_for(count, monkeypatch):
    """Fault 8: fewer codes than a batch, and numbers that it does not divide, are taken as they
    are, and each sample is encoded once."""
    monkeypatch.setitem(proposal.AT_ONCE, "cpu", 100 * 5)
    model, split, decoded, encoded = linear(widen=1.5), samples(7), [], []
    monkeypatch.setattr(proposal, "log_likelihood", counting(proposal.log_likelihood, decoded))
    encode = model.encoder.forward
    monkeypatch.setattr(model.encoder, "forward", lambda x: encoded.append(len(x)) or encode(x))
    found = weigh(model, split, every(split), count)
    assert sum(decoded) == 7 * count and sum(encoded) == 7 and max(decoded) <= 100
    assert len(found) == 7 and (found.ess <= count * (1 + 1e-9)).all()


def counting(real, held):
    def call(out, model, z):
        held.append(z.shape[0] * z.shape[1])
        return real(out, model, z)
    return call


def test_neither_order_nor_chunks_nor_company_change_anything(monkeypatch):
    """Pitfall 18: each sample counts once, whatever it was decoded with; the same seed gives the
    same noise to a sample wherever it stands."""
    split, model = samples(7), linear(shift=1.0)
    whole = weigh(model, split, every(split), 30)
    assert np.array_equal(whole.nll, weigh(model, split, every(split), 30).nll)
    assert not np.array_equal(whole.nll, weigh(model, split, every(split), 30, seed=1).nll)
    monkeypatch.setitem(proposal.AT_ONCE, "cpu", 5 * 11)
    order = torch.tensor([4, 0, 6, 2, 1, 5, 3])
    again = weigh(model, split, order, 30)
    for name in ("nll", "elbo", "ess"):
        assert np.allclose(getattr(again, name), getattr(whole, name)[order], rtol=1e-5)
    alone = weigh(model, split, torch.tensor([5]), 30)
    assert alone.nll[0] == pytest.approx(whole.nll[5], rel=1e-6)


def test_other_noise_is_left_as_it_was():
    split, model = samples(2), linear()
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    check(model, split.batch(every(split)))
    weigh(model, split, every(split), 5)
    anneal(model, split, every(split), 2, 2)
    decompose(model, split, every(split))
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize(("shift", "widen"), [(3.0, 1.0), (-1.0, 3.0), (1.0, 0.4)])
def test_annealing_comes_to_the_evidence_from_a_bad_posterior(shift, widen):
    split, model = samples(4), linear(shift, widen)
    poor = weigh(model, split, every(split), 32)
    found = anneal(model, split, every(split), 40, 32)
    exact = evidence(split)
    assert (np.abs(found.nll - exact) < 4 * np.sqrt(1 / found.ess)).all()
    assert np.abs(found.nll - exact).mean() < np.abs(poor.nll - exact).mean()


def test_the_weights_of_chains_have_the_evidence_as_their_mean():
    """This holds for all step sizes that are fixed beforehand: the mean over many chains of few
    steps is p(x), although their weights differ much."""
    split, model = samples(1), linear(shift=1.0, widen=0.8)
    found = anneal(model, split, every(split), 4, 4000)
    assert abs(found.nll[0] - evidence(split)[0]) < 4 * math.sqrt(1 / found.ess[0])
    assert np.array_equal(found.nll, anneal(model, split, every(split), 4, 4000).nll)
    one = anneal(model, split, every(split), 1, 50)
    assert one.nll[0] == pytest.approx(evidence(split)[0], abs=4 / math.sqrt(one.ess[0]))


def test_a_sample_is_annealed_alike_in_any_company(monkeypatch):
    split, model = samples(5), linear(shift=1.0)
    whole = anneal(model, split, every(split), 5, 4)
    monkeypatch.setitem(proposal.AT_ONCE, "cpu", 5 * 8)
    order = torch.tensor([3, 1, 4, 0, 2])
    assert np.allclose(anneal(model, split, order, 5, 4).nll, whole.nll[order], rtol=1e-4)


def test_the_bound_is_the_sum_of_its_parts():
    split, model = samples(300), linear(shift=0.5, widen=1.2)
    parts, weighed = decompose(model, split, every(split)), weigh(model, split, every(split), 1)
    assert np.allclose(parts.elbo, weighed.elbo, atol=1e-4)   # of the same codes
    assert np.allclose(parts.divergence, parts.mutual + parts.marginal)
    assert np.allclose(parts.marginal, parts.correlation + parts.factors)
    means = parts.means
    assert -parts.elbo.mean() == pytest.approx(
        means["reconstruction"] + means["mutual"] + means["correlation"] + means["factors"])


def test_the_parts_are_those_of_a_plain_loop():
    split, model = samples(40), linear(shift=0.5, widen=1.2)
    parts = decompose(model, split, every(split))
    q = model.encode(split.x)[0].q
    mean, std = q.mean.detach().double().numpy(), q.stddev.detach().double().numpy()
    for row in range(0, 40, 7):
        z = proposal.pose(model, split, torch.tensor([row]), 1, 0).z[0, 0].double().numpy()
        each = norm.pdf(z, mean, std)                             # (N, D)
        whole, product = np.log(each.prod(1).mean()), np.log(each.mean(0)).sum()
        assert parts.mutual[row] == pytest.approx(np.log(each[row].prod()) - whole, abs=1e-4)
        assert parts.correlation[row] == pytest.approx(whole - product, abs=1e-4)
        assert parts.factors[row] == pytest.approx(product - norm.logpdf(z).sum(), abs=1e-4)


def grid_model(spread: float):
    """Codes whose means are x itself, spread so wide."""
    model = linear()
    fill(model.bottleneck.reduce[-1], np.diag([1, 1, 0, 0]) @ np.eye(4, 5),
         [0, 0, *[20 * math.atanh(2 * math.log(spread) / 20)] * 2])
    return model


@pytest.mark.parametrize("size", [9, 250, 1000])
def test_independent_codes_have_no_total_correlation(size):
    """Pitfall 5: it is 0 with no constant left in it that depends on how many samples there are,
    for codes on a full grid, whose mean posterior is exactly a product."""
    side = math.isqrt(size)
    places = np.linspace(-2, 2, side)
    grid = np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)
    split = split_of(np.concatenate([grid, np.zeros((len(grid), 3))], 1))
    parts = decompose(grid_model(0.7), split, every(split))
    assert np.abs(parts.correlation).max() < 1e-4


@pytest.mark.parametrize("limit", [1, 10, 64])
def test_codes_that_tell_their_sample_tell_log_n_nats(limit):
    """And of few samples it is not log of these few: q(z) is the mean of all posteriors."""
    x = np.zeros((64, 5))
    x[:, 0] = np.arange(64)
    split = split_of(x)
    parts = decompose(grid_model(0.01), split, split.evenly(limit))
    assert parts.posteriors == 64 and len(parts.mutual) == limit
    assert np.allclose(parts.mutual, math.log(64), atol=1e-4)


def test_the_bound_is_of_draws_and_embeddings_are_of_means():
    """Pitfall 9: over draws, reconstruction is worse than that of the mean by what the posterior's
    width does to it, which is known here."""
    split, model = samples(400), linear(widen=1.5)
    parts = decompose(model, split, every(split))
    with torch.no_grad():
        out = model(split.x)
        assert torch.equal(out.latent.z, out.latent.q.mean)
        of_mean = -out.px.log_prob(split.x).sum(1).double().numpy()
        trace = ((torch.tensor(WAYS) ** 2).sum(0) * out.latent.q.variance[0]).sum()
    more, differ = float(trace) / 2 / NOISE**2, parts.reconstruction - of_mean
    assert more > 0.5 and abs(differ.mean() - more) < 4 * differ.std() / 20


@pytest.mark.parametrize("bottleneck", ["plain(2)", "identity"])
def test_without_a_posterior_it_says_what_it_needs(bottleneck):
    model = Autoencoder(Parts(backbone="mlp(widths=(5,))", bottleneck=bottleneck,
                              likelihood="normal"), (5,)).eval()
    with pytest.raises(ValueError, match="needs a bottleneck with a posterior and a prior"):
        check(model, samples().batch(torch.arange(2)))


def test_a_decoder_that_sees_more_than_the_code_is_refused():
    model = Autoencoder(Parts(backbone="unet", bottleneck="gaussian(2)", likelihood="normal"),
                        (1, 16, 16)).eval()
    split = split_of(np.zeros((2, 16, 16, 1)))
    with pytest.raises(ValueError, match="needs a decoder that gets only the code"):
        check(model, split.batch(torch.arange(2)))


@pytest.mark.parametrize("bottleneck", [
    "gaussian(2)", "vamp(2, 5)", "mixture(2, 3)", "ladder((2, 1), hidden=4)", "flow(2, 'planar')",
    "flow(2, 'radial')", "flow(2, 'iaf')", "sphere(2)", "poincare(2)", "gamma(2)",
    "categorical(1, 3)", "joint(1, (3,))"])
def test_every_posterior_comes_to_what_draws_from_the_prior_say(bottleneck):
    torch.manual_seed(1)
    model = Autoencoder(Parts(backbone="mlp(widths=(4,))", bottleneck=bottleneck,
                              likelihood="bernoulli"), (6,)).eval()
    for weight in model.encoder.parameters():
        weight.data *= 0.3      # posteriors that are not too narrow, or few codes have all weight
    if bottleneck.startswith("sphere"):
        model.bottleneck.reduce[-1].bias.data[-1] = -6
    split = split_of(np.random.default_rng(2).integers(0, 2, (3, 6)))
    check(model, split.batch(every(split)))
    with torch.no_grad():
        z = model.sample_prior(100_000)
        chance = model.decode(z).log_prob(split.x[:, None]).sum(2).exp().double()   # (3, N)
    prior, error = chance.mean(1), chance.std(1) / chance.shape[1] ** 0.5 / chance.mean(1)
    found = weigh(model, split, every(split), 5000)
    error = np.sqrt(error.square().numpy() + 1 / found.ess)
    assert (np.abs(found.nll + prior.log().numpy()) < 4 * error).all()


class Ladder(torch.nn.Module):
    """A prior that depends on earlier latent codes."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.expand = inner, inner.expand

    def forward(self, h, draw=False):
        found = self.inner(h, draw)
        return Latent(found.z, found.q, Normal(found.z.mean() * torch.ones_like(found.z), 1.0))


class Odd(Ladder):
    """Codes that are not what the posterior gives."""

    def forward(self, h, draw=False):
        found = self.inner(h, draw)
        return Latent(found.z, Normal(found.q.mean[:, :1], 1.0), found.p)


class Confined(Ladder):
    """Codes between 0 and 1, drawn in torch's own way."""

    def forward(self, h, draw=False):
        one = torch.ones_like(self.inner(h).z)
        q = Beta(2 * one, 3 * one)
        return Latent(q.rsample() if draw else q.mean, q, Uniform(0 * one, one))


def test_what_cannot_be_weighed_or_moved_is_refused():
    batch = samples().batch(torch.arange(2))
    for kind, needs in ((Ladder, "needs a posterior and a prior that do not depend on"),
                        (Odd, "needs a bottleneck whose posterior and prior can be sampled")):
        model = linear()
        model.bottleneck = kind(model.bottleneck)
        with pytest.raises(ValueError, match=needs):
            check(model, batch)
    model = linear()
    check_space(model, batch)
    model.bottleneck = Confined(model.bottleneck)
    check(model, batch)
    split = samples(5)
    found = weigh(model, split, every(split), 4)
    assert np.isfinite(found.nll).all()
    alone = weigh(model, split, torch.tensor([3]), 4)   # which has noise of its own here too
    assert alone.nll[0] == pytest.approx(found.nll[3], rel=1e-5)
    with pytest.raises(ValueError, match="annealed importance sampling needs unbounded codes"):
        check_space(model, batch)


SMALL = {"model": "vae(2)", "backbone": "mlp(widths=(8,))", "epochs": 1, "quiet": True}


def pictures(n: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 4, 4), np.uint8)


@pytest.mark.parametrize(("change", "said"), [
    ({}, "not a likelihood (the data is grey"),
    ({"binarise": "fixed"}, "-log p(x): * nats * (fixed binarisation, bernoulli)"),
    ({"binarise": "dynamic"}, "-log p(x): * (dynamic binarisation, sampled once per sample"),
    ({"binarise": "threshold"}, "-log p(x): * (binarised at 0.5, bernoulli)"),
    ({"likelihood": "normal(0.1)"}, "-log p(x): * (normal(0.1), a density)"),
])
def test_what_is_no_likelihood_is_not_called_one(change, said, tmp_path):
    """Pitfall 3: a cross-entropy of grey values is none; and each number says which data it is of.
    """
    from fnmatch import fnmatch
    model = train(pictures(), out=tmp_path / "run", **{**SMALL, **change})
    found = model.evaluate(nll=3)
    text = " ".join(found.lines)
    pattern = "*" + said.replace("[", "[[]") + "*"
    assert fnmatch(text, pattern), text
    assert ("grey" in text) == (found.bits is None)
    if change.get("likelihood"):
        assert "does not bound" in text
        assert found.bits == pytest.approx(found.nll / 16 / math.log(2) + math.log2(255))


def test_a_fair_coin_costs_a_bit_a_value(tmp_path):
    model = train(pictures() // 128, out=tmp_path / "run", **SMALL)
    for weight in model.model.parameters():
        weight.data.zero_()
    found = model.evaluate(nll=5, ais=3, chains=2)
    assert found.bits == pytest.approx(1, abs=1e-6)
    assert "(static binarisation, bernoulli)" in found.lines[0]
    assert found.nll == pytest.approx(16 * math.log(2), abs=1e-5) and found.error < 1e-5
    assert found.weighed.ess == pytest.approx(np.full(4, 5.0), rel=1e-4)


def test_the_mean_is_over_samples_and_its_error_is_theirs(tmp_path, monkeypatch):
    """Pitfalls 8 and 18: of 13 samples in groups of 5, each counts once, in the same noise at every
    call."""
    model = train(pictures(13) // 128, out=tmp_path / "run", val=0, test=0, **SMALL)
    monkeypatch.setitem(proposal.AT_ONCE, "cpu", 16 * 5 * 3)
    found, again = (model.evaluate(nll=3) for _ in range(2))
    assert len(found.weighed.nll) == 13 and found.split == "train"
    assert found.nll == pytest.approx(np.mean(found.weighed.nll))
    assert found.error == pytest.approx(np.std(found.weighed.nll, ddof=1) / math.sqrt(13))
    assert np.array_equal(found.weighed.nll, again.weighed.nll)


def test_a_model_that_is_told_the_class_says_so(tmp_path):
    x, y = pictures() // 128, np.arange(40) % 2
    model = train(x, y=y, condition="label", out=tmp_path / "run", **SMALL)
    found = model.evaluate(nll=3, ais=2, chains=2)
    assert "-log p(x|y)" in found.lines[0] and np.isfinite(found.nll)


def test_values_that_are_missing_do_not_count(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 4))
    x[::3, 1] = np.nan
    lines = [",".join("" if np.isnan(v) else f"{v:.6f}" for v in row) for row in x]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,c,d", *lines]))
    model = train(tmp_path / "rows.csv", out=tmp_path / "run", **SMALL, likelihood="normal")
    for weight in model.model.parameters():
        weight.data.zero_()                # of its prediction, and of the log of its spread
    found = model.evaluate(nll=2, split="test")
    split = model.source().splits["test"]
    exact = -np.nansum(norm.logpdf(split.x[split.index].numpy()), 1)
    assert "of the observed values" in found.lines[0]
    assert np.allclose(found.weighed.nll, exact, atol=1e-4)


def test_the_command_says_keeps_and_shows_it(hourglass, here):
    code, _, said = hourglass("train images.npy --model vae(2) --backbone mlp(widths=(8,)) "
                              "--binarise fixed --epochs 1 --no-report -o run")
    assert code == 0, said
    code, out, said = hourglass("evaluate run --nll 20 --ais 3 --chains 2 -o each.csv")
    assert code == 0, said
    assert "fixed binarisation" in out and "by annealing" in out and "total correlation" in out
    rows = list(csv.DictReader((here / "each.csv").open()))
    held = json.loads((here / "run" / "evaluation.json").read_text())["found"]
    (found,) = held.values()
    assert len(rows) == found["samples"] and found["codes"] == 20
    assert np.mean([float(row["nll"]) for row in rows]) == pytest.approx(found["nll"])
    code, *_ = hourglass("report run")
    page = (here / "run" / "report.html").read_text()
    assert code == 0 and "effective of " in page and "Likelihood of 4 test samples" in page
    hourglass("evaluate run --nll 5 --limit 2")
    both = json.loads((here / "run" / "evaluation.json").read_text())["found"]
    assert len(both) == 2
    from hourglass.inference.run_cache import kept_evaluations
    from hourglass.run.folder import open_run
    hourglass("train run --resume --epochs 2 --no-report")
    assert kept_evaluations(open_run("run")) == {}     # of other weights
    (here / "run" / "evaluation.json").write_text("{not json")
    assert kept_evaluations(open_run("run")) == {}


@pytest.mark.parametrize(("flags", "said"), [
    ("--split tset", "did you mean 'test'"), ("--nll 0", "nll"), ("--limit 0", "limit"),
    ("--seed -1", "seed"), ("-o each.json", ".csv"), ("--chains 0", "chains")])
def test_a_wrong_wish_is_refused_in_a_sentence(flags, said, hourglass, here):
    hourglass("train images.npy --model vae(2) --backbone mlp(widths=(8,)) --epochs 1 --no-report "
              "-o run")
    code, _, error = hourglass(f"evaluate run {flags}")
    assert code == 2 and said in error and "Traceback" not in error
    assert not (here / "run" / "evaluation.json").exists()


def test_a_plain_run_gives_its_errors_and_says_why_it_has_no_likelihood(hourglass, here):
    hourglass("train images.npy --model ae(2) --backbone mlp(widths=(8,)) --epochs 1 --no-report "
              "-o run")
    code, out, _ = hourglass("evaluate run")
    assert code == 0 and "\nmse 0." in out and "needs a bottleneck with a posterior" in out
    code, _, error = hourglass("evaluate run --ais 3")
    assert code == 2 and "needs a bottleneck with a posterior" in error


@pytest.mark.parametrize("wish", [{"nll": 0}, {"nll": 2.5}, {"nll": True}, {"limit": 0},
                                  {"ais": -1}, {"chains": 0}, {"seed": -1}])
def test_numbers_that_make_no_sense_are_refused(wish, tmp_path):
    model = SimpleNamespace(evaluate=Trained.evaluate)
    with pytest.raises(ValueError, match="must be a whole number"):
        model.evaluate(model, **wish)


@pytest.mark.parametrize("change", [{"model": "ae(2)"}, {"model": "vq_vae(8, 2)"},
                                    {"model": "mae(2, patch=2)"}])
def test_without_a_posterior_it_measures_the_reconstructions(change, tmp_path):
    model = train(pictures(), out=tmp_path / "run", holdout=0.25, **{**SMALL, **change})
    found = model.evaluate(split="holdout")
    held = model.source().splits["holdout"]
    x = held.batch(torch.arange(len(held))).x.permute(0, 2, 3, 1).numpy()
    again = model.reconstruct(x)
    assert found.split == "holdout" and found.samples == len(held) == 10
    assert found.metrics["mse"] == pytest.approx(np.square(again - x).mean(), rel=1e-4)
    assert {"mse", "mae", "nats", "psnr", "bce", "explained_variance"} <= set(found.metrics)
    assert "needs a bottleneck with a posterior" in found.lines[-1]
    assert any("mean squared error per value" in said for said in found.lines)
    found.write(tmp_path / "each.csv")
    assert len((tmp_path / "each.csv").read_text().splitlines()) == 11
    assert "reconstruction of 10 holdout samples" in (tmp_path / "run/evaluation.json").read_text()
    assert model.evaluate(split="holdout", limit=4).samples == 4
    with pytest.raises(ValueError, match="needs a bottleneck with a posterior"):
        model.evaluate(ais=3)
