"""Recommenders: likelihood, losses and baselines against closed forms, and metrics by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from scipy import sparse
from scipy.optimize import minimize
from torch.distributions import Multinomial, Normal

from hourglass.analysis.metrics.bootstrap import of_rows
from hourglass.analysis.ranking import judge
from hourglass.analysis.ranking_baselines import ease_weights, recommenders, scorer
from hourglass.analysis.rating_baselines import (
    item_means,
    neighbours,
    residuals,
    soft_impute,
)
from hourglass.core.contracts import Clock
from hourglass.core.ranking import hits_of, ndcg, recall, top_items
from hourglass.core.registry import backbones, likelihoods, models
from hourglass.data.collect import collect, split
from hourglass.data.image_options import Reading
from hourglass.data.split_data import Source
from hourglass.data.user_histories import read_histories
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.loss_step import Step
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts
from hourglass.training.initial_bias import begin_at_mean
from hourglass.training.ranking_loss import missed_ndcg

TINY = {"mult_dae": "mult_dae(4, 8)", "mult_vae": "mult_vae(4, 8)", "rec_vae": "rec_vae(4, 8)",
        "rating_ae": "rating_ae(4, 8)"}


def choices(users: int, items: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).random((users, items)) < 0.3
    rows[:, 0] |= ~rows.any(1)
    return rows.astype(np.float64)


# metrics, each by a plain loop

def ndcg_by_hand(scores, seen, held, k) -> float:
    order = sorted((-score, i) for i, score in enumerate(scores) if not seen[i])
    gain = sum(1 / math.log2(place + 2) for place, (_, i) in enumerate(order[:k]) if held[i])
    best = sum(1 / math.log2(place + 2) for place in range(min(k, int(sum(held)))))
    return gain / best


def recall_by_hand(scores, seen, held, k) -> float:
    order = sorted((-score, i) for i, score in enumerate(scores) if not seen[i])
    return sum(held[i] for _, i in order[:k]) / min(k, int(sum(held)))


@pytest.mark.parametrize("k", [1, 3, 10, 200])
def test_ndcg_and_recall_are_those_of_the_papers(k):
    draw = np.random.default_rng(k)
    scores = np.round(draw.normal(size=(40, 30)), 1)   # with ties
    kind = draw.integers(0, 3, (40, 30))
    kind[:, 0] = 2
    seen, held = torch.from_numpy(kind == 1), torch.from_numpy(kind == 2)
    top = top_items(torch.from_numpy(scores), seen, k)
    hits, count = hits_of(top, held), held.sum(1)
    for name, ours, by_hand in (("ndcg", ndcg, ndcg_by_hand), ("recall", recall, recall_by_hand)):
        wanted = [by_hand(*row, k) for row in zip(scores, seen.numpy(), held.numpy(), strict=True)]
        np.testing.assert_allclose(ours(hits, count, k), wanted, atol=1e-12, err_msg=name)


def test_a_perfect_list_has_one_and_seen_items_are_never_in_it():
    held = torch.tensor([[0, 1, 1, 0, 0]]).bool()
    seen = torch.tensor([[1, 0, 0, 0, 0]]).bool()
    top = top_items(torch.tensor([[9.0, 5.0, 4.0, 1.0, 0.0]]), seen, 4)
    assert top.tolist() == [[1, 2, 3, 4]]
    hits = hits_of(top, held)
    assert ndcg(hits, held.sum(1), 4).item() == recall(hits, held.sum(1), 4).item() == 1


def test_the_interval_of_a_score_of_rows_covers_the_truth():
    draw = np.random.default_rng(0)
    inside = 0
    for _ in range(60):
        values = draw.exponential(size=80)
        found = of_rows(lambda rows, values=values: values[rows].mean(), 80, 50)
        inside += found.low < 1 < found.high
    assert 49 <= inside <= 60


# the likelihood and the losses

def test_the_multinomial_is_torchs_without_its_coefficient():
    logits, x = torch.randn(5, 7), torch.randint(0, 4, (5, 7)).float()
    px = likelihoods.make("multinomial")(logits)
    for row in range(5):
        total = int(x[row].sum())
        whole = Multinomial(total, logits=logits[row]).log_prob(x[row])
        coefficient = math.lgamma(total + 1) - torch.lgamma(x[row] + 1).sum()
        assert px.log_prob(x)[row].sum().item() == pytest.approx(
            (whole - coefficient).item(), abs=1e-4)
    assert px.mean.sum(1).tolist() == pytest.approx([1.0] * 5)


def test_the_multinomial_begins_at_the_shares_of_the_items():
    x = torch.from_numpy(choices(50, 6)).float()
    px = likelihoods.make("multinomial")(likelihoods.make("multinomial").start(x)[None])
    np.testing.assert_allclose(px.mean[0], x.sum(0) / x.sum(), rtol=1e-5)


def made(name: str, items: int = 12) -> tuple[Autoencoder, Step]:
    model = Autoencoder(models.make(name), (items,))
    return model, Step(model, Objective(models.make(name).loss, model))


def test_the_loss_of_mult_vae_is_that_of_the_paper():
    model, step = made("mult_vae(4, 8, beta=0.3)")
    model.eval()
    x = torch.from_numpy(choices(6, 12)).float()
    out = model(x)
    loss, _ = step.objective(out, model)
    h = torch.tanh(model.encoder.layers[1](x / x.norm(dim=1, keepdim=True)))
    mean, log_var = model.bottleneck.reduce(h).chunk(2, 1)
    logits = model.decoder(model.bottleneck.expand(mean))
    log_var = 20 * torch.tanh(log_var / 20)   # the soft limit of gaussian
    kl = 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum(1)
    wanted = -(x * logits.log_softmax(1)).sum(1) + 0.3 * kl
    assert loss.item() == pytest.approx(wanted.mean().item(), rel=1e-5)


def test_the_weight_of_the_kl_rises_to_beta():
    _, step = made("mult_vae(4, 8, beta=0.3)")
    weights = []
    for share in (0.0, 0.125, 0.25, 1.0):
        step.objective.at(Clock(int(share * 100), 10, share))
        weights.append(float(step.objective.get_buffer("now")[1]))
    assert weights == pytest.approx([0, 0.15, 0.3, 0.3])


def test_inputs_are_dropped_in_training_alone_and_scaled_as_in_the_paper():
    encoder = backbones.make("item_mlp(8, dropout=0.5)", (2000,), (2000,)).encoder
    x = torch.ones(1, 2000)
    rows = encoder.layers[0]
    assert torch.equal(rows.eval()(x), x / x.norm())
    found = rows.train()(x) * x.norm()
    assert torch.allclose(found.unique(), torch.tensor([0.0, 2.0]))
    assert float((found == 0).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_the_composite_kl_is_the_mixture_of_the_paper():
    model, step = made("rec_vae(3, 8, gamma=0.02)")
    term = step.objective.terms["composite_kl"]
    model.eval()
    x = torch.from_numpy(choices(5, 12)).float()
    with torch.no_grad():   # an earlier posterior that differs from the present one
        for weight in term.bottleneck.parameters():
            weight.add_(0.3)
    out = model(x, draw=True)
    z, q, old = (t.detach() if isinstance(t, torch.Tensor) else t
                 for t in (out.latent.z, out.latent.q, term.earlier(x)))

    def log_density(mean, std):
        return scipy.stats.norm(np.asarray(mean), np.asarray(std)).logpdf(z.numpy())
    parts = [log_density(0, 1) + math.log(3 / 20),
             log_density(old.mean, old.stddev) + math.log(3 / 4),
             log_density(0, math.exp(10 / 2)) + math.log(1 / 10)]
    each = log_density(q.mean.detach(), q.stddev.detach()) - scipy.special.logsumexp(parts, 0)
    wanted = 0.02 * x.sum(1).numpy() * each.sum(1)
    np.testing.assert_allclose(term(out, model).detach(), wanted, rtol=1e-4)


def test_the_composite_kl_is_positive_on_average_and_zero_for_its_prior():
    """Sampled, it is the KL of q to a mixture: by numerical integration in one dimension."""
    model, step = made("rec_vae(1, 8, gamma=1)")
    term = step.objective.terms["composite_kl"]
    model.eval()
    x = torch.from_numpy(choices(1, 12)).float()
    out = model(x)
    q = out.latent.q
    grid = torch.linspace(-12, 12, 4001)
    old = term.earlier(x)
    mixture = sum(share * Normal(mean, std).log_prob(grid).exp() for share, mean, std in (
        (3 / 20, 0.0, 1.0), (3 / 4, float(old.mean), float(old.stddev)), (0.1, 0.0, math.exp(5))))
    density = Normal(q.mean.item(), q.stddev.item()).log_prob(grid).exp()
    exact = float(torch.trapezoid(density * (density.clamp(min=1e-30).log() - mixture.log()), grid))
    with torch.no_grad():
        many = x.expand(20_000, -1)
        found = term(model(many, draw=True), model).mean() / x.sum()
    assert float(found) == pytest.approx(exact, abs=0.03)


def learning(model) -> tuple[bool, bool]:
    """Whether the encoder's side learns, and the decoder's."""
    front = [*model.encoder.parameters(), *model.bottleneck.reduce.parameters()]
    back = [*model.decoder.parameters(), *model.bottleneck.expand.parameters()]
    found = [{weight.requires_grad for weight in side} for side in (front, back)]
    assert all(len(kinds) == 1 for kinds in found)
    return found[0].pop(), found[1].pop()


def test_rec_vae_trains_its_halves_in_turns_and_then_takes_the_posterior_over():
    model, step = made("rec_vae(3, 8, encoder_epochs=2)")
    term = step.objective.terms["composite_kl"]
    first = {name: t.clone() for name, t in term.encoder.state_dict().items()}
    turns, rates = [], []
    for epoch in range(6):
        for batch in range(3):
            step.objective.at(Clock(3 * epoch + batch, 3, 0.0))
            turns.append(learning(model))
            rates.append(model.encoder.rows.rate)
            with torch.no_grad():
                model.encoder.first.weight.add_(0.01 * turns[-1][0])
    encoder, decoder = (True, False), (False, True)
    assert turns == ([encoder] * 6 + [decoder] * 3) * 2
    assert rates == ([0.7] * 6 + [0.0] * 3) * 2
    assert torch.equal(term.encoder.state_dict()["first.weight"], model.encoder.first.weight)
    assert not torch.equal(term.encoder.state_dict()["first.weight"], first["first.weight"])
    step.objective.at(None)
    assert learning(model) == (True, True) and model.encoder.rows.rate == 0.7


@pytest.mark.parametrize("name", TINY)
def test_a_recommender_learns_two_tastes_better_than_popularity(name, here):
    explicit = name == "rating_ae"
    text = f"ratings('ratings.csv', fewest=2{', explicit=True' * explicit})"
    source = split(collect(text, Reading()), {"val": 0.2, "test": 0.2}, seed=0)
    model, step = made(TINY[name], source.shape[0])
    train = source.splits["train"]
    optimiser = torch.optim.Adam(step.parameters(), 0.02)
    batch = train.batch(torch.arange(len(train)))
    for number in range(160):
        step.objective.at(Clock(number, 4, number / 160))
        loss, _ = step.train()(batch.x, None, None, batch.known)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    step.objective.at(None)
    found = judge(model, source)
    if explicit:
        rmse = np.sqrt(found.errors.sum(1) / found.counts.sum())
        assert rmse[0] < 1.6, "the ratings' own deviation is 1.5, and 10 % are turned"
        assert found.methods == ("model", "soft-impute", "KNN", "means")
    else:
        means = dict(zip(found.methods, found.users[:, :, 0].mean(1), strict=True))
        assert means["model"] > means["popularity"] + 0.1
        held = source.splits["test"]
        assert missed_ndcg(model, held) == pytest.approx(1 - means["model"], abs=1e-6)


def explicit_source() -> Source:
    return split(collect("ratings('ratings.csv', fewest=2, explicit=True)", Reading()),
                 {"val": 0.2, "test": 0.2}, seed=0)


def test_the_network_of_ratings_begins_at_the_means_of_items_and_users(here):
    """What the baseline of means predicts, which is computed in another way."""
    source = explicit_source()
    model, _ = made("rating_ae(4, 8)", source.shape[0])
    begin_at_mean(model, source.splits["train"])
    train = source.splits["train"]
    means = item_means(train.x.rows_at(train.index.numpy()).matrix)
    test = source.splits["test"]
    batch = test.batch(torch.arange(len(test)))
    out = model.eval()(batch.x, None, False, batch.encoder_input, batch.known)
    for given, predicted, code in zip(batch.encoder_input.numpy(), out.px.mean.detach().numpy(),
                                      out.latent.z.detach().numpy(), strict=True):
        own = np.flatnonzero(given)
        wanted = means.predict(own, given[own], np.arange(len(given)))
        np.testing.assert_allclose(predicted, wanted, atol=0.02)   # and small weights
        assert code[0] == pytest.approx(means.of_user(own, given[own]), abs=1e-5)


def test_training_drops_known_ratings_alone_and_use_drops_none():
    torch.manual_seed(0)
    encoder = backbones.make("rating_mlp(3, 8, dropout=0.5)", (50,), (50,)).encoder
    x = torch.zeros(400, 50)
    x[:, :20] = 1.0
    offsets = encoder.train()(x)[0][:, 0]   # the sum of n ratings of 1, over n + 5
    counts = 5 * offsets / (1 - offsets)
    assert counts.mean().item() == pytest.approx(10, abs=0.5) and counts.std() > 1.5
    np.testing.assert_allclose(encoder.eval()(x)[0][:, 0].detach(), 20 / 25, rtol=1e-6)


def test_a_rating_of_exactly_the_mean_is_a_known_one(here):
    lines = [f"u{user},i{item},{1 + item % 3}" for user in range(9) for item in range(6)]
    Path("ratings.csv").write_text("user,item,rating\n" + "\n".join(lines))
    source = explicit_source()
    train = source.splits["train"].x.matrix
    assert train.nnz == 54 and (train.data != 0).all() and np.abs(train.data).min() < 1e-5
    histories = read_histories({"i0": 1, "i1": 2}, source.encoding)
    assert (histories.rows.matrix.data != 0).all()


@pytest.mark.parametrize("text, words", [
    ("rating_mlp(1)", "at least 2 numbers"), ("rating_mlp(4)", "one number for each item")])
def test_a_network_of_ratings_says_what_it_needs(text, words):
    with pytest.raises(ValueError, match=f"rating_mlp needs .*{words}"):
        backbones.make(text, (6,), (12,) if "each item" in words else (6,))


# baselines

@pytest.mark.parametrize("penalty", [0.5, 20.0])
def test_ease_is_the_least_squares_solution_without_a_diagonal(penalty):
    """Column by column: an item's column of X from all others, by ridge regression."""
    x = choices(60, 9)
    weights = ease_weights(x.T @ x, penalty)
    assert np.all(np.diag(weights) == 0)
    for item in range(9):
        others = [i for i in range(9) if i != item]
        wide = np.vstack([x[:, others], math.sqrt(penalty) * np.eye(8)])
        target = np.concatenate([x[:, item], np.zeros(8)])
        wanted = np.linalg.lstsq(wide, target, rcond=None)[0]
        np.testing.assert_allclose(weights[others, item], wanted, atol=1e-9)


