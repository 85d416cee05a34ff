"""Priors fitted to codes: each samples the fitted distribution, by class, and has its density."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from conftest import train

from hourglass.core.contracts import CodeSpace
from hourglass.core.covariance import root_of_covariance
from hourglass.core.registry import priors
from hourglass.core.tensor_files import load_tensors, save_tensors
from hourglass.inference.fit_prior import (
    fit_prior,
    knows_no_classes,
    pack_prior,
    unpack_prior,
)
from hourglass.inference.latents import TrainingCodes
from hourglass.inference.priors import gradient_training
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.parts import Parts

OF_NUMBERS = sorted(set(priors.parts) - {"pixelcnn"})   # which is for words: see test_discrete
TEXTS = {name: name for name in OF_NUMBERS} | {
    "diffusion": "diffusion(hidden=64, steps=12)", "two_stage": "two_stage(hidden=64)",
    "maf": "maf(3, 32)", "iaf": "iaf(2, 32)"}
CENTRES = torch.tensor([[-4.0, 0.0], [3.0, 2.0], [0.0, -3.0]])
LEARNT = {   # those that know classes
    "per_class", "kde", "mixture", "flow", "diffusion", "maf", "iaf", "two_stage"}
DENSE = sorted(set(OF_NUMBERS) - {"own"})


STEPS = 200


MODEL = Autoencoder(Parts("mlp(4)", bottleneck="gaussian(2)", likelihood="normal"), (3,))


def clusters(n: int = 1500) -> TrainingCodes:
    """Three classes, half of all, a quarter and a quarter, each a round cloud of width 0.5 around
    its centre."""
    y = (torch.arange(n) % 4 - 1).clamp(min=0)
    return TrainingCodes(CENTRES[y] + 0.5 * torch.randn(n, 2), y, torch.arange(n))


@pytest.fixture(scope="module")
def fitted():
    """Every prior, fitted once, in as few steps as these clusters need."""
    torch.manual_seed(0)
    codes = clusters()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradient_training, "LEAST", STEPS)
        return {name: fit_prior(text, codes, 3, MODEL) for name, text in TEXTS.items()}


@pytest.mark.parametrize("name", sorted(LEARNT))
def test_draws_of_a_class_are_where_its_codes_are(fitted, name):
    for kind, centre in enumerate(CENTRES.numpy()):
        z, y = fitted[name].sample(400, np.full(400, kind), seed=1)
        assert (y == kind).all()
        assert np.abs(z.mean(0) - centre).max() < 0.2
        assert z.std(0).min() > 0.3 and z.std(0).max() < 0.75


def test_priors_that_know_no_classes_are_known_before_they_are_fitted(fitted):
    for name in OF_NUMBERS:
        assert knows_no_classes(TEXTS[name]) == (fitted[name].groups == 1) == (name not in LEARNT)


@pytest.mark.parametrize("model, usual, of_a_class", [
    ("vq_vae(8, 4)", "pixelcnn", "pixelcnn"), ("two_stage_vae(2)", "two_stage", "two_stage"),
    ("vae(2)", "own", "mixture"), ("ae(2)", "mixture", "mixture"), ("cvae(2)", "own", "own"),
    ("wae_gan(2)", "own", "mixture")])
def test_a_class_is_drawn_from_the_models_usual_prior_if_that_knows_classes(
        model, usual, of_a_class, tmp_path):
    x, y = np.random.default_rng(0).random((40, 8, 8)), np.arange(40) % 2
    trained = train(x, y=y, model=model, epochs=1, quiet=True, out=tmp_path / "run")
    assert (trained.usual_prior(), trained.usual_prior(True)) == (usual, of_a_class)


@pytest.mark.parametrize("name", sorted(LEARNT))
def test_classes_not_asked_for_occur_as_often_as_in_training(fitted, name):
    z, drawn = fitted[name].sample(900)
    assert abs((drawn == 0).mean() - 1 / 2) < 0.06
    assert abs((drawn == 1).mean() - 1 / 4) < 0.06
    near = np.linalg.norm(z[:, None] - CENTRES[None].numpy(), axis=2).argmin(1)
    assert (near == drawn).mean() > 0.97


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_seed_fixes_the_draws_and_leaves_the_other_randomness_alone(fitted, name):
    state = torch.get_rng_state()
    first, second = (fitted[name].sample(5, seed=3)[0] for _ in range(2))
    assert np.array_equal(first, second) and torch.equal(state, torch.get_rng_state())
    assert not np.array_equal(first, fitted[name].sample(5, seed=4)[0])


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_prior_comes_back_from_its_file(fitted, name, tmp_path):
    save_tensors(tmp_path / "p.safetensors", *pack_prior(fitted[name], 1500))
    again = unpack_prior(*load_tensors(tmp_path / "p.safetensors"), MODEL)
    assert again.text == fitted[name].text
    np.testing.assert_array_equal(again.sample(9, seed=1)[0], fitted[name].sample(9, seed=1)[0])


@pytest.mark.parametrize("name", DENSE)
def test_a_density_integrates_to_one(fitted, name):
    steps = np.linspace(-9, 9, 61)
    grid = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    mass = np.exp(fitted[name].log_prob(grid)).sum() * 0.3**2
    assert abs(mass - 1) < 0.03


@pytest.mark.parametrize("name", sorted(LEARNT & set(DENSE)))
def test_the_density_by_class_is_near_the_truth(fitted, name):
    z = CENTRES[torch.zeros(400).long()] + 0.5 * torch.randn(400, 2)
    truth = -(z - CENTRES[0]).square().sum(1) / (2 * 0.25) - math.log(2 * math.pi * 0.25)
    found = fitted[name].log_prob(z.numpy(), np.zeros(400))
    assert abs(found.mean() - float(truth.mean())) < 0.15
    whole = fitted[name].log_prob(z.numpy())        # the class is half of all, the others far away
    assert abs(whole.mean() - (found.mean() - math.log(2))) < 0.05


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_low_temperature_keeps_to_the_middle(fitted, name):
    wide, narrow = (fitted[name].sample(300, np.zeros(300), t, seed=1)[0] for t in (1.0, 0.2))
    assert narrow.std(0).sum() < wide.std(0).sum()


def test_kernel_density_agrees_with_scipy():
    z = clusters(300).z
    codes = TrainingCodes(z, None, torch.arange(300))
    prior = fit_prior("kde(bandwidth=0.3)", codes, 0, MODEL)
    root = root_of_covariance(z).double().numpy()
    other = scipy.stats.gaussian_kde(z.T.double().numpy(), bw_method=0.3)
    # scipy takes the plain covariance; give it ours, so that kernels are the same
    other._data_covariance = root @ root.T
    other._data_cho_cov = root
    other.covariance, other.cho_cov = root @ root.T * 0.09, root * 0.3
    other.log_det = 2 * np.log(np.diag(other.cho_cov * np.sqrt(2 * np.pi))).sum()
    np.testing.assert_allclose(prior.log_prob(z[:50].numpy()),
                               other.logpdf(z[:50].T.double().numpy()), atol=1e-3)


def test_a_mixture_is_that_of_scikit_learn():
    from sklearn.mixture import GaussianMixture
    codes = clusters(900)
    prior = fit_prior("mixture(3)", TrainingCodes(codes.z, None, codes.rows), 0, MODEL)
    least = 1e-3 * float(codes.z.var(0, correction=0).mean())
    theirs = GaussianMixture(3, reg_covar=least, random_state=1).fit(codes.z.double().numpy())
    assert abs(prior.log_prob(codes.z.numpy()).mean() - theirs.score(codes.z.numpy())) < 0.01


def test_per_class_is_the_median_and_the_spread_of_the_class():
    codes = clusters(600)
    own_z = codes.z[codes.y == 1]
    prior = fit_prior("per_class(scale=0.5)", codes, 3, MODEL)
    truth = scipy.stats.norm(own_z.median(0).values, 0.5 * own_z.std(0, correction=0))
    np.testing.assert_allclose(prior.log_prob(own_z[:20].numpy(), np.ones(20)),
                               truth.logpdf(own_z[:20]).sum(1), atol=1e-3)


def test_few_codes_of_many_factors_still_have_a_covariance():
    z = torch.randn(5, 40)
    root = root_of_covariance(z)
    assert torch.isfinite(root).all() and (root.diagonal() > 0).all()
    for name in ("kde", "mixture", "per_class"):
        found = fit_prior(name, TrainingCodes(z, None, torch.arange(5)), 0, MODEL)
        assert np.isfinite(found.log_prob(z.numpy())).all()


@pytest.mark.parametrize("name", ["uniform", "per_class", "kde", "mixture", "hypersphere"])
@pytest.mark.parametrize("z", [torch.zeros(20, 3), torch.ones(2, 3), torch.randn(1, 3)], ids=len)
@pytest.mark.parametrize("labelled", [False, True])
def test_odd_codes_still_make_a_prior(name, z, labelled):
    y = torch.arange(len(z)) % 2 if labelled else None   # a class may have one sample, or none
    prior = fit_prior(name, TrainingCodes(z, y, torch.arange(len(z))), 2 * labelled, MODEL)
    assert np.isfinite(prior.sample(30)[0]).all()


def test_guidance_moves_draws_away_from_the_other_classes():
    torch.manual_seed(0)
    y = torch.arange(1200) % 2
    centres = torch.tensor([[-0.7, 0.0], [0.7, 0.0]])
    codes = TrainingCodes(centres[y] + torch.randn(1200, 2), y, torch.arange(1200))
    plain = fit_prior("diffusion(hidden=64, guidance=1.0)", codes, 2, MODEL)
    guided = unpack_prior(*pack_prior(plain, 1200), MODEL, "diffusion(hidden=64, guidance=3.0)")
    ones = np.ones(500)
    assert guided.sample(500, ones)[0][:, 0].mean() > plain.sample(500, ones)[0][:, 0].mean() + 0.3


def test_a_flow_of_one_factor_and_one_class_fits(monkeypatch):
    monkeypatch.setattr(gradient_training, "LEAST", STEPS)
    z = torch.randn(800, 1) * 2 + 1
    prior = fit_prior("flow", TrainingCodes(z, None, torch.arange(800)), 0, MODEL)
    truth = scipy.stats.norm(1, 2).logpdf(z.numpy()).mean()
    assert abs(prior.log_prob(z.numpy()).mean() - truth) < 0.1


@pytest.mark.parametrize("name", ["flow", "maf", "iaf"])
def test_a_flow_charges_what_its_jacobian_says(name):
    """Pitfall 17: the logarithm of the determinant, by autograd, with its sign."""
    torch.manual_seed(3)
    part = priors.make(f"{name}(hidden=16)", CodeSpace(10, 3, 2, MODEL.sample_prior))
    part.scaling.fit(torch.randn(50, 3) * 4 + 1)
    y = torch.ones(1, dtype=torch.long)
    z = torch.tensor([[0.3, 2.0, -1.0]])

    def noise_of(z):
        return part._given(y).transform(part.scaling.forth(z[None]))[0]
    jacobian = torch.autograd.functional.jacobian(noise_of, z[0])
    truth = scipy.stats.norm.logpdf(noise_of(z[0]).detach()).sum() + np.log(abs(np.linalg.det(
        jacobian.double().numpy())))
    assert part.log_prob(z, y).item() == pytest.approx(truth, abs=1e-3)
    back = part.scaling.back(part._given(y).transform.inv(noise_of(z[0])[None]))
    torch.testing.assert_close(back, z, rtol=1e-3, atol=1e-3)


def test_the_masked_flow_is_fast_one_way_and_its_inverse_the_other():
    space, calls = CodeSpace(10, 4, 1, MODEL.sample_prior), []
    y = torch.zeros(5, dtype=torch.long)
    for name, fast, slow in (("maf", "log_prob", "sample"), ("iaf", "sample", "log_prob")):
        part = priors.make(f"{name}(1, 8)", space)
        hyper = next(m for m in part.modules() if hasattr(m, "hyper")).hyper
        hyper.register_forward_hook(lambda *_: calls.append(1))
        given = {"log_prob": (torch.randn(5, 4), y), "sample": (y,)}
        for way in (fast, slow):
            calls.clear()
            getattr(part, way)(*given[way])
            assert len(calls) == 1 if way == fast else len(calls) >= 4, (name, way)


def test_the_second_stage_knows_its_density_as_quadrature_does():
    torch.manual_seed(0)
    z = torch.cat([torch.randn(400, 1) - 3, 0.5 * torch.randn(400, 1) + 2])
    part = fit_prior("two_stage(32)", TrainingCodes(z, None, torch.arange(800)), 0, MODEL).part
    at, u = torch.linspace(-5, 4, 12)[:, None], torch.linspace(-9, 9, 4001)[:, None]
    y = torch.zeros(len(u), dtype=torch.long)
    with torch.no_grad():
        px = part.given(u, y)
        mean = part.scaling.back(px.mean).double().numpy()
        std = float(px.stddev[0] * part.scaling.std)
        truth = (scipy.stats.norm.pdf(at.T.numpy(), mean, std)
                 * scipy.stats.norm.pdf(u.numpy())).sum(0) * 18 / 4000
        found = part.log_prob(at, y[:12]).numpy()
        assert np.array_equal(found, part.log_prob(at, y[:12]).numpy()), "it draws no fresh noise"
    np.testing.assert_allclose(np.exp(found), truth, rtol=0.1, atol=2e-3)


def test_a_second_stage_draws_codes_that_no_gaussian_has():
    """Codes on a ring: N(0, 1) puts them inside it, the second stage does not (Dai & Wipf)."""
    torch.manual_seed(0)
    angle = 2 * math.pi * torch.rand(1500)
    z = torch.stack([angle.cos(), angle.sin()], 1) * 3 + 0.1 * torch.randn(1500, 2)
    codes = TrainingCodes(z, None, torch.arange(1500))
    far = {name: np.abs(np.linalg.norm(fit_prior(name, codes, 0, MODEL).sample(500)[0], axis=1) - 3)
           for name in ("two_stage(64)", "per_class")}
    assert np.median(far["two_stage(64)"]) < 0.5 < 0.8 < np.median(far["per_class"])


@pytest.mark.parametrize("dim", [2, 3, 8])
def test_directions_are_uniform_and_radii_those_of_the_codes(dim):
    torch.manual_seed(0)
    z = torch.randn(1500, dim) * 2 + 1
    prior = fit_prior("hypersphere", TrainingCodes(z, None, torch.arange(1500)), 0, MODEL)
    drawn = prior.sample(4000, seed=1)[0]
    radius = np.linalg.norm(drawn, axis=1)
    way = drawn / radius[:, None]
    assert np.abs(way.mean(0)).max() < 0.05
    np.testing.assert_allclose(way.T @ way / 4000, np.eye(dim) / dim, atol=0.03)
    assert scipy.stats.ks_2samp(radius, z.norm(dim=1).numpy()).statistic < 0.06
    # on a surface of that radius the density is that of the radius, spread over it
    log_radius = np.log(np.linspace(0.5, 6, 5))
    kernel = scipy.stats.gaussian_kde(np.log(np.linalg.norm(z, axis=1)))
    kernel.set_bandwidth(1.06 * 1500**-0.2 * np.sqrt(1499 / 1500))   # which takes ddof=1
    surface = dim * math.pi**(dim / 2) / math.gamma(dim / 2 + 1)
    points = way[:5] * np.exp(log_radius)[:, None]
    truth = kernel.logpdf(log_radius) - dim * log_radius - math.log(surface)
    np.testing.assert_allclose(prior.log_prob(points), truth, rtol=1e-3, atol=1e-3)


def test_codes_on_a_sphere_stay_there_and_have_no_density():
    prior = fit_prior("hypersphere(1)", clusters(30), 3, MODEL)
    for temperature in (1.0, 0.3):
        drawn = prior.sample(9, temperature=temperature)[0]
        np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, rtol=1e-5)
    with pytest.raises(ValueError, match="no density"):
        prior.log_prob(drawn)


def test_codes_that_are_maps_come_back_as_maps():
    codes = TrainingCodes(torch.randn(50, 3, 2, 2), None, torch.arange(50))
    prior = fit_prior("per_class", codes, 0, MODEL)
    assert prior.sample(7)[0].shape == (7, 3, 2, 2)


def test_what_cannot_be_fitted_says_why():
    codes = clusters(30)
    codes.z[3, 0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        fit_prior("kde", codes, 3, MODEL)
    with pytest.raises(ValueError, match="did you mean 'mixture'"):
        fit_prior("mixtur", clusters(30), 3, MODEL)
    with pytest.raises(ValueError, match="no training sample has this class"):
        fit_prior("kde", clusters(30), 4, MODEL).sample(2, np.array([3, 3]))
    with pytest.raises(ValueError, match="no density"):
        fit_prior("own", clusters(30), 3, MODEL).log_prob(np.zeros((2, 2)))


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_every_prior_is_made_from_its_space_alone(name):
    part = priors.make(priors.examples[name], CodeSpace(10, 2, 1, MODEL.sample_prior))
    assert part.sample(torch.zeros(4, dtype=torch.long), 1.0).shape == (4, 2)


def test_threads_with_one_seed_draw_the_models_own_codes_alike():
    from concurrent.futures import ThreadPoolExecutor

    from hourglass.inference.inputs import Inputs
    from hourglass.inference.network import Network
    from hourglass.run.description import Description
    network = Network(MODEL, Inputs(Description({}, (3,))))
    wanted, before = network.own_codes(2000, seed=7), torch.get_rng_state()
    with ThreadPoolExecutor(8) as pool:
        for codes in pool.map(lambda _: network.own_codes(2000, seed=7), range(64)):
            np.testing.assert_array_equal(codes, wanted)
    assert torch.equal(torch.get_rng_state(), before), "the generator is as it was"
