"""Posteriors and priors of continuous codes, held against closed forms, scipy and quadrature."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats
from torch.distributions import kl_divergence

from hourglass.core import registry
from hourglass.core.distributions import poincare_ball
from hourglass.core.distributions.bessel import log_bessel
from hourglass.core.distributions.diagonal_normal import normal
from hourglass.core.distributions.power_spherical import PowerSpherical
from hourglass.core.distributions.unit_sphere import SphereUniform
from hourglass.core.distributions.von_mises_fisher import PROPOSALS, VonMisesFisher
from hourglass.core.distributions.wrapped_normal import WrappedNormal
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.bottlenecks.gaussian import widest
from hourglass.model.bottlenecks.gyroplanes import Gyroplanes
from hourglass.model.bottlenecks.ladder import merged
from hourglass.model.loss_step import Step
from hourglass.model.losses.kl import divergence
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts

ALL = ["gaussian(4)", "vamp(4, count=5)", "mixture(4, components=3)", "sphere(4)",
       "sphere(4, 'power')", "flow(4, 'planar')", "flow(4, 'radial')", "flow(4, 'iaf')",
       "poincare(4)", "poincare(4, isotropic=True)", "ladder((4, 3, 2))", "gamma(4)"]
ROUND = [VonMisesFisher, PowerSpherical]


def model(bottleneck: str, loss: str = "recon + kl", **parts) -> Autoencoder:
    return Autoencoder(Parts("mlp((16, 12))", bottleneck=bottleneck, likelihood="bernoulli",
                             loss=loss, **parts), (1, 6, 6))


def unit(*shape: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1)


def nearly(mean_of: torch.Tensor, truth) -> None:
    """The mean over the first axis lies within five of its standard errors."""
    truth = torch.as_tensor(truth)
    error = mean_of.double().std(0) / math.sqrt(len(mean_of))
    assert ((mean_of.double().mean(0) - truth).abs() <= 5 * error + 1e-6).all()


@pytest.mark.parametrize("text", ALL)
def test_p_and_q_are_densities_of_one_measure(text):
    """The mean of p(z) / q(z) over draws from q is 1 wherever q covers p: the sign and size of
    every Jacobian, Pitfall 17: log|det J| enters with the right sign."""
    torch.manual_seed(2)
    bottleneck = registry.bottlenecks.make(text, (6,), (6,))
    for weight in bottleneck.parameters():
        weight.data.mul_(0.2)    # near the prior, where the weights p / q are even
    if text.startswith("sphere"):
        bottleneck.reduce[-1].bias.data[-1] = -6.0   # it begins concentrated
    with torch.no_grad():
        latent = bottleneck(torch.randn(1, 6).expand(40_000, 6), draw=True)
        ratio = latent.p.log_prob(latent.z) - latent.q.log_prob(latent.z)
    nearly((ratio if ratio.ndim == 1 else ratio.sum(1)).double().exp(), 1.0)


@pytest.mark.parametrize("text", ALL)
def test_no_size_of_h_breaks_the_divergence(text):
    """Pitfall 10: no overflow, no width of zero, and no limit that kills the gradient."""
    bottleneck = registry.bottlenecks.make(text, (4,), (4,))
    for size in (0.0, 1.0, 30.0):
        h = torch.randn(5, 4).mul(size).requires_grad_()
        latent = bottleneck(h, draw=True)
        kl = divergence(latent.q, latent.p, latent.z)
        (kl.sum() + bottleneck.expand(latent.z).sum()).backward()
        assert kl.isfinite().all() and latent.z.isfinite().all()
        assert h.grad.isfinite().all() and (h.grad != 0).any()


@pytest.mark.parametrize("text", ["sphere(4)", "sphere(4, 'power')", "gamma(4)", "gaussian(4)"])
def test_a_closed_divergence_is_the_mean_of_its_samples(text):
    bottleneck = registry.bottlenecks.make(text, (4,), (4,))
    with torch.no_grad():
        latent = bottleneck(2 * torch.randn(3, 4))
        z = latent.q.rsample((20_000,))
        each = latent.q.log_prob(z) - latent.p.log_prob(z)
        nearly(each, kl_divergence(latent.q, latent.p).double())


@pytest.mark.parametrize("order", [0.0, 0.5, 1.0, 4.5, 31.0, 150.0])
def test_bessel_functions_and_their_slopes_are_scipys(order):
    k = torch.tensor([0.05, 0.5, 1.0, 3.0, 20.0, 300.0, 5000.0], dtype=torch.double)
    k = k[special.ive(order, k.numpy()) > 0].requires_grad_()
    log, ratio = log_bessel(order, k)
    at = k.detach().numpy()
    assert np.allclose(log.detach(), np.log(special.ive(order, at)), atol=2e-8, rtol=0)
    assert np.allclose(ratio.detach(), special.ive(order + 1, at) / special.ive(order, at),
                       rtol=1e-8)
    assert torch.autograd.gradcheck(lambda k: log_bessel(order, k), k[at < 100].detach()
                                    .requires_grad_(), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("dim", [2, 3, 11])
def test_the_von_mises_fisher_density_and_entropy_are_scipys(dim):
    mode, k = unit(4, dim).double(), torch.tensor([1.0, 4.0, 60.0, 900.0]).double()[:, None]
    q, z = VonMisesFisher(mode, k), unit(4, dim).double()
    theirs = [stats.vonmises_fisher(m, float(c)) for m, c in zip(mode.numpy(), k, strict=True)]
    assert np.allclose(q.log_prob(z), [t.logpdf(p) for t, p in zip(theirs, z.numpy(), strict=True)])
    assert np.allclose(q.entropy(), [t.entropy() for t in theirs])
    area = 2 * math.pi ** (dim / 2) / special.gamma(dim / 2)
    assert np.allclose(SphereUniform(mode).log_prob(z), -math.log(area))


@pytest.mark.parametrize("kind", ROUND)
@pytest.mark.parametrize("dim", [2, 3, 11])
@pytest.mark.parametrize("k", [1.0, 8.0, 200.0])
def test_samples_on_the_sphere_follow_the_density(kind, dim, k):
    mode = unit(1, dim)
    q = kind(mode, torch.tensor([[k]]))
    z = q.rsample((4000,))[:, 0]
    assert torch.allclose(z.norm(dim=1), torch.ones(4000), atol=1e-5)
    cosine = (z @ mode[0]).double().clamp(-1, 1)
    nearly(cosine[:, None], (q.mean * mode).sum().double())   # the mean resultant length

    def density(angle: float) -> float:   # of angles from the mode: the sphere's slices
        inner = mode.double() * math.cos(angle)   # the rest of the point does not count
        slices = 2 * math.pi ** ((dim - 1) / 2) / math.gamma((dim - 1) / 2)
        return float(q.log_prob(inner).exp()) * slices * math.sin(angle) ** (dim - 2)
    grid = np.linspace(1e-9, math.pi - 1e-9, 801)
    cdf = integrate.cumulative_trapezoid([density(a) for a in grid], grid, initial=0)
    assert cdf[-1] == pytest.approx(1, abs=2e-3), "the density integrates to 1"
    found = stats.kstest(torch.acos(cosine).numpy(), lambda a: np.interp(a, grid, cdf))
    assert found.pvalue > 1e-4


@pytest.mark.parametrize("kind", ROUND)
@pytest.mark.parametrize("dim", [2, 5])
def test_samples_on_the_sphere_have_the_exact_gradient(kind, dim):
    """Of the mean of cos and cos^2 of the angle in the concentration, by quadrature."""
    mode = unit(1, dim).double()
    k = torch.tensor([[3.0]], dtype=torch.double, requires_grad=True)
    q = kind(mode, k.expand(40_000, 1))
    cosine = (kind(mode.expand(40_000, dim), k.expand(40_000, 1)).rsample() * mode).sum(1)
    assert q.has_rsample

    def power(at: float, n: int) -> float:
        def weight(a: float) -> float:
            grown = math.exp(at * (math.cos(a) - 1)) if kind is VonMisesFisher else (
                (1 + math.cos(a)) / 2) ** at
            return grown * math.sin(a) ** (dim - 2)
        over = [integrate.quad(lambda a, n=m: math.cos(a) ** n * weight(a), 0, math.pi)[0]
                for m in (n, 0)]
        return over[0] / over[1]
    for n in (1, 2):
        found, = torch.autograd.grad((cosine ** n).mean(), k, retain_graph=True)
        assert float(found) == pytest.approx((power(3.01, n) - power(2.99, n)) / 0.02, rel=0.05)


def test_the_concentration_is_the_same_in_training_and_evaluation():
    """Fault 12: the concentration has one formula and one floor in both."""
    bottleneck = registry.bottlenecks.make("sphere(3)", (4,), (4,))
    h = 50 * torch.randn(200, 4)
    trained, evaluated = bottleneck.train()(h, True).q, bottleneck.eval()(h, False).q
    assert torch.equal(trained.concentration, evaluated.concentration)
    raw = bottleneck.reduce(h)[:, -1:]
    assert torch.allclose(trained.concentration, 3 * torch.nn.functional.softplus(raw + 3) + 1)
    assert trained.concentration.min() >= 1, "Pitfall 23: a floor"


@pytest.mark.parametrize("kind", ROUND)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_mode_at_the_pole_is_a_mode_like_any(kind, sign):
    """Pitfall 23: no reflection divides by zero where the mode is the first axis."""
    mode = (sign * torch.eye(4)[:1]).requires_grad_()
    z = kind(mode, torch.full((1, 1), 500.0)).rsample((50,))
    z.sum().backward()
    assert (z * mode).sum(-1).min() > 0.9 and mode.grad.isfinite().all()


@pytest.mark.parametrize("dim", [2, 3, 11, 100])
def test_a_proposal_is_always_accepted(dim):
    """Pitfall 23: no loop that ends in silence. Each proposal is taken with probability 0.6 at
    least, so 40 of them all fail less than once in 1e15."""
    generator = np.random.default_rng(0)
    for k in (1.0, 10.0, 1e3, 1e6):
        b = (dim - 1) / (2 * k + math.sqrt(4 * k * k + (dim - 1) ** 2))
        x = (1 - b) / (1 + b)
        beta = generator.beta((dim - 1) / 2, (dim - 1) / 2, 20_000)
        w = (1 - (1 + b) * beta) / (1 - (1 - b) * beta)
        taken = k * w + (dim - 1) * np.log(1 - x * w) - k * x - (dim - 1) * np.log(1 - x * x)
        rate = np.mean(taken >= np.log(generator.random(20_000)))
        assert rate > 0.6 and (1 - rate) ** PROPOSALS < 1e-15
        q = VonMisesFisher(unit(2000, dim), torch.full((2000, 1), k))
        off = 1 - (q.rsample() * q.mode).sum(1)
        assert float(off.mean()) == pytest.approx(
            float(1 - q.length[0]), rel=0.1, abs=1e-6), "none fell back to anything else"


def test_a_mixture_is_the_sum_of_its_gaussians():
    bottleneck = registry.bottlenecks.make("mixture(3, components=4)", (5,), (5,))
    bottleneck.shares.data = torch.randn(4)
    latent = bottleneck(torch.randn(6, 5), draw=True)
    places = normal(bottleneck.places)
    each = [stats.multivariate_normal(m, np.diag(v)).logpdf(latent.z.detach().numpy()) for m, v in
            zip(places.mean.detach().numpy(), places.variance.detach().numpy(), strict=True)]
    weights = special.log_softmax(bottleneck.shares.detach().numpy())
    truth = special.logsumexp(np.stack(each) + weights[:, None], axis=0)
    assert np.allclose(latent.p.log_prob(latent.z).detach(), truth, atol=1e-5)
    z = bottleneck.sample_prior(20_000)
    nearly(z, (bottleneck.shares.softmax(0)[:, None] * places.mean).sum(0).detach().double())


def test_the_vamp_prior_is_the_mean_of_the_posteriors_at_its_inputs():
    made = model("vamp(3, count=7)")
    made.bottleneck.inputs.data = torch.randn(7, 1, 6, 6)
    posteriors = made.encode(made.bottleneck.inputs.clamp(0, 1))[0].q.base_dist
    z = torch.randn(5, 3)
    each = torch.stack([torch.distributions.Normal(m, s).log_prob(z).sum(1)
                        for m, s in zip(posteriors.mean, posteriors.stddev, strict=True)])
    out = made(torch.rand(5, 1, 6, 6))
    assert torch.allclose(out.latent.p.log_prob(z), each.logsumexp(0) - math.log(7), atol=1e-5)
    total, parts = Objective("recon + kl", made)(out, made)
    total.backward()
    assert made.bottleneck.inputs.grad.abs().sum() > 0, "the inputs learn"
    assert parts["kl"].shape == (5,)
    nearly(made.sample_prior(20_000), posteriors.mean.mean(0).detach().double())


@pytest.mark.parametrize("kind", ["planar", "radial", "iaf"])
@pytest.mark.parametrize("dim", [1, 3])
def test_a_flows_volume_is_that_of_its_jacobian_and_it_can_be_walked_back(kind, dim):
    """Pitfall 17: log|det J| with the right sign, against autograd's Jacobian."""
    bottleneck = registry.bottlenecks.make(f"flow({dim}, '{kind}', 2)", (6,), (6,)).double()
    for weight in bottleneck.parameters():
        weight.data.mul_(3)
    q = bottleneck(torch.randn(4, 6).double(), draw=True).q
    for step in q.transforms:
        x = 2 * torch.randn(4, dim).double()
        whole = torch.autograd.functional.jacobian(step, x)
        jacobian = torch.stack([whole[i, :, i] for i in range(4)])
        y = step(x)
        assert torch.allclose(torch.linalg.slogdet(jacobian).logabsdet,
                              step.log_abs_det_jacobian(x, y), atol=1e-10)
        assert torch.allclose(step.inv(y.clone()), x, atol=1e-9), "not from the cache"
        slope = torch.autograd.functional.jacobian(lambda y, s=step: s.inv(y), y.clone())
        back = torch.stack([slope[i, :, i] for i in range(4)])
        assert torch.allclose(back @ jacobian, torch.eye(dim).double().expand(4, dim, dim),
                              atol=1e-7)


