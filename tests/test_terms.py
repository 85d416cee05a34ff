"""Terms of the loss against closed forms, and against independent implementations."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import norm
from torch.distributions import Normal

from hourglass.core import registry
from hourglass.core.contracts import Latent
from hourglass.core.ssim import SCALES, multi_scale
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.loss_step import Step
from hourglass.model.losses.kl_decomposition import decomposed, stratified
from hourglass.model.losses.prior_matching import along, squared_mmd
from hourglass.model.losses.smoothness import squared_jacobian
from hourglass.model.losses.total_correlation import covariance
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts
from hourglass.model.summary import summarise

IMAGES = (1, 16, 16)
OWN = ["l1", "l2", "sparsity", "jacobian(exact=True)", "gradient(exact=True)", "decoder_weights",
       "mmd", "sliced", "tc", "tc('mss', 50)", "mutual", "dimension_kl", "dip", "dip(2)", "msssim",
       "logcosh", "perceptual"]
OF_ONE = ["l1", "l2", "jacobian(exact=True)", "gradient(exact=True)", "msssim", "logcosh",
          "perceptual"]                       # of each sample, whatever the others are
OF_SHARES = ["sparsity", "decoder_weights", "dip", "dip(2)"]   # of a batch's means


def made(bottleneck="gaussian(3)", backbone="mlp(8)", likelihood="bernoulli", shape=IMAGES):
    return Autoencoder(Parts(backbone, bottleneck=bottleneck, likelihood=likelihood), shape)


def fitting(term):
    return made("plain(3, activation='sigmoid')" if term == "sparsity" else "gaussian(3)").eval()


def value(term, model, out):
    return registry.terms.make(term, model)(out, model)


def gaussians(n, covariance, spread, seed=0):
    """n posteriors whose means have that covariance, their variance spread^2, and a draw of each;
    the aggregate posterior's covariance is that of the means, plus spread^2."""
    torch.manual_seed(seed)
    root = torch.linalg.cholesky(torch.tensor(covariance))
    q = Normal(torch.randn(n, len(root)) @ root.T, spread, validate_args=False)
    return q.sample(), q, Normal(torch.zeros(n, len(root)), 1.0)


# what holds of every term

@pytest.mark.parametrize("term", OWN)
def test_the_order_of_a_batch_changes_no_term(term):
    model, x, order = fitting(term), torch.rand(12, *IMAGES), torch.randperm(12)
    z = torch.randn(12, 3)
    model.sample_prior = lambda n: torch.linspace(-1, 1, 3 * n).unflatten(0, (n, 3))
    torch.manual_seed(1)
    first = value(term, model, _with_codes(model(x), z, term))
    torch.manual_seed(1)
    second = value(term, model, _with_codes(model(x[order]), z[order], term))
    assert first.shape == second.shape == (12,)
    torch.testing.assert_close(first[order], second, rtol=1e-4, atol=1e-4)


def _with_codes(out, z, term):
    return out if term == "sparsity" else replace(out, latent=replace(out.latent, z=z))


@pytest.mark.parametrize("term", OF_ONE + OF_SHARES)
def test_repeating_a_batch_leaves_the_loss_as_it_was(term):
    """Pitfall 1: sums over dimensions, means over the batch, so the batch's size weighs nothing."""
    model, x = fitting(term), torch.rand(6, *IMAGES)
    alone = value(term, model, model(x)).mean()
    torch.testing.assert_close(value(term, model, model(x.repeat(5, 1, 1, 1))).mean(), alone)