def test_ease_beyond_its_items_ranks_the_others_last(monkeypatch):
    monkeypatch.setattr("hourglass.analysis.ranking_baselines.MOST_ITEMS", 5)
    x = choices(60, 9)
    from hourglass.analysis.ranking_baselines import _popular_gram
    most, gram = _popular_gram(sparse.csr_matrix(x))
    assert most.tolist() == sorted(np.argsort(-x.sum(0), kind="stable")[:5].tolist())
    np.testing.assert_allclose(gram, x[:, most].T @ x[:, most])
    scores = scorer(ease_weights(gram, 1.0), most)(torch.from_numpy(x).float())
    left = [i for i in range(9) if i not in most]
    assert scores[:, left].max() < scores[:, most].min()


def test_popularity_counts_training_users_alone(here):
    source = split(collect("ratings('ratings.csv', fewest=2)", Reading()),
                   {"val": 0.2, "test": 0.2}, seed=0)
    train = source.splits["train"]
    dense = train.x.matrix.toarray()[train.index]
    popularity = next(one for one in recommenders(source) if one.name == "popularity")
    np.testing.assert_array_equal(popularity.score(torch.zeros(1, source.shape[0]))[0],
                                  dense.sum(0))
    assert source.encoding["counts"] == dense.sum(0).tolist()


