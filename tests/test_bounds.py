"""Bounds of the evidence hold: against closed forms of a linear Gaussian model, and quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal, RelaxedOneHotCategorical

from hourglass.core import registry
from hourglass.core.contracts import Latent, Output
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.bottlenecks.gaussian_categorical import RelaxedLatents
from hourglass.model.losses.hamiltonian import HVAE, LeapfrogSteps, force, leapfrog
from hourglass.model.losses.importance_bounds import bound
from hourglass.model.losses.importance_weights import log_weights
from hourglass.model.losses.riemannian import RHVAE, LatentMetric, curved_leapfrog
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts
from hourglass.model.summary import summarise

STD = 0.7
TERMS = ["iwae(5)", "iwae(5, doubly=True)", "iwae(5, kept=2)", "ciwae(5, beta=0.3)",
         "miwae(3, 4)", "piwae(3, 4)", "hvae(2)", "rhvae(2)"]


def linear() -> Autoencoder:
    """Every layer is linear, so with a Gaussian prior the evidence is a Gaussian's."""
    model = Autoencoder(Parts("mlp((4,), activation='none')", bottleneck="gaussian(2)",
                              likelihood=f"normal({STD})"), (3,)).double()
    for weight in learned(model):
        weight.data += 0.3 * torch.randn_like(weight)
    model.likelihood.log_std.fill_(math.log(STD))   # to all its digits
    return model


def learned(model: Autoencoder) -> list[torch.nn.Parameter]:
    """The weights that training moves."""
    return [weight for weight in model.parameters() if weight.requires_grad]


def rounded(bottleneck: str = "gaussian(2)") -> Autoencoder:
    """Its decoder is smooth and not linear."""
    return Autoencoder(Parts("mlp((6,), activation='tanh')", bottleneck=bottleneck,
                             likelihood="normal(0.5)"), (3,)).double()


def affine(model: Autoencoder) -> tuple[torch.Tensor, torch.Tensor]:
    """The decoder's W (3, D) and b (3,)."""
    with torch.no_grad():
        b = model.decode(torch.zeros(1, 2).double()).mean[0]
        return (model.decode(torch.eye(2).double()).mean - b).T, b


def evidence(model: Autoencoder, x: torch.Tensor) -> torch.Tensor:
    """log p(x), (B,)."""
    w, b = affine(model)
    covariance = w @ w.T + STD**2 * torch.eye(3).double()
    return torch.tensor(multivariate_normal(b.numpy(), covariance.numpy()).logpdf(x.numpy()))


def at_truth(model: Autoencoder, x: torch.Tensor) -> Output:
    """The model's output, but with the exact posterior in place of the encoder's."""
    w, b = affine(model)
    precision = torch.eye(2).double() + w.T @ w / STD**2
    mean = (x - b) @ w @ torch.linalg.inv(precision) / STD**2
    q = MultivariateNormal(mean.requires_grad_(), precision_matrix=precision)
    out = model(x)
    return Output(x, Latent(q.rsample(), q, out.latent.p), out.px)


def value(term: str, out: Output, model: Autoencoder, seed: int = 0) -> torch.Tensor:
    """The term's (B,), of a fresh term in that noise."""
    torch.manual_seed(1)
    made = registry.terms.make(term, model)
    made = made.double() if isinstance(made, torch.nn.Module) else made
    torch.manual_seed(seed)
    return made(out, model)


def nats(q, z) -> torch.Tensor:
    """log q(z), (K, B), whatever its event is."""
    return q.log_prob(z).flatten(2).sum(2) if q.log_prob(z).ndim > 2 else q.log_prob(z)