@pytest.mark.parametrize("kind", ["planar", "radial", "iaf"])
def test_a_flows_density_integrates_to_one(kind):
    torch.manual_seed(3)
    bottleneck = registry.bottlenecks.make(f"flow(2, '{kind}', 3)", (6,), (6,)).double()
    with torch.no_grad():
        latent = bottleneck(torch.randn(1, 6).double(), draw=True)
        z = latent.q.rsample((4000,))[:, 0]
        at = [torch.linspace(float(c.min() - 3 * c.std()), float(c.max() + 3 * c.std()), 200)
              for c in z.T]
        grid = torch.cartesian_prod(*at).double()
        cell = float((at[0][1] - at[0][0]) * (at[1][1] - at[1][0]))
        total = float(latent.q.log_prob(grid[:, None]).exp().sum()) * cell
        assert total == pytest.approx(1, rel=0.01)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0.01, 30))
def test_a_planar_step_of_any_weights_can_be_inverted(seed, size):
    generator = torch.Generator().manual_seed(seed)
    planar = registry.bottlenecks.make("flow(3, 'planar', 1)", (4,), (4,)).double().steps[0]
    h, x = (torch.randn(8, n, generator=generator).double() for n in (4, 3))
    with torch.no_grad():
        step = planar(size * h)
    y = step(x)
    assert step.log_abs_det_jacobian(x, y).isfinite().all(), "det J stays positive"
    again = step(step.inv(y.clone()))
    assert torch.allclose(again, y, atol=1e-6 * (1 + float(y.abs().max())))