def low_rank(users: int = 60, items: int = 25) -> np.ndarray:
    draw = np.random.default_rng(1)
    return draw.normal(size=(users, 2)) @ draw.normal(size=(2, items))


def test_soft_impute_has_the_optimum_of_its_objective():
    truth = low_rank()
    known = np.random.default_rng(0).random(truth.shape) < 0.7
    left = sparse.csr_matrix(truth * known)
    means = item_means(sparse.csr_matrix(truth.shape))
    predict = soft_impute(left, means, 1.5)
    rows = []
    for user in range(len(truth)):
        own = np.flatnonzero(known[user])
        rest = truth[user, own]
        rows.append((own, rest))
    assert np.isfinite(predict(*rows[0], np.arange(25))).all()
    held = np.concatenate([predict(own, rest, np.flatnonzero(~known[user]))
                           - truth[user, ~known[user]] for user, (own, rest) in enumerate(rows)])
    assert np.sqrt(np.square(held).mean()) < 0.5 * truth.std()


def test_the_factors_of_soft_impute_reach_the_nuclear_norm_problem():
    """Full data: the solution is the singular values, each less the penalty (Hastie et al.)."""
    truth = low_rank(20, 12)
    from hourglass.analysis.rating_baselines import _solved
    v = np.random.default_rng(0).normal(size=(12, 12))
    rows = sparse.csr_matrix(truth)
    for _ in range(300):
        u = _solved(rows, v, 2.0)
        v = _solved(rows.tocsc(), u, 2.0)
    left, values, right = np.linalg.svd(truth, full_matrices=False)
    np.testing.assert_allclose(u @ v.T, (left * np.maximum(values - 2.0, 0)) @ right, atol=1e-3)