def by_hand(out: Output, model: Autoencoder, k: int, seed: int = 0) -> np.ndarray:
    """Log weights (K, B), a code and a sample at a time."""
    torch.manual_seed(seed)
    z = out.latent.q.rsample((k,))
    found = np.zeros((k, len(out.x)))
    mean, std = out.latent.q.mean, out.latent.q.stddev
    for i in range(k):
        for j in range(len(out.x)):
            seen = model.decode(z[i, j][None]).mean[0].tolist()
            found[i, j] = sum(map(normal, out.x[j].tolist(), seen, [STD] * 3))
            for factor in range(z.shape[2]):
                at = z[i, j, factor].item()
                found[i, j] += normal(at, 0.0, 1.0)
                found[i, j] -= normal(at, mean[j, factor].item(), std[j, factor].item())
    return found


def normal(x: float, mean: float, std: float) -> float:
    """log N(x | mean, std)."""
    return -((x - mean) / std) ** 2 / 2 - math.log(std) - math.log(2 * math.pi) / 2


def gradients(loss: torch.Tensor, weights) -> torch.Tensor:
    """All in a row."""
    found = torch.autograd.grad(loss.mean(), list(weights), retain_graph=True)
    return torch.cat([gradient.flatten() for gradient in found])


def sides(model: Autoencoder):
    """The weights that make q, and those that make p."""
    return ([*model.encoder.parameters(), *model.bottleneck.reduce.parameters()],
            [*model.decoder.parameters(), *model.bottleneck.expand.parameters()])


def test_more_codes_tighten_the_bound_up_to_the_evidence():
    """Pitfall 12: importance sampling gives a lower bound, which many codes close."""
    model, x = linear(), torch.randn(4, 3).double()
    with torch.no_grad():
        log_w = log_weights(model(x), model, 60_000).unflatten(0, (6000, 10))
        elbo, four = log_w.mean((0, 1)), bound(log_w[:, :4], 1).mean(0)
        ten, all_of_them = bound(log_w, 1).mean(0), bound(log_w.flatten(0, 1))
    truth = evidence(model, x)
    assert (elbo < four).all() and (four < ten).all() and (ten < truth + 0.01).all()
    assert torch.allclose(all_of_them, truth, atol=0.1)


@pytest.mark.parametrize("term", [t for t in TERMS if "hvae" not in t])
def test_with_the_true_posterior_a_bound_is_the_evidence(term):
    model, x = linear(), torch.randn(4, 3).double()
    assert torch.allclose(-value(term, at_truth(model, x), model), evidence(model, x), atol=1e-9)


def test_with_the_true_posterior_small_steps_leave_the_bound_at_the_evidence():
    model, x = linear(), torch.randn(4, 3).double()
    out, off = at_truth(model, x), []
    for size in (1e-3, 2e-3):
        term = f"hvae(8, step_size={size}, tempering=1.0)"
        off.append((-value(term, out, model) - evidence(model, x)).abs())
    assert (off[0] < 1e-4).all() and (off[1] < 8 * off[0] + 1e-9).all(), "of second order"


@pytest.mark.parametrize("term", TERMS)
def test_the_value_is_the_same_where_no_gradient_is_wanted(term):
    model, x = linear(), torch.randn(4, 3).double()
    with_one = value(term, model(x), model)
    with torch.no_grad():
        without = value(term, model(x), model)
    assert with_one.requires_grad and with_one.shape == (4,)
    assert torch.allclose(with_one, without, atol=1e-9)


@pytest.mark.parametrize("term", TERMS)
def test_a_samples_loss_is_its_own_whatever_lies_beside_it(term):
    """So that the loss of a batch is the mean of its samples'."""
    model, x = rounded(), torch.randn(4, 3).double()
    other = torch.cat([x[:1], 5 * torch.randn(3, 3).double()])
    assert torch.allclose(value(term, model(x), model)[0], value(term, model(other), model)[0])
    x.requires_grad_()
    slope, = torch.autograd.grad(value(term, model(x), model)[0], x)
    assert slope[0].abs().sum() > 0 and not slope[1:].any()