def test_an_autoregressive_gate_looks_at_earlier_factors_alone():
    step = registry.bottlenecks.make("flow(5, 'iaf', 1)", (6,), (6,)).steps[0](torch.randn(1, 6))
    jacobian = torch.autograd.functional.jacobian(lambda x: step(x[None])[0], torch.randn(5))
    triangle = jacobian.flip(0)   # the step turns the order round
    assert torch.equal(triangle, triangle.tril()) and (triangle.diagonal() > 0).all()


def test_the_wrapped_normal_integrates_to_one_over_hyperbolic_area():
    c = 0.7
    z = torch.tensor([[0.5, -0.3]]).double()
    q = WrappedNormal(z, torch.tensor([[0.6, 0.3]]).double(), c)
    rim = 1 / math.sqrt(c)

    def density(radius: float, angle: float) -> float:
        point = torch.tensor([[radius * math.cos(angle), radius * math.sin(angle)]]).double()
        area = (2 / (1 - c * radius**2)) ** 2   # of the metric at that point
        return float(q.log_prob(point).exp()) * area * radius
    radii, at_radii = np.polynomial.legendre.leggauss(60)
    total = sum(w * rim / 2 * 2 * math.pi / 80 * density(rim * (r + 1) / 2, a)
                for r, w in zip(radii, at_radii, strict=True)
                for a in np.linspace(0, 2 * math.pi, 80, endpoint=False))
    assert total == pytest.approx(1, rel=2e-3)