@pytest.mark.parametrize("term", OF_ONE)
def test_a_sample_alone_has_the_term_it_has_among_others(term):
    """Pitfall 18: a mean of such terms is the same in batches of any size, the last one too."""
    model, x = fitting(term), torch.rand(5, *IMAGES)
    alone = [value(term, model, model(x[i:i + 1])) for i in range(5)]
    torch.testing.assert_close(value(term, model, model(x)), torch.cat(alone), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("term", OWN)
def test_a_batch_of_one_has_a_finite_term_and_gradient(term):
    model = fitting(term)
    out = model(torch.rand(1, *IMAGES), draw=True)
    loss = value(term, model, out)
    assert loss.shape == (1,) and loss.isfinite().all()
    loss.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("term", OWN)
def test_a_term_is_the_same_with_gradients_off(term):
    model, x = fitting(term).requires_grad_(True), torch.rand(6, *IMAGES)
    term, values = registry.terms.make(term, model), []
    for grads in (True, False):
        with torch.set_grad_enabled(grads):
            torch.manual_seed(3)
            values.append(term(model(x), model))
    assert not values[1].requires_grad
    torch.testing.assert_close(values[0].detach(), values[1])


@pytest.mark.parametrize("term", OWN)
def test_reduced_precision_changes_no_term_by_much(term):
    model = fitting(term)
    out = model(torch.rand(16, *IMAGES))
    values = []
    for reduced in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            values.append(value(term, model, out).mean())
    assert values[1].dtype == torch.float32
    called_again = term.startswith(("jacobian", "gradient", "perceptual"))
    torch.testing.assert_close(*values, rtol=0.05 if called_again else 1e-5, atol=1e-4)


@pytest.mark.parametrize("term", ["msssim", "logcosh", "perceptual"])
def test_what_is_not_known_is_not_lost(term):
    model, x = made(), torch.rand(4, *IMAGES)
    known = (torch.rand_like(x) < 0.7).float()
    out = model(x * known, known=known)
    other = replace(out, px=torch.distributions.Bernoulli(
        torch.where(known > 0, out.px.mean, 0.3), validate_args=False))
    torch.testing.assert_close(value(term, model, out), value(term, model, other))
    assert (value(term, model, out) < value(term, model, replace(out, known=None))).all()


# codes

def test_sparsity_is_the_divergence_of_two_coins():
    model = made("plain(5, activation='sigmoid')")
    z = torch.rand(40, 5)
    rate, target = z.mean(0).double().numpy(), 0.1
    truth = (target * np.log(target / rate)
             + (1 - target) * np.log((1 - target) / (1 - rate))).sum()
    found = value("sparsity(0.1)", model, replace(model(torch.rand(40, *IMAGES)), latent=Latent(z)))
    np.testing.assert_allclose(found, truth, rtol=1e-5)
    for share in (0.0, 1.0):   # units that are never on, or always
        out = replace(model(torch.rand(2, *IMAGES)), latent=Latent(torch.full((2, 5), share)))
        assert value("sparsity", model, out).isfinite().all()


@pytest.mark.parametrize("term, bottleneck, shape, word", [
    ("sparsity", "plain(3)", IMAGES, "sigmoid"), ("tc", "plain(3)", IMAGES, "gaussian"),
    ("dip", "plain(3)", IMAGES, "gaussian"), ("msssim", "plain(3)", (7,), "images"),
    ("perceptual", "plain(3)", (7,), "images"), ("mmd(scales=())", "plain(3)", IMAGES, "scale"),
    ("perceptual(())", "plain(3)", IMAGES, "channels")])
def test_what_a_term_cannot_do_without_is_said(term, bottleneck, shape, word):
    model = made(bottleneck, likelihood="normal", shape=shape)
    with pytest.raises(ValueError, match=" needs ") as error:
        value(term, model, model(torch.rand(2, *shape)))
    assert word in str(error.value)


# smoothness

@pytest.mark.parametrize("backbone", ["mlp(8)", "conv((4, 6))", "unet((4, 6))", "spectral"])
def test_jacobian_and_gradient_are_those_of_autograd(backbone):
    """Fault 10: the gradient of RAE-GP is the reconstruction's by the code, not by x."""
    model = made("plain(3)", backbone).eval()
    out = model(torch.rand(2, *IMAGES))
    for i in range(2):
        x, z = out.x[i], out.latent.z[i]
        skips = tuple(skip[i:i + 1] for skip in out.skips)
        forth = torch.autograd.functional.jacobian(lambda x: model.encode(x[None])[0].z, x)
        back = torch.autograd.functional.jacobian(
            lambda z, skips=skips: model.decode(z[None], None, skips).mean, z)
        for term, truth in (("jacobian", forth), ("gradient", back)):
            found = value(f"{term}(exact=True)", model, out)[i]
            torch.testing.assert_close(found, truth.square().sum(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("term", ["jacobian", "gradient"])
def test_random_directions_estimate_the_norm_without_bias(term):
    model = made("plain(3)").eval()
    out = model(torch.rand(1, *IMAGES))
    out = replace(out, x=out.x.expand(2000, *IMAGES), latent=Latent(out.latent.z.expand(2000, 3)))
    one = replace(out, x=out.x[:1], latent=Latent(out.latent.z[:1]))
    found = value(term, model, out).detach()
    truth = value(f"{term}(exact=True)", model, one).detach()
    assert abs(found.mean() - truth) < 4 * found.std() / math.sqrt(2000)
    fewer = float(value(f"{term}(draws=16)", model, out).detach().std())
    assert fewer == pytest.approx(float(found.std()) / 4, rel=0.15)


@pytest.mark.parametrize("corruption", ["none", "noise(0.3)", "mask(0.5, 4)"])
def test_jacobian_is_taken_at_what_the_encoder_saw(corruption):
    model = Autoencoder(Parts("mlp(8)", bottleneck="plain(3)", likelihood="normal",
                              corruption=corruption), IMAGES)
    x = torch.rand(3, *IMAGES)
    out = model(x, draw=True)
    seen = x if out.seen is None else out.seen
    assert torch.equal(seen, x) == (corruption == "none")
    torch.testing.assert_close(model.encode(seen)[0].z, out.latent.z)
    torch.testing.assert_close(value("jacobian(exact=True)", model, out), value(
        "jacobian(exact=True)", model, model(seen, draw=False)))


def test_hidden_values_alone_count_where_the_corruption_hid_them():
    model = Autoencoder(Parts("mlp(8)", bottleneck="plain(3)", likelihood="normal",
                              corruption="mask(0.5, 8)"), IMAGES)
    x = 0.1 + torch.rand(3, *IMAGES)
    out = model(x, draw=True)
    truth = (-out.px.log_prob(x) * (out.seen == 0)).flatten(1).sum(1)
    found = value("recon(hidden=True)", model, out)
    torch.testing.assert_close(found, truth)
    assert (found > 0).all()


def test_the_norm_of_a_linear_map_is_its_weights():
    weight = torch.randn(3, 7)
    found = squared_jacobian(lambda x: x @ weight.T, torch.randn(5, 7), 1, True)
    torch.testing.assert_close(found, weight.square().sum().expand(5))


def test_gradient_reaches_the_decoder_and_jacobian_only_the_encoder():
    for term, silent in (("jacobian", "decoder"), ("gradient", "no such")):
        model = made("plain(3)")
        value(term, model, model(torch.rand(4, *IMAGES))).sum().backward()
        moved = {name.partition(".")[0] for name, p in model.named_parameters()
                 if p.grad is not None and p.grad.abs().sum() > 0}
        assert silent not in moved and ("decoder" if term == "gradient" else "encoder") in moved


@pytest.mark.parametrize("condition, back", [("label", "condition.back."),
                                             ("inferred", "condition.label.back.")])
def test_decoder_weights_are_all_that_lies_behind_the_code(condition, back):
    model = Autoencoder(Parts("mlp(8)", bottleneck="plain(3)", likelihood="normal",
                              condition=condition), (5,), 2)
    out = model(torch.rand(4, 5), torch.tensor([0, 1, 0, 1]))
    held = ("decoder.", "bottleneck.expand.", back)
    truth = sum(p.square().sum() for n, p in model.named_parameters() if n.startswith(held)) / 2
    torch.testing.assert_close(value("decoder_weights", model, out), truth.expand(4))


# the batch against the prior

def rbf_mmd(mean, spread, dim, width):
    """Squared MMD of N(mean, spread^2) from N(0, 1), both in `dim` dimensions with a mean `mean` in
    each, for the kernel exp(-d^2 / width): expectations of Gaussians of Gaussian differences."""
    def expected(variance, shift):
        return ((1 + 2 * variance / width) ** (-dim / 2)
                * math.exp(-dim * shift**2 / (width + 2 * variance)))
    return (expected(2 * spread**2, 0) + expected(2, 0) - 2 * expected(1 + spread**2, mean))


@pytest.mark.parametrize("mean, spread, dim", [(0.0, 0.5, 2), (0.7, 1.0, 3), (1.0, 1.5, 8)])
def test_mmd_of_gaussians_is_the_closed_form(mean, spread, dim):
    """Pitfall 14: no sample is held against itself, and the bandwidth grows with the dimensions."""
    torch.manual_seed(0)
    scales = (0.5, 2.0)
    truth = np.mean([rbf_mmd(mean, spread, dim, 2 * dim * s) for s in scales])
    found = torch.stack([squared_mmd(mean + spread * torch.randn(40, dim), torch.randn(40, dim),
                                     "rbf", scales) for _ in range(400)])
    assert abs(found.mean() - truth) < 4 * found.std() / math.sqrt(400)


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
@pytest.mark.parametrize("n", [2, 5, 40])
def test_mmd_of_equal_distributions_is_nothing_on_average_at_any_batch_size(kernel, n):
    """Pitfall 14: an estimate without bias is negative about as often as not."""
    torch.manual_seed(0)
    found = torch.stack([squared_mmd(torch.randn(n, 4), torch.randn(n, 4), kernel, (0.2, 1.0))
                         for _ in range(500)])
    assert abs(found.mean()) < 4 * found.std() / math.sqrt(500)
    assert 0.2 < (found < 0).float().mean() < 0.9


@given(st.sampled_from(["imq", "rbf"]), st.integers(2, 9), st.integers(1, 5),
       st.lists(st.floats(0.05, 20), min_size=1, max_size=3))
def test_mmd_is_the_sum_over_pairs(kernel, n, dim, scales):
    a, b = np.random.default_rng(0).normal(size=(2, n, dim))

    def like(u, v):
        widths, square = [2 * dim * s for s in scales], ((u - v) ** 2).sum()
        each = [w / (w + square) if kernel == "imq" else math.exp(-square / w) for w in widths]
        return np.mean(each)
    truth = sum(like(t[i], t[j]) for t in (a, b) for i in range(n) for j in range(n) if i != j)
    truth /= n * (n - 1)
    truth -= 2 * np.mean([like(u, v) for u in a for v in b])
    found = squared_mmd(torch.tensor(a), torch.tensor(b), kernel, scales)
    assert float(found) == pytest.approx(truth, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("mean, spread", [(0.0, 0.5), (1.0, 1.0), (-0.5, 2.0)])
def test_the_sliced_distance_of_gaussians_is_the_closed_form_in_every_direction(mean, spread):
    n = 4000
    grid = torch.tensor(norm.ppf((np.arange(n) + 0.5) / n))[:, None]   # quantiles, without noise
    found = along(mean + spread * grid.flip(0), grid, torch.ones(1, 1, dtype=torch.float64))
    assert float(found) == pytest.approx(mean**2 + (spread - 1) ** 2, rel=0.01, abs=1e-3)
    torch.manual_seed(0)
    axes = torch.nn.functional.normalize(torch.randn(3, 6), dim=0)
    a, b = mean + spread * torch.randn(20000, 3), torch.randn(20000, 3)
    truth = (mean * axes.sum(0)) ** 2 + (spread - 1) ** 2
    torch.testing.assert_close(along(a, b, axes), truth, rtol=0.1, atol=0.01)


def test_codes_are_held_against_the_bottlenecks_own_prior():
    model = made("gaussian(3)")
    out = model(torch.rand(300, *IMAGES))
    model.sample_prior = lambda n: 3 + torch.randn(n, 3)   # as that of another bottleneck would be
    out = replace(out, latent=replace(out.latent, z=3 + torch.randn(300, 3)))
    for term, far in (("mmd", 0.5), ("sliced", 5)):
        near = value(term, model, out)[0]
        away = value(term, model, replace(out, latent=replace(out.latent, z=out.latent.z - 3)))[0]
        assert abs(near) < 0.1 and away > far


# correlations

CORRELATED = [[1.0, 0.6, 0.0], [0.6, 1.5, 0.3], [0.0, 0.3, 0.8]]


def of_gaussian(covariance):
    return (np.log(np.diagonal(covariance)).sum() - np.linalg.slogdet(covariance)[1]) / 2


@pytest.mark.parametrize("samples", [None, 1500])
@pytest.mark.parametrize("covariance", [np.eye(3).tolist(), CORRELATED], ids=["apart", "together"])
def test_the_total_correlation_of_gaussian_codes_is_the_closed_form(covariance, samples):
    """Pitfall 5: without the estimator's constant, factors that are independent have none."""
    found = decomposed(*gaussians(1500, covariance, 0.5), samples).correlation.mean()
    truth = of_gaussian(np.array(covariance) + 0.25 * np.eye(3))
    assert float(found) == pytest.approx(truth, abs=0.06)


def test_the_parts_of_the_divergence_are_the_closed_forms_of_gaussians():
    found = decomposed(*gaussians(1500, CORRELATED, 0.5))
    total = np.array(CORRELATED) + 0.25 * np.eye(3)
    mutual = (np.linalg.slogdet(total)[1] - 3 * math.log(0.25)) / 2
    factors = sum((v - 1 - math.log(v)) / 2 for v in np.diagonal(total))
    assert float(found.mutual.mean()) == pytest.approx(mutual, abs=0.1)
    assert float(found.factors.mean()) == pytest.approx(factors, abs=0.1)


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.floats(0.01, 3),
       st.none() | st.integers(1, 10**6))
def test_the_three_parts_sum_to_the_divergence_of_the_sample(shape, spread, samples):
    torch.manual_seed(0)
    q = Normal(torch.randn(shape), spread)   # vectors, and maps
    z, p = q.sample(), Normal(torch.zeros(shape), 1.0)
    whole = (q.log_prob(z) - p.log_prob(z)).flatten(1).sum(1)
    torch.testing.assert_close(sum(decomposed(z, q, p, samples)), whole, rtol=1e-4, atol=1e-4)


@given(st.integers(1, 40), st.integers(1, 10**7))
def test_a_batchs_stratified_weights_sum_to_one_in_every_row(batch, samples):
    """Fault 9: a sample counts once in the whole set, whichever place in the batch it has."""
    weights = stratified(batch, samples)
    torch.testing.assert_close(weights.sum(1), torch.ones(batch, dtype=torch.float64))
    own = 1 / max(batch, samples) if batch > 1 else 1.0
    torch.testing.assert_close(weights.diagonal(), torch.full((batch,), own, dtype=torch.float64))


def test_stratified_weights_are_the_papers_on_average_over_orders():
    """Fault 9: of the others, one counts (N - M) / (N M), the rest 1 / M, with M others."""
    batch, samples = 5, 40
    m = batch - 1
    for_others = [(samples - m) / (samples * m), *[1 / m] * (m - 1)]
    assert 1 / samples + sum(for_others) == pytest.approx(1)
    assert float(stratified(batch, samples)[0, 1]) == pytest.approx(np.mean(for_others))


def test_stratified_sampling_has_no_bias_in_the_aggregate_density():
    z, q, _ = gaussians(30, CORRELATED, 0.8)
    density = q.log_prob(z[:, None]).sum(2).exp()   # (i, j): of z_i, given x_j
    torch.manual_seed(1)
    found = torch.zeros(30)
    for _ in range(4000):
        rows = torch.randperm(30)[:6]
        found[rows] += (stratified(6, 30).float() * density[rows][:, rows]).sum(1) * 30 / 6 / 4000
    torch.testing.assert_close(found, density.mean(1), rtol=0.1, atol=1e-4)


def test_the_estimates_are_those_of_a_plain_loop():
    z, q, p = gaussians(6, CORRELATED, 0.4)
    z, mean = z.double().numpy(), q.mean.double().numpy()
    for samples in (None, 50):
        found = decomposed(torch.tensor(z), Normal(torch.tensor(mean), 0.4), p, samples)
        for i in range(6):
            w = [1 / 6 if samples is None else 1 / 50 if i == j else 49 / 50 / 5 for j in range(6)]
            each = norm(mean, 0.4).pdf(z[i])                       # (6, D)
            joint = math.log(sum(w[j] * each[j].prod() for j in range(6)))
            alone = sum(math.log(sum(w[j] * each[j, d] for j in range(6))) for d in range(3))
            assert float(found.correlation[i]) == pytest.approx(joint - alone, rel=1e-6)
            assert float(found.mutual[i]) == pytest.approx(
                math.log(each[i].prod()) - joint, rel=1e-6)


def test_beta_tcvae_needs_no_number_of_samples_for_its_gradient():
    """Pitfall 5: the constant of minibatch weighted sampling shifts the value alone."""
    model = made("gaussian(3)")
    out = model(torch.rand(10, *IMAGES), draw=True)
    found = torch.autograd.grad(value("tc", model, out).mean(), out.latent.z, retain_graph=True)
    q = out.latent.q
    each = q.log_prob(out.latent.z[:, None])
    constant = math.log(10 * 60000)   # a batch of ten from 60,000 training samples
    published = (each.sum(2).logsumexp(1) - constant) - (each.logsumexp(1) - constant).sum(1)
    torch.testing.assert_close(found, torch.autograd.grad(published.mean(), out.latent.z))


@pytest.mark.parametrize("kind, diagonal, on", [(1, None, 100), (2, None, 10), (1, 3.0, 3)])
def test_dip_is_that_of_numpys_covariance(kind, diagonal, on):
    model = made("gaussian(4)")
    out = model(torch.rand(50, *IMAGES))
    q = out.latent.q
    cov = np.cov(q.mean.detach().double().numpy().T, bias=True)
    if kind == 2:
        cov += np.diag(q.variance.detach().double().numpy().mean(0))
    apart = 10 * (cov[~np.eye(4, dtype=bool)] ** 2).sum()
    truth = apart + on * ((np.diagonal(cov) - 1) ** 2).sum()
    found = value(f"dip({kind}, diagonal={diagonal})", model, out)
    np.testing.assert_allclose(found.detach(), truth, rtol=1e-4)
    np.testing.assert_allclose(covariance(q.mean).detach(), np.cov(
        q.mean.detach().numpy().T, bias=True), atol=1e-6)


# likeness

@pytest.mark.parametrize("size, scales", [((28, 28), 3), ((16, 19), 3), ((64, 48), 4), ((5, 7), 1),
                                          ((200, 180), 5)])
def test_multi_scale_similarity_is_that_of_a_plain_implementation(size, scales):
    random = np.random.default_rng(0)
    x = gaussian_filter(random.random((2, 3, *size)), (0, 0, 1, 1))
    y = np.clip(x + 0.1 * random.standard_normal(x.shape), 0, 1)
    found = multi_scale(torch.tensor(x), torch.tensor(y))
    weights = np.array(SCALES[:scales]) / sum(SCALES[:scales])
    truth = np.ones((2, 3))
    a, b = x, y
    for i, weight in enumerate(weights):
        whole, structure = plain_similarity(a, b)
        truth *= (whole if i == scales - 1 else structure).mean((2, 3)) ** weight
        h, w = (n // 2 * 2 for n in a.shape[2:])
        a, b = (v[:, :, :h, :w].reshape(2, 3, h // 2, 2, w // 2, 2).mean((3, 5)) for v in (a, b))
    np.testing.assert_allclose(found, truth.mean(1), rtol=1e-6)


def plain_similarity(a, b):
    side = min(a.shape[2:])
    reach = min(11, side if side % 2 else side - 1) // 2

    def blurred(v):
        found = gaussian_filter(v, (0, 0, 1.5, 1.5), radius=(0, 0, reach, reach))
        return found[:, :, reach:v.shape[2] - reach, reach:v.shape[3] - reach]
    ma, mb = blurred(a), blurred(b)
    va, vb, cov = (blurred(u * v) - s * t
                   for u, v, s, t in ((a, a, ma, ma), (b, b, mb, mb), (a, b, ma, mb)))
    structure = (2 * cov + 0.0009) / (va + vb + 0.0009)
    return structure * (2 * ma * mb + 0.0001) / (ma**2 + mb**2 + 0.0001), structure


def test_similarity_is_one_of_the_same_images_alone_and_has_a_gradient_for_opposites():
    x = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(multi_scale(x, x), torch.ones(3))
    y = (1 - x).requires_grad_()
    found = multi_scale(x, y)
    found.sum().backward()
    assert (found < 0.1).all() and y.grad.isfinite().all() and y.grad.abs().sum() > 0


@given(st.floats(0.01, 1e4))
def test_logcosh_is_the_formula_where_that_does_not_overflow(a):
    model = made(likelihood="normal")
    out = model(torch.rand(4, *IMAGES))
    error = (out.px.mean - out.x).detach().double().numpy()
    far = np.abs(a * error) > 300
    truth = np.where(far, np.abs(error) - math.log(2) / a, np.log(np.cosh(np.where(
        far, 0, a * error))) / a).sum((1, 2, 3))
    np.testing.assert_allclose(value(f"logcosh({a})", model, out).detach(), truth, rtol=1e-4)


def test_logcosh_of_huge_errors_is_their_size():
    model = made(likelihood="normal")
    out = model(torch.zeros(2, *IMAGES))
    far = replace(out, px=Normal(torch.full((2, *IMAGES), 1e6), 1.0))
    torch.testing.assert_close(value("logcosh", model, far), torch.full((2,), 256e6))


def test_perceptual_features_are_the_seeds_and_are_not_trained():
    model = made()
    step = Step(model, Objective("perceptual + kl", model))
    first, again, other = (registry.terms.make(text, model) for text in (
        "perceptual", "perceptual", "perceptual(seed=1)"))
    x = torch.rand(2, *IMAGES)
    for a, b, c in zip(*(term.features(x) for term in (first, again, other)), strict=True):
        assert torch.equal(a, b) and not torch.equal(a, c)
    assert not list(first.parameters())
    assert not any("kernel" in name for name in step.state_dict())
    assert step.double().objective.learned[0].kernel0.dtype == torch.float64, "it moves along"
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    registry.terms.make("perceptual", model)
    assert torch.equal(torch.rand(3), expected), "making it takes none of the run's noise"


def test_the_perceptual_loss_weighs_about_as_a_squared_error_does():
    model = made(shape=(3, 32, 32))
    out = model(torch.rand(8, 3, 32, 32))
    squared = (out.px.mean - out.x).square().flatten(1).sum(1).mean() / 2
    found = value("perceptual", model, out).mean()
    assert 0.2 < float((found / squared).detach()) < 5


# spectral norm

@pytest.mark.parametrize("of", ["conv((4, 6))", "conv((4, 6), norm='batch')", "mlp((8, 4))",
                                "unet((4, 6))"])
def test_every_layer_of_a_spectral_decoder_has_norm_one(of):
    model = Autoencoder(Parts(of, decoder=f'spectral("{of}")', bottleneck="plain(3)",
                              likelihood="normal"), IMAGES)
    for _ in range(50):   # each a step of the power iteration
        model(torch.rand(4, *IMAGES))
    layers = {name: m for name, m in model.decoder.named_modules()
              if hasattr(m, "parametrizations")}
    assert len(layers) >= 2
    for layer in layers.values():
        w = layer.weight.detach()
        rows = w.flatten()[None] if getattr(layer, "groups", 1) > 1 else (
            w.transpose(0, 1) if isinstance(layer, torch.nn.ConvTranspose2d) else w).flatten(1)
        assert float(torch.linalg.matrix_norm(rows, 2)) == pytest.approx(1, rel=0.02)
    assert not any("parametrizations" in name for name, _ in model.encoder.named_parameters())


def test_a_spectral_decoder_is_around_the_models_own_backbone():
    parts = Parts(decoder="spectral").fitted(IMAGES, 0, 1)
    assert parts.decoder == "spectral(of='conv')"
    parts = Parts("conv((4, 6))", decoder="spectral()").fitted(IMAGES, 0, 1)
    assert parts.decoder == "spectral(of='conv((4, 6))')" and parts.fitted(IMAGES, 0, 1) == parts
    assert Parts("mlp(9)", decoder="conv").fitted(IMAGES, 0, 1).decoder == "conv"
    assert Parts(decoder="spectral('mlp')").fitted(IMAGES, 0, 1).decoder == "spectral('mlp')"
    with pytest.raises(ValueError, match="wraps another"):
        registry.backbones.make("spectral('spectral')", IMAGES, IMAGES)
    with pytest.raises(ValueError, match="no backbone is named"):
        Parts(decoder="spectrum").fitted(IMAGES, 0, 1)


def test_a_spectral_decoder_is_measured_kept_and_is_the_same_again():
    net = "conv((4, 6), norm='batch')"
    parts = Parts(net, decoder=f'spectral("{net}")', bottleneck="plain(3)", likelihood="normal")
    plain = replace(parts, decoder="")
    for costs in (lambda s: s.parameters, lambda s: s.multiply_adds):
        assert costs(summarise(parts, IMAGES)) == costs(summarise(plain, IMAGES))
    model, other = (Autoencoder(parts, IMAGES) for _ in range(2))
    model(torch.rand(4, *IMAGES))
    other.load_state_dict(model.state_dict())
    z = torch.randn(4, 3)
    first = model.eval().decode(z).mean
    assert torch.equal(first, model.decode(z).mean)
    assert torch.equal(first, other.eval().decode(z).mean)


@pytest.mark.parametrize("term", OWN)
def test_a_term_is_measured_without_weights(term):
    bottleneck = "plain(3, activation='sigmoid')" if term == "sparsity" else "gaussian(3)"
    assert summarise(Parts("conv((4, 6))", bottleneck=bottleneck, likelihood="bernoulli",
                           loss=f"recon + 0.1 * {term}"), IMAGES).activations > 0


def test_hidden_pixels_count_however_dark_they_are():
    """Under unit variance, -log p of a pixel is half its squared error and log sqrt(2 pi)."""
    parts = Parts("mlp(8)", bottleneck="plain(3)", likelihood="normal", corruption="mask(0.5, 4)")
    model = Autoencoder(parts, IMAGES).train()
    x = (torch.rand(6, *IMAGES) > 0.8).float()   # most are black
    out = model(x)
    each = (out.px.mean - x).square() / 2 + math.log(2 * math.pi) / 2
    own = (each * out.hidden).flatten(1).sum(1)
    assert out.hidden.float().mean() == 0.5
    torch.testing.assert_close(value("recon(hidden=True)", model, out), own)
    known = (torch.rand_like(x) > 0.5).float()
    torch.testing.assert_close(
        value("recon(hidden=True)", model, replace(out, known=known)),
        (each * out.hidden * known).flatten(1).sum(1))


def test_all_pixels_count_where_a_corruption_hides_none():
    parts = Parts("mlp(8)", bottleneck="plain(3)", likelihood="normal", corruption="noise")
    model = Autoencoder(parts, IMAGES).train()
    out = model(torch.rand(6, *IMAGES))
    torch.testing.assert_close(value("recon(hidden=True)", model, out),
                               value("recon", model, out))