def test_importance_weights_are_added_before_the_logarithm_and_over_codes():
    """Pitfall 4, Fault 7: the value is the bound itself, its gradient that of weighed codes."""
    model, x = linear(), torch.randn(4, 3).double()
    out = model(x)
    log_w = by_hand(out, model, 5)
    expected = -np.log(np.exp(log_w).mean(0))
    loss = value("iwae(5)", out, model)
    assert np.allclose(loss.detach(), expected)
    torch.manual_seed(0)
    again = log_weights(out, model, 5)
    weighed = -(torch.softmax(again, 0).detach() * again).sum(0)
    assert np.all(weighed.detach().numpy() < expected), "this is too good, and not a bound"
    assert torch.allclose(gradients(loss, learned(model)),
                          gradients(weighed, learned(model)))


def test_miwae_averages_bounds_over_groups_and_weights_within_them():
    """Fault 1: the inner mean is over the k codes of a group, not over the groups."""
    model, x = linear(), torch.randn(4, 3).double()
    out = model(x)
    log_w = by_hand(out, model, 12).reshape(3, 4, 4)
    expected = -np.log(np.exp(log_w).mean(1)).mean(0)
    assert np.allclose(value("miwae(3, 4)", out, model).detach(), expected)
    assert torch.allclose(value("miwae(1, 7)", out, model), value("iwae(7)", out, model))
    assert torch.allclose(value("miwae(7, 1)", out, model), value("ciwae(7, beta=1)", out, model))
    assert np.allclose(value("ciwae(5, beta=0.3)", out, model).detach(),
                       0.3 * -by_hand(out, model, 5).mean(0)
                       + 0.7 * value("iwae(5)", out, model).detach().numpy())


def test_piwaes_decoder_follows_iwae_and_its_encoder_miwae():
    """Fault 5: neither side has anything of the other's gradient."""
    model, x = linear(), torch.randn(4, 3).double()
    out = model(x)
    losses = {term: value(f"{term}", out, model) for term in ("piwae(3, 4)", "iwae(12)",
                                                            "miwae(3, 4)")}
    q, p = sides(model)
    assert torch.allclose(losses["piwae(3, 4)"], losses["iwae(12)"])
    assert torch.allclose(gradients(losses["piwae(3, 4)"], p), gradients(losses["iwae(12)"], p))
    assert torch.allclose(gradients(losses["piwae(3, 4)"], q), gradients(losses["miwae(3, 4)"], q))
    assert not torch.allclose(gradients(losses["iwae(12)"], q), gradients(losses["miwae(3, 4)"], q))


def test_the_doubly_reparametrised_gradient_is_the_same_on_average_and_none_at_the_truth():
    model, x = linear(), torch.randn(2, 3).double()
    out = at_truth(model, x)
    still = value("iwae(5, doubly=True)", out, model)
    assert torch.autograd.grad(still.sum(), out.latent.q.loc)[0].abs().max() < 1e-9
    out = model(x)
    q, p = sides(model)
    once, twice = (value(f"iwae(5, doubly={d})", out, model) for d in (False, True))
    assert torch.allclose(once, twice) and torch.allclose(gradients(once, p), gradients(twice, p))
    # 2,000 rows of the same sample are 2,000 draws
    many = model(x[:1].expand(20_000, 3))
    found = [gradients(value(f"iwae(5, doubly={d})", many, model), q) for d in (False, True)]
    assert torch.allclose(*found, atol=0.03 * float(found[0].abs().max()))


@pytest.mark.parametrize("doubly", [False, True])
def test_the_gradient_through_a_few_codes_is_on_average_that_through_all(doubly):
    model, x = linear(), torch.randn(1, 3).double()
    many = model(x.expand(40_000, 3))   # as many draws
    whole, few = (value(f"iwae(5, doubly={doubly}{kept})", many, model)
                  for kept in ("", ", kept=4"))
    assert torch.allclose(whole, few)
    for side in sides(model):
        found = [gradients(loss, side) for loss in (whole, few)]
        assert not torch.equal(*found)
        assert torch.allclose(*found, atol=0.03 * float(found[0].abs().max()))