def test_the_prior_on_the_ball_has_the_posteriors_parametrisation():
    """Fault 12: log variance zero is a scale of one, in prior and posterior alike."""
    bottleneck = registry.bottlenecks.make("poincare(3)", (4,), (4,))
    for weight in bottleneck.reduce.parameters():
        weight.data.zero_()
    latent = bottleneck(torch.randn(5, 4), draw=True)
    assert torch.equal(latent.q.vectors.stddev, latent.p.vectors.stddev)
    assert divergence(latent.q, latent.p, latent.z).abs().max() == 0
    far = poincare_ball.inwards(bottleneck.sample_prior(20_000).double(), 0.7).square()
    nearly(far, torch.ones(3))   # the squared parts of vectors from the centre


def test_the_balls_maps_are_those_of_hyperbolic_geometry():
    c, (x, y) = 0.7, poincare_ball.inside(0.4 * torch.randn(2, 50, 3).double(), 0.7)
    between = poincare_ball.add(-x, y, c)
    squared = (x - y).square().sum(1) / ((1 - c * x.square().sum(1)) * (1 - c * y.square().sum(1)))
    assert torch.allclose(poincare_ball.inwards(between, c).norm(dim=1),
                          torch.acosh(1 + 2 * c * squared) / math.sqrt(c))
    assert torch.allclose(poincare_ball.outwards(poincare_ball.inwards(y, c), c), y)
    assert torch.allclose(poincare_ball.add(x, between, c), y)
    out = poincare_ball.inside(100 * torch.randn(9, 3), c)
    assert (out.norm(dim=1) < 1 / math.sqrt(c)).all() and torch.equal(poincare_ball.inside(y, c), y)