def test_neighbours_are_weighted_as_a_plain_loop_does():
    truth = low_rank()
    known = np.random.default_rng(2).random(truth.shape) < 0.5
    full = sparse.csr_matrix(truth * known)
    means = item_means(full)
    left = residuals(full, means).toarray()
    own, asked = np.arange(0, 25, 2), np.arange(1, 25, 2)
    values = np.random.default_rng(3).normal(size=len(own))
    rest = np.zeros(25)
    rest[own] = values - means.items[own] - means.of_user(own, values)
    for item, found in zip(asked, neighbours(residuals(full, means), means, 3)(
            own, values, asked), strict=True):
        alike = []
        for user in range(60):
            common = sum(known[user, i] for i in own)
            cosine = left[user] @ rest / (np.linalg.norm(left[user]) * np.linalg.norm(rest))
            alike.append(max(cosine * common / (common + 10), 0))
        raters = sorted((u for u in range(60) if known[u, item]), key=lambda u: -alike[u])[:3]
        wanted = sum(alike[u] * left[u, item] for u in raters) / sum(alike[u] for u in raters)
        assert found == pytest.approx(
            means.items[item] + means.of_user(own, values) + wanted, abs=1e-9)


def test_means_are_damped_by_hand():
    rows = np.array([[2.0, 0, 4.0], [0, 1.0, 2.0]])
    means = item_means(sparse.csr_matrix(rows))
    np.testing.assert_allclose(means.items, [2 / 6, 1 / 6, 6 / 7])
    own, values = np.array([0, 2]), np.array([2.0, 4.0])
    offset = ((2 - 2 / 6) + (4 - 6 / 7)) / 7
    np.testing.assert_allclose(means.predict(own, values, np.array([1])), [1 / 6 + offset])


def test_the_ridge_of_a_new_user_is_the_least_of_its_loss():
    from hourglass.analysis.rating_baselines import _ridge
    x, y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8.0)
    found = minimize(lambda w: np.square(y - x @ w).sum() + 2 * np.square(w).sum(), np.zeros(3)).x
    np.testing.assert_allclose(_ridge(x, y, 2.0), found, atol=1e-4)


def test_a_network_of_items_fits_any_shape_and_says_what_it_lacks():
    model = Autoencoder(Parts("item_mlp((8, 4))", bottleneck="plain(2)",
                              likelihood="multinomial"), (1, 3, 4))
    assert model(torch.rand(2, 1, 3, 4)).px.mean.flatten(1).sum(1).tolist() == pytest.approx([1, 1])
    with pytest.raises(ValueError, match="at least one width"):
        backbones.make("item_mlp(())", (4,), (4,))