def test_weights_that_are_not_finite_give_such_a_loss_and_no_fault_in_drawing_by_them():
    model = linear()
    x = torch.full((2, 3), float("nan")).double()
    assert value("iwae(5, kept=2)", model(x), model).isnan().all()


def on_average(log_w: torch.Tensor, truth: torch.Tensor) -> None:
    """Weights (K, B) have the evidence as their mean, within the error of K draws."""
    share = torch.exp(log_w - truth)
    error = share.std(0) / len(share)**0.5
    assert (error < 0.05).all() and ((share.mean(0) - 1).abs() < 4 * error).all()


@pytest.mark.parametrize("made", [HVAE, RHVAE])
@pytest.mark.parametrize("steps, size, tempering", [(1, 0.05, 1.0), (3, 0.1, 0.7), (4, 0.2, 0.7)])
def test_hamiltonian_weights_are_the_evidence_on_average(made, steps, size, tempering):
    """Fault 2: whatever the steps do, momentum and volumes are charged exactly."""
    torch.manual_seed(2)
    model, x = linear(), torch.randn(3, 3).double()
    term = made(model, steps=steps, step_size=size, tempering=tempering).double()
    with torch.no_grad():
        for weight in term.parameters():
            weight += 0.05 * torch.randn_like(weight)
        on_average(term.log_weights(at_truth(model, x), model, 4000), evidence(model, x))


@pytest.mark.parametrize("bottleneck", ["gaussian(1)", "mixture(1)", "vamp(1, 5)"])
def test_weights_are_the_evidence_on_average_under_any_prior(bottleneck):
    """Pitfall 12, against quadrature."""
    torch.manual_seed(2)
    model, x = rounded(bottleneck), torch.randn(3, 3).double() / 2
    with torch.no_grad():
        out = model(x)
        grid = torch.linspace(-12, 12, 4001).double()[:, None, None].expand(-1, 3, 1)
        px = model.decode(grid.flatten(0, 1)).log_prob(
            x.expand(4001, 3, 3).flatten(0, 1)).sum(1).unflatten(0, (4001, 3))
        truth = torch.trapezoid(torch.exp(px + nats(out.latent.p, grid)), grid[:, :, 0], dim=0)
        for weights in (log_weights, HVAE(model).double().log_weights,
                        RHVAE(model).double().log_weights):
            on_average(weights(out, model, 6000), truth.log())


def test_values_that_are_not_known_do_not_count():
    model, x = linear(), torch.randn(4, 3).double()
    w, b = affine(model)
    known = torch.tensor([1.0, 0.0, 1.0]).double().expand(4, 3)
    seen = [0, 2]
    covariance = (w @ w.T + STD**2 * torch.eye(3).double())[seen][:, seen]
    truth = multivariate_normal(b[seen].numpy(), covariance.numpy()).logpdf(x[:, seen].numpy())
    with torch.no_grad():
        found = value("iwae(60000)", model(x * known, known=known), model)
    assert np.allclose(-found, truth, atol=0.1)


def test_leapfrog_keeps_volumes_and_goes_back():
    """Pitfall 17, Fault 2: the second half kick follows the moved code and the new momentum."""
    model, x = rounded(), torch.randn(1, 3).double()
    pull, sizes = force(model(x), model), torch.tensor([0.4, 0.7]).double()

    def step(both: torch.Tensor) -> torch.Tensor:
        z, rho = both.view(2, 1, 1, 2)
        z, rho, *_ = leapfrog(pull, z, rho, pull(z)[1], sizes)
        return torch.cat([z.flatten(), rho.flatten()])

    start = torch.randn(4).double()
    assert abs(torch.linalg.det(jacobian(step, start)) - 1) < 1e-10
    turned = torch.tensor([1.0, 1.0, -1.0, -1.0]).double()
    assert torch.allclose(turned * step(turned * step(start)), start)