def test_a_gyroplane_unit_is_the_distance_to_its_plane():
    """The least distance to any point of the plane, found by search."""
    c, layer = 0.7, Gyroplanes(2, 3, 0.7).double()
    layer.bias.data = torch.tensor([0.0, 0.8, -1.5]).double()
    z = poincare_ball.inside(torch.randn(4, 2).double(), c)
    found = layer(z).detach()
    for unit_, (a, b) in enumerate(zip(layer.weight.detach(), layer.bias.detach(), strict=True)):
        foot = poincare_ball.outwards(b * a / a.norm(), c)[None]
        across = torch.stack([-a[1], a[0]])[None] / a.norm()
        for sample in range(4):
            def far(t: float, foot=foot, across=across, point=z[sample:sample + 1]) -> float:
                other = poincare_ball.add(foot, poincare_ball.outwards(t * across, c), c)
                return float(poincare_ball.inwards(poincare_ball.add(-other, point, c), c).norm())
            least = optimize.minimize_scalar(far, bounds=(-12, 12), method="bounded",
                                             options={"xatol": 1e-9}).fun
            side = poincare_ball.add(-foot, z[sample:sample + 1], c)[0] @ a
            assert float(found[sample, unit_]) == pytest.approx(
                float(side.sign() * a.norm()) * least, abs=1e-5)