def test_curved_leapfrog_knows_its_volumes_and_goes_back():
    """Pitfall 17, in a space whose metric changes from place to place."""
    model, x = rounded("gaussian(3)"), torch.randn(1, 3).double()
    root = torch.randn(7, 3, 3).double().tril()
    metric = LatentMetric(torch.randn(7, 3).double(), root @ root.mT, 1.5, 0.01)
    pull, sizes = force(model(x), model), torch.tensor([0.4, 0.2, 0.3]).double()

    def step(both: torch.Tensor) -> torch.Tensor:
        z, v = both.view(2, 1, 1, 3)
        z, v, _, _, volume = curved_leapfrog(pull, metric, z, v, pull(z)[1], sizes)
        return torch.cat([z.flatten(), v.flatten(), volume.flatten()])

    start = torch.randn(6).double()
    there, turned = step(start), torch.tensor([1.0] * 3 + [-1.0] * 3).double()
    assert torch.allclose(torch.linalg.slogdet(jacobian(step, start)[:6])[1], there[6])
    assert abs(there[6]) > 1e-3 and torch.allclose(turned * step(turned * there[:6])[:6], start)


def test_a_metric_bends_velocities_by_its_christoffel_symbols():
    root = torch.randn(5, 3, 3).double().tril()
    metric = LatentMetric(torch.randn(5, 3).double(), root @ root.mT, 1.5, 0.1)
    z, v = torch.randn(3).double(), torch.randn(3).double()

    def itself(z: torch.Tensor) -> torch.Tensor:
        return metric.at(z.view(1, 1, 3)).itself[0, 0]
    inverse, change = torch.linalg.inv(itself(z)), jacobian(itself, z)
    expected = np.zeros((3, 3))
    for i, j, k, m in np.ndindex(3, 3, 3, 3):
        expected[i, j] += float(v[k] * inverse[i, m] / 2 * (
            change[m, j, k] + change[m, k, j] - change[k, j, m]))
    place = metric.at(z.view(1, 1, 3))
    assert np.allclose(place.bend(v.view(1, 1, 3))[0, 0], expected)
    volume = -jacobian(lambda z: torch.logdet(itself(z)), z) / 2
    assert torch.allclose(place.downhill(v.view(1, 1, 3))[0, 0], inverse @ (v + volume))


def test_energy_is_nearly_kept_so_that_steps_follow_the_curved_space():
    model, x = rounded(), torch.randn(3, 3).double()
    out = at_truth(linear(), x)
    off = []
    for count, size in ((8, 0.02), (16, 0.01)):
        term = RHVAE(model, steps=count, step_size=size, tempering=1.0, floor=0.5).double()
        term.centroids.normal_(generator=torch.Generator().manual_seed(0))
        torch.manual_seed(0)
        z = out.latent.q.sample((1,))
        shapes = torch.eye(2).double().expand(100, 2, 2) / 20
        metric, pull = LatentMetric(term.centroids, shapes, 1.5, 0.5), force(out, model)
        v = torch.randn_like(z)
        joint, slope = pull(z)
        # log p(x, z) + log N(v | 0, M), volumes taken into account, is what a path keeps
        kept = joint + metric.at(z).log_prob(v)
        for _ in range(count):
            z, v, joint, slope, volume = curved_leapfrog(pull, metric, z, v, slope,
                                                         torch.full((2,), size).double())
            kept = kept - volume
        off.append((joint + metric.at(z).log_prob(v) - kept).abs().max())
    assert off[0] < 0.05 and off[1] < 0.35 * off[0], "half the step, a quarter of the error"