def test_merged_gaussians_are_their_normalised_product():
    one, other = (normal(torch.randn(1, 2)) for _ in range(2))
    grid = torch.linspace(-40, 40, 160_001)
    product = (one.log_prob(grid) + other.log_prob(grid)).exp().squeeze()
    product = product / torch.trapezoid(product, grid)
    mean = torch.trapezoid(grid * product, grid)
    both = merged(one, other)
    assert float(both.mean) == pytest.approx(float(mean), abs=1e-4)
    assert float(both.variance) == pytest.approx(
        float(torch.trapezoid((grid - mean).square() * product, grid)), rel=1e-3)


def test_a_ladders_prior_is_drawn_from_above():
    """The lowest level's draws have the mean that the level above them foretells."""
    bottleneck = registry.bottlenecks.make("ladder((3, 2))", (4,), (4,))
    z = bottleneck.sample_prior(20_000).detach()
    low, high = z.split((3, 2), 1)
    nearly(high, torch.zeros(2))
    nearly(high.square(), torch.ones(2))
    p = normal(bottleneck.foretold[0](high))
    off = ((low - p.mean) / p.stddev).detach()
    nearly(off, torch.zeros(3))
    nearly(off.square(), torch.ones(3))
    nearly(off[:, :2] * high, torch.zeros(2))
    latent = bottleneck(torch.randn(5, 4), draw=True)
    assert not latent.q.has_rsample, "its lower levels were drawn given the upper ones"
    assert torch.allclose(latent.p.mean[:, :3],
                          normal(bottleneck.foretold[0](latent.z[:, 3:])).mean)


def test_a_gamma_divergence_is_the_integral():
    bottleneck = registry.bottlenecks.make("gamma(2, shape=0.5, rate=2.0)", (4,), (4,))
    with torch.no_grad():
        latent = bottleneck(torch.randn(1, 4), draw=True)
    kl = kl_divergence(latent.q, latent.p)[0]
    for factor in range(2):
        q, p = (stats.gamma(float(d.concentration[0, factor]),
                            scale=1 / float(d.rate[0, factor])) for d in (latent.q, latent.p))
        truth, _ = integrate.quad(lambda u, q=q, p=p: q.logpdf(q.ppf(u)) - p.logpdf(q.ppf(u)), 0, 1)
        assert float(kl[factor]) == pytest.approx(truth, rel=1e-3, abs=1e-4)
    assert (bottleneck.sample_prior(100) >= 0).all()
    assert (bottleneck.settle(torch.randn(9, 2)) >= 0).all()