def test_momentum_cools_with_the_square_of_the_steps_and_step_sizes_stay_in_bounds():
    pace = LeapfrogSteps((2,), 0.05, 0.5, 0.25)
    heats = pace.heats(4).detach()
    assert np.allclose(heats, [2 - (k / 4)**2 for k in range(5)], atol=1e-5)
    assert torch.allclose(pace.sizes, torch.full((2,), 0.05))
    pace.raw_sizes.data.copy_(torch.tensor([-50.0, 50.0]))
    assert (pace.sizes > 0).all() and (pace.sizes <= 0.5).all()
    assert torch.equal(LeapfrogSteps((2,), 0.05, 0.5, 1.0).heats(3), torch.ones(4))


def test_rhvae_remembers_the_last_means_for_evaluation():
    model, x = rounded(), torch.randn(4, 3).double()
    term = RHVAE(model, centroids=6).double()
    first, out = term.centroids.clone(), model(x)
    term(out, model).sum().backward()
    assert torch.equal(term.centroids, torch.cat([out.latent.q.mean, first])[:6])
    assert all(weight.grad is not None for weight in term.parameters())
    held = term.eval().centroids.clone()
    term(out, model)
    assert torch.equal(term.centroids, held) and "centroids" in term.state_dict()


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("bottleneck", ["plain(2)", "vq", "sphere"])
def test_a_bottleneck_without_what_a_bound_wants_hears_what_it_needs(term, bottleneck):
    if bottleneck == "sphere" and "hvae" not in term:
        return
    model = Autoencoder(Parts("conv", bottleneck=bottleneck, likelihood="normal"), (1, 16, 16))
    with pytest.raises(ValueError, match=r" needs a bottleneck .*gaussian"):
        Objective(term, model)(model(torch.rand(2, 1, 16, 16)), model)


def test_a_posterior_that_cannot_be_drawn_from_again_is_told_so():
    model, x = linear(), torch.randn(2, 3).double()
    out = model(x)
    out.latent.q.has_rsample = False
    with pytest.raises(ValueError, match="sampled again"):
        value("iwae", out, model)


@pytest.mark.parametrize("loss", ["recon", "iwae(2)", "hvae(1)", "rhvae(1)"])
@pytest.mark.parametrize("name", registry.bottlenecks.parts)
def test_every_bottleneck_is_measured_before_it_trains_or_says_what_the_loss_needs(name, loss):
    parts = Parts("conv", bottleneck=registry.bottlenecks.examples[name], likelihood="normal",
                  loss=loss)
    try:
        found = summarise(parts, (1, 16, 16)).parameters["whole"]
    except ValueError as error:
        assert " needs " in str(error)
    else:
        model = Autoencoder(parts, (1, 16, 16))
        held = [*model.parameters(), *Objective(loss, model).parameters()]
        assert found == sum(weight.numel() for weight in held if weight.requires_grad)


def test_relaxed_categories_have_torchs_density_and_its_draws():
    logits, heat = torch.randn(4, 5).double(), torch.tensor(0.7).double()
    factors = RelaxedLatents(torch.zeros(4, 0).double(), torch.ones(4, 0).double(), (logits,), heat)
    other = RelaxedOneHotCategorical(heat, logits=logits)
    z = other.sample((6,)).clamp(min=1e-6)
    z = z / z.sum(-1, keepdim=True)
    assert torch.allclose(factors.log_prob(z), other.log_prob(z))
    drawn = factors.rsample((20_000,))
    assert torch.allclose(drawn.mean(0), other.sample((20_000,)).mean(0), atol=0.02)


@pytest.mark.parametrize("wrong, said", [
    ("hvae(step_size=0.6)", "step_size must be below largest, 0.5, not 0.6"),
    ("hvae(tempering=2)", "tempering must be above 0 and up to 1, not 2"),
    ("iwae(0)", "k must be a whole number from 1"), ("ciwae(beta=2)", "beta must be a number")])
def test_options_out_of_bounds_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        registry.terms.make(wrong, linear())