@settings(max_examples=40)
@given(st.integers(1, 12), st.data())
def test_sparse_codes_keep_the_largest_numbers(dim, data):
    active = data.draw(st.integers(1, dim))
    values = data.draw(st.lists(st.integers(-50, 50), min_size=dim, max_size=dim, unique=True))
    bottleneck = registry.bottlenecks.make(f"topk({dim}, {active})", (4,), (4,))
    z = torch.tensor([values], dtype=torch.float)
    kept = sorted(values)[-active:]
    assert bottleneck.settle(z)[0].tolist() == [float(v) if v in kept else 0.0 for v in values]
    assert torch.equal(bottleneck.settle(bottleneck.settle(z.abs())), bottleneck.settle(z.abs()))
    assert ((bottleneck.sample_prior(5) != 0).sum(1) <= active).all()


@pytest.mark.parametrize("text, said", [
    ("topk(4, 5)", "cannot keep 5 of 4"), ("sphere(1)", "from 2"), ("ladder(())", "one level"),
    ("flow(4, 'plane')", "planar, radial, iaf"), ("gamma(4, shape=0)", "above 0")])
def test_wrong_options_are_told_apart(text, said):
    with pytest.raises(ValueError, match=said):
        registry.bottlenecks.make(text, (4,), (4,))


@pytest.mark.parametrize("text", [t for t in ALL if "gauss" not in t] + ["topk(8, 2)"])
def test_settled_codes_stay_and_drawn_ones_are_settled(text):
    made = model(text)
    z = made.sample_prior(30)
    assert torch.allclose(made.settled(z), z, atol=1e-6) and z.device.type == "cpu"
    wild = made.settled(5 * torch.randn_like(z))
    assert torch.allclose(made.settled(wild), wild, atol=1e-6)
    assert made.decode(wild).mean.isfinite().all()


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("text", [t for t in ALL if "gauss" not in t])
def test_every_posterior_learns_what_differs(text, precision):
    """Two pictures with some noise: after a few steps the codes tell them apart."""
    made = model(text)
    step = Step(made, Objective("recon + kl", made))
    optimiser = torch.optim.Adam(step.parameters(), 5e-3)
    kinds = (torch.rand(2, 1, 6, 6) > 0.5).float()
    losses = []
    for _ in range(120):
        x = (kinds[torch.arange(32) % 2] - (torch.rand(32, 1, 6, 6) < 0.05).float()).abs()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            loss, _ = step(x)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if len(losses) > 10 and np.mean(losses[-10:]) < 0.8 * losses[0]:
            return
    pytest.fail(f"the loss went from {losses[0]:.3g} to {np.mean(losses[-10:]):.3g}")


def test_a_gated_layer_is_a_product():
    encoder = registry.backbones.make("mlp(5, activation='gated')", (3,), (3,)).encoder
    both = encoder.layers[1]
    x = torch.randn(4, 3)
    w, v = both(x).chunk(2, dim=1)
    assert torch.allclose(encoder(x)[0], w * torch.sigmoid(v))


@pytest.mark.parametrize("dim, rate", [(1, 0.5), (8, 4.0), (3, 60.0)])
def test_no_posterior_has_a_kl_below_the_committed_rate(dim, rate):
    wanted = np.sqrt(-special.lambertw(-np.exp(-1 - 2 * rate / dim)).real)
    assert widest(rate / dim) == pytest.approx(wanted, rel=1e-6)
    part = registry.bottlenecks.make(f"gaussian({dim}, rate={rate})", (2 * dim,), (2 * dim,))
    part.reduce = torch.nn.Identity()   # h holds means and log variances
    many = 5 * torch.randn(500, 2 * dim, generator=torch.Generator().manual_seed(0))
    latent = part(many)
    assert (kl_divergence(latent.q, latent.p).sum(1) >= rate * (1 - 1e-5)).all()
    least = part(torch.cat([torch.zeros(1, dim), torch.full((1, dim), 100.0)], 1))
    assert float(kl_divergence(least.q, least.p).sum()) == pytest.approx(rate, rel=1e-3)
    assert widest(0.0) == 1.0
