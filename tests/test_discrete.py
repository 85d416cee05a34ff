"""Discrete codes: words are the nearest, codebooks learn as their authors say, losses are of a
sample, the prior over words is a distribution and sees the past alone."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from conftest import run_code, train
from torch.distributions import Normal, RelaxedOneHotCategorical, kl_divergence

from hourglass.analysis.metrics import measure
from hourglass.analysis.snapshot import Snapshot, load_snapshot
from hourglass.core.contracts import Alphabet, Clock, CodeSpace, Output
from hourglass.core.registry import bottlenecks, metrics, priors
from hourglass.inference.priors.masked_conv import Reader
from hourglass.inference.priors.pixelcnn import PixelCNN
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.bottlenecks.codebook import SMOOTHING, Codebook
from hourglass.model.bottlenecks.gaussian_categorical import RelaxedLatents
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts
from hourglass.model.summary import summarise

MAP, VECTOR = (6, 4, 5), (32,)
WORDS = ["vq(12, 4)", "vq(12, 4, ema=False)", "vq(12, 4, cosine=True)",
         "residual_vq(6, 4, depth=3)", "product_vq(6, 4, groups=2)", "fsq((5, 4, 3))",
         "sim_vq(12, 4)", "lfq(5)", "bsq(5)"]
DISCRETE = [*WORDS, "categorical(6, 4)", "joint(3, classes=(4, 2))"]
LEARNT = WORDS[:5]


def trained(text: str, code: tuple[int, ...] = MAP) -> torch.nn.Module:
    """A bottleneck after three steps of training."""
    made = bottlenecks.make(text, code, code)
    for _ in range(3):
        made(torch.randn(8, *code), draw=True)
    return made


def book(words: torch.Tensor, **options) -> Codebook:
    made = Codebook(*words.shape, **options)
    made.words.data = words
    made.usage.fill_(1)
    made.sums.copy_(words)
    return made


def test_the_nearest_words_are_those_of_brute_force():
    words, v = torch.randn(30, 5), torch.randn(200, 5)
    apart = ((v[:, None].double() - words[None].double()) ** 2).sum(2)
    assert torch.equal(book(words).nearest(v), apart.argmin(1))
    likeness = torch.nn.functional.cosine_similarity(v[:, None], words[None], dim=2)
    assert torch.equal(book(words, cosine=True).nearest(v), likeness.argmax(1))


def test_running_means_are_those_of_a_plain_loop_and_begin_with_the_words_themselves():
    """Pitfall 16: usage and sums begin together, so no word jumps when it is first chosen."""
    made, decay = Codebook(4, 2, decay=0.9, restart=False), 0.9
    generator = np.random.default_rng(0)
    batches = [generator.normal(size=(20, 2)).astype(np.float32) for _ in range(5)]
    made.begin(torch.from_numpy(batches[0]))
    words = made.words.detach().double().numpy().copy()
    assert {tuple(word) for word in words} <= {tuple(v) for v in batches[0].astype(float)}
    usage, sums = np.ones(4), words.copy()
    for batch in batches:
        v = torch.from_numpy(batch)
        made.begin(v)
        made.follow(v, made.nearest(v))
        chosen = [int(np.argmin([np.sum((v - word) ** 2) for word in words])) for v in batch]
        for k in range(4):
            own = [v for v, word in zip(batch, chosen, strict=True) if word == k]
            usage[k] = decay * usage[k] + (1 - decay) * len(own)
            sums[k] = decay * sums[k] + (1 - decay) * np.sum(own, axis=0)
        for k in range(4):
            smooth = (usage[k] + SMOOTHING) / (usage.sum() + 4 * SMOOTHING) * usage.sum()
            words[k] = sums[k] / smooth
        np.testing.assert_allclose(made.words.detach().numpy(), words, atol=1e-5)


def test_a_dead_word_begins_anew_among_the_vectors_and_the_others_stay():
    """Pitfall 16: a word that no vector chooses does not stay dead."""
    words = torch.tensor([[0.0, 0.0], [9.0, 9.0]])
    v = torch.randn(50, 2) / 10
    for restart in (True, False):
        made = book(words.clone(), restart=restart, decay=0.5)
        for _ in range(8):
            made.begin(v)
            made.follow(v, made.nearest(v))
        far = made.words[1].norm() > 5
        assert far != restart and made.words[0].norm() < 1


def test_two_processes_have_the_same_words_as_one_with_all_vectors(tmp_path):
    script = """
import sys, torch
import torch.distributed as processes
from hourglass.model.bottlenecks.codebook import Codebook
rank, count = int(sys.argv[1]), int(sys.argv[2])
if count > 1:
    processes.init_process_group("gloo", init_method="file://" + sys.argv[3], rank=rank,
                                 world_size=count)
torch.manual_seed(0)
made, all_v = Codebook(6, 3), torch.randn(4, 20, 3)
for v in all_v:
    torch.manual_seed(rank)
    mine = v[rank::count]
    if made.usage.sum() == 0:
        made.begin(v[::2][:10] if rank == 0 else mine)   # the same beginning for one and for two
    made.follow(mine, made.nearest(mine))
print(made.words.flatten().tolist())
"""
    with ThreadPoolExecutor(3) as pool:
        ended = [pool.submit(run_code, script, str(rank), str(count), str(tmp_path / "meet"))
                 for rank, count in ((0, 2), (1, 2), (0, 1))]
    first, second, alone = (np.array(json.loads(one.result()[1])) for one in ended)
    assert np.array_equal(first, second)
    np.testing.assert_allclose(first, alone, atol=1e-5)


@pytest.mark.parametrize("text", DISCRETE)
def test_a_model_is_measured_without_its_weights(text):
    model = Autoencoder(Parts("mlp(8)", bottleneck=text, likelihood="normal"), (7,))
    costs = summarise(Parts("mlp(8)", bottleneck=text, likelihood="normal"), (7,))
    assert costs.parameters["whole"] == sum(
        p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("text", DISCRETE)
def test_only_steps_of_training_teach_the_words(text):
    made = trained(text)
    before = {name: t.clone() for name, t in made.state_dict().items()}
    made.eval()
    for draw in (True, False):
        made(torch.randn(8, *MAP), draw)
    made.train()
    made(torch.randn(8, *MAP))
    assert all(torch.equal(t, before[name]) for name, t in made.state_dict().items())


@pytest.mark.parametrize("text", WORDS[:-2])
@pytest.mark.parametrize("code", [MAP, VECTOR, (6, 9)], ids=str)
def test_penalties_are_of_each_sample_whatever_the_batch(text, code):
    """Fault 6: a codebook's losses do not grow with the batch. (Entropies are of a batch.)"""
    made = trained(text, code).eval()
    h = torch.randn(16, *code)
    whole, part = made(h).penalties, made(h[:2]).penalties
    assert whole.keys() == part.keys()
    for name, value in whole.items():
        assert value.shape == (16,) and torch.allclose(value[:2], part[name], atol=1e-5)


def test_the_commitment_moves_the_encoder_and_the_codebook_loss_the_words():
    """Pitfall 16: the weight is on the commitment, and each term has its one gradient."""
    made = trained("vq(5, 6, ema=False, commitment=0.25)")
    h = torch.randn(3, *MAP)
    v, book = made.grid.split(made.reduce(h)).detach(), made.quantiser.book
    squares = (v - book.words[book.nearest(v)].detach()).square().sum((1, 2))
    weights = {"commitment": (0.25, made.reduce.weight), "codebook": (1.0, book.words)}
    for name, (weight, mine) in weights.items():
        other = next(t for n, (_, t) in weights.items() if n != name)
        penalty = made(h).penalties[name]
        torch.testing.assert_close(penalty, weight * squares)
        found = torch.autograd.grad(penalty.sum(), (mine, other), allow_unused=True)
        assert found[0].abs().sum() > 0 and found[1] is None
    assert set(trained("vq(5, 6)")(h).penalties) == {"commitment"}, "running means need no loss"


@pytest.mark.parametrize("text", ["vq(12, None)", "product_vq(6, 6, groups=2)",
                                  "residual_vq(6, 6, depth=3)"])
def test_the_gradient_passes_straight_through(text):
    made = trained(text)
    if "None" not in text:
        made.reduce = torch.nn.Identity()
        made.expand = made.expand[0] if "residual" in text else torch.nn.Identity()
    h, onto = torch.randn(2, *MAP, requires_grad=True), torch.randn(2, *MAP)
    (made.expand(made(h).z) * onto).sum().backward()
    torch.testing.assert_close(h.grad, onto)


def test_the_gradient_turns_as_the_vector_turns_to_its_entry():
    made = trained("vq(12, None, rotate=True)")
    h, onto = torch.randn(2, *MAP, requires_grad=True), torch.randn(2, *MAP)
    z = made(h).z
    found, = torch.autograd.grad((z * onto).sum(), h)
    grid = made.grid
    v, w, pulled = (grid.split(t.detach()).double() for t in (h, z, onto))
    for vector, entry, pull, ours in zip(*(t.flatten(0, 1) for t in (v, w, pulled)),
                                         grid.split(found).flatten(0, 1), strict=True):
        e, q = vector / vector.norm(), entry / entry.norm()
        across = q - (q @ e) * e
        n = across / across.norm()   # e and n span the plane in which e turns to q
        cos, sin = e @ q, across.norm()
        turn = (torch.eye(len(e)) + sin * (torch.outer(n, e) - torch.outer(e, n))
                + (cos - 1) * (torch.outer(e, e) + torch.outer(n, n)))
        torch.testing.assert_close(turn @ e, q)
        torch.testing.assert_close(ours.double(), entry.norm() / vector.norm() * turn.T @ pull,
                                   atol=1e-4, rtol=1e-4)


def test_entries_of_sim_vq_move_together_and_are_the_nearest():
    made = bottlenecks.make("sim_vq(12, 4)", MAP, MAP)
    book = made.quantiser.book
    h = torch.randn(3, *MAP)
    latent, before = made(h, draw=True), book.vectors.detach()
    v = made.grid.split(made.reduce(h)).detach()
    assert torch.equal(latent.codes.flatten(1), torch.cdist(v, before[None]).argmin(2))
    latent.penalties["codebook"].sum().backward()
    with torch.no_grad():
        book.layer.weight -= 0.01 * book.layer.weight.grad
    assert ((book.vectors - before).abs().sum(1) > 0).all(), "also those that are not used"
    assert made.reduce.weight.grad is None and not book.words.requires_grad


@pytest.mark.parametrize("code", [MAP, VECTOR, (6, 9)], ids=str)
@pytest.mark.parametrize("text", WORDS)
def test_codes_are_their_words_and_settle_is_at_home_with_them(text, code):
    made = trained(text, code).eval()
    latent, alphabet = made(torch.randn(7, *code)), made.alphabet
    assert latent.codes.shape == (7, *alphabet.places)
    assert latent.codes.min() >= 0 and latent.codes.max() < alphabet.size
    torch.testing.assert_close(alphabet.write(latent.codes), latent.z)
    assert torch.equal(alphabet.read(latent.z), latent.codes)
    torch.testing.assert_close(made.settle(latent.z + 1e-4), latent.z)
    words = torch.randint(alphabet.size, (300, *alphabet.places))
    assert torch.equal(alphabet.read(alphabet.write(words)), words)


def test_a_residual_word_is_the_nearest_to_what_is_left():
    made = trained("residual_vq(6, 4, depth=3)").eval()
    h = torch.randn(2, *MAP)
    left, words = made.grid.split(made.reduce(h)).detach(), made(h).codes.flatten(1, 2)
    for depth, book in enumerate(made.quantiser.books):
        chosen = torch.cdist(left, book.words[None].expand(2, -1, -1)).argmin(2)
        assert torch.equal(words[:, :, depth], chosen)
        left = left - book.words[chosen]
    said = made.expand[0](made(h).z)
    torch.testing.assert_close(made.grid.split(said), made.grid.split(made.reduce(h)) - left)


@pytest.mark.parametrize("levels", [(3,), (4,), (5,), (8,), (7, 5, 4)], ids=str)
def test_fsq_meets_each_of_its_levels_and_no_other(levels):
    made = bottlenecks.make(f"fsq({levels})", (len(levels), 1, 1), (len(levels), 1, 1)).quantiser
    v = torch.linspace(-30, 30, 4001)[:, None].expand(-1, len(levels))
    w, _, _ = made(v[None], False)
    for i, count in enumerate(levels):
        wanted = (torch.arange(count) - count // 2) / (count // 2)
        torch.testing.assert_close(w[0, :, i].unique(), wanted)
    nothing, _, _ = made(torch.zeros(1, 1, len(levels)), False)
    assert (nothing == 0).all(), "an even number of levels is shifted by half"
    every = torch.tensor(list(itertools.product(*(range(count) for count in levels))))
    assert made.read(made.write(torch.arange(made.size))).unique().numel() == len(every)


def test_the_entropies_of_lfq_are_those_of_all_its_words():
    made = bottlenecks.make("lfq(3, entropy=1.0, commitment=0)", (3, 1, 1), (3, 1, 1)).quantiser
    v = torch.randn(40, 2, 3)
    words = made.write(torch.arange(8))
    probable = torch.softmax(-(v[:, :, None] - words).square().sum(3), 2)
    own = -(probable * probable.log()).sum((1, 2))
    ones = (probable @ (words > 0).float()).flatten(0, 1).mean(0)   # of each bit, over the batch
    both = torch.stack([ones, 1 - ones])
    expected = own + 2 * (both * both.log()).sum()
    torch.testing.assert_close(made(v, False)[2]["entropy"], expected, atol=1e-4, rtol=1e-4)


def test_the_entropies_of_bsq_are_those_of_all_its_words():
    made = bottlenecks.make("bsq(3, 1.0, sharpness=4)", (3, 1, 1), (3, 1, 1)).quantiser
    v = torch.randn(40, 2, 3)
    u, words = v / v.norm(dim=2, keepdim=True), made.write(torch.arange(8))
    torch.testing.assert_close(words.norm(dim=1), torch.ones(8))
    probable = torch.softmax(4 * u @ words.T, 2)
    own = -(probable * probable.log()).sum((1, 2))
    ones = (probable @ (words > 0).float()).flatten(0, 1).mean(0)   # of each bit, over the batch
    both = torch.stack([ones, 1 - ones])
    _, found, penalties = made(v, False)
    torch.testing.assert_close(penalties["entropy"], own + 2 * (both * both.log()).sum(),
                               atol=1e-4, rtol=1e-4)
    assert torch.equal(found, torch.cdist(u, words[None]).argmin(2)) and set(penalties) == {
        "entropy"}


def test_the_kl_of_categories_is_of_q_from_the_uniform_one():
    """Fault 15: KL(q || uniform), not the other way around; by enumeration."""
    made = bottlenecks.make("categorical(3, 4)", VECTOR, VECTOR)
    latent = made(5 * torch.randn(6, 32), draw=True)
    share = torch.softmax(latent.q.logs[0], 1)
    forth = (share * (share / 0.25).log()).sum(1)
    back = (0.25 * (0.25 / share).log()).sum(1)
    found = kl_divergence(latent.q, latent.p)
    assert found.shape == (6, 3) and not torch.allclose(forth, back, atol=0.05)
    torch.testing.assert_close(found[:, 0], forth)


def test_categories_are_drawn_as_often_as_is_likely_and_evaluation_takes_the_likeliest():
    logits = torch.tensor([[0.0, 1.0, 2.0]])
    q = RelaxedLatents(torch.zeros(1, 0), torch.ones(1, 0), (logits,), torch.tensor(0.5))
    often = torch.bincount(q.rsample((20_000,)).argmax(-1).flatten(), minlength=3) / 20_000
    torch.testing.assert_close(often, logits[0].softmax(0), atol=0.015, rtol=0)
    made = bottlenecks.make("categorical(3, 4)", VECTOR, VECTOR)
    z = made(torch.randn(5, 32)).z.unflatten(1, (3, 4))
    assert torch.equal(z.sum(2), torch.ones(5, 3)) and set(z.unique().tolist()) == {0.0, 1.0}


def test_the_density_of_relaxed_categories_is_that_of_torch():
    logits, heat = torch.randn(5, 4), torch.tensor(0.6)
    q = RelaxedLatents(torch.zeros(5, 1), torch.ones(5, 1), (logits,), heat)
    z = q.rsample((7,))
    wanted = (RelaxedOneHotCategorical(heat, logits=logits).log_prob(z[..., 1:])
              + Normal(0.0, 1.0).log_prob(z[..., 0]))
    torch.testing.assert_close(q.log_prob(z), wanted, atol=1e-3, rtol=1e-3)


def test_the_temperature_falls_to_where_it_should():
    made = bottlenecks.make("categorical(3, 4, temperature=2, cooling=0.5, coldest=0.7)", VECTOR,
                            VECTOR)
    heats = []
    for _ in range(4):
        made(torch.randn(2, 32), draw=True)
        heats.append(float(made.heat))
    np.testing.assert_allclose(heats, [2 * np.exp(-0.5), 2 * np.exp(-1), 0.7, 0.7], rtol=1e-6)


def test_the_joint_kl_keeps_each_kind_to_its_capacity():
    model = Autoencoder(Parts("mlp(8)", bottleneck="joint(3, classes=(4, 2))",
                              likelihood="normal"), (7,))
    out = model(torch.randn(9, 7))
    objective = Objective("joint_kl(continuous=2, discrete=50, rise=0.5)", model)
    each = kl_divergence(out.latent.q, out.latent.p)
    numbers, categories = each[:, :3].sum(1).mean(), each[:, 3:].sum(1).mean()
    for share, risen in ((0.0, 0.0), (0.25, 0.5), (0.5, 1.0)):
        objective.at(Clock(0, 1, share))
        wanted = (numbers - 2 * risen).abs() + (categories - np.log(8) * risen).abs()
        torch.testing.assert_close(objective(out, model)[0], wanted)


def fresh(text: str, places: tuple[int, ...], size: int = 3) -> PixelCNN:
    """A prior over codes that are their own words, of two classes."""
    alphabet = Alphabet(size, places, lambda z: z.long(), lambda words: words.float())
    return priors.make(text, CodeSpace(10, int(np.prod(places)), 2, lambda n: torch.empty(0),
                                       places, alphabet))


def tiny(places: tuple[int, ...], size: int = 3) -> PixelCNN:
    """One whose weights are far from where they begin."""
    made = fresh("pixelcnn(hidden=8, blocks=2)", places, size)
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return made


PLACES = [(2, 2), (4,), (2, 1, 2), (1, 4)]


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_the_probabilities_of_all_codes_sum_to_one(places):
    made = tiny(places)
    every = torch.tensor(list(itertools.product(range(3), repeat=4))).float()
    for kind in (0, 1):
        total = made.log_prob(every, torch.full((81,), kind)).exp().sum()
        assert float(total) == pytest.approx(1, abs=1e-4)


def test_a_word_sees_those_before_it_and_no_other():
    made = tiny((4, 5))
    said = torch.randn(1, 8, 4, 5, requires_grad=True)
    network = made.network
    scores = network.scores(said, network.places, torch.zeros(1).long(), lambda conv, u: conv(u))
    for place in range(20):
        seen, = torch.autograd.grad(scores.flatten(2)[0, :, place].sum(), said, retain_graph=True)
        depends = (seen.abs().sum(1).flatten() > 0).nonzero().flatten()
        past = depends < place
        assert past.all() and (place % 5 == 0 or place - 1 in depends.tolist())


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_reading_on_gives_the_scores_of_the_whole(places):
    made = tiny(places)
    words, y = torch.randint(3, (5, *made.grid)), torch.tensor([0, 1, 0, 1, 1])
    whole, reader = made.network(words, y), Reader(made.network, y)
    for row, column in itertools.product(*map(range, made.grid)):
        torch.testing.assert_close(reader.scores(row, column), whole[:, :, row, column])
        reader.tell(words[:, row, column])


def test_draws_are_as_often_as_their_probability_says():
    made = tiny((2, 2), size=2)
    z = made.sample(torch.zeros(8000).long())
    every = torch.tensor(list(itertools.product(range(2), repeat=4))).float()
    often = torch.stack([(z == code).all(1).float().mean() for code in every])
    wanted = made.log_prob(every, torch.zeros(16).long()).exp()
    torch.testing.assert_close(often, wanted.detach(), atol=0.02, rtol=0)
    cold = made.sample(torch.zeros(50).long(), temperature=0)
    assert (cold == cold[0]).all()


def test_the_prior_learns_what_follows_what():
    made = fresh("pixelcnn(hidden=32, blocks=1, steps=150)", (2, 3))
    first = torch.randint(3, (600, 1)).float()
    z, y = torch.cat([first, (first + torch.arange(5)) % 3], 1), torch.randint(2, (600,))
    made.fit(z, y)
    assert float(made.log_prob(z, y).mean()) > -np.log(3) - 0.1
    assert made.accuracy(z, y) > 5 / 6


def test_a_prior_over_words_refuses_codes_of_numbers():
    with pytest.raises(ValueError, match="pixelcnn needs a bottleneck with discrete codes"):
        priors.make("pixelcnn", CodeSpace(10, 2, 1, lambda n: torch.empty(0), (2,)))


def snapshot(words: np.ndarray, books: int = 1) -> Snapshot:
    n = len(words)
    x = np.zeros((n, 3), np.float32)
    return Snapshot(x, x, x, np.empty(0), np.zeros(n), np.empty(0), np.empty(0), (), (), "test", n,
                    False, words=words, books=books)


def test_perplexity_is_of_the_whole_split():
    """Pitfall 16: not the mean over batches, where each batch would have perplexity 1 here."""
    found = metrics.make("words", snapshot(np.repeat(np.arange(5), 20)[:, None]))
    assert found == pytest.approx({"perplexity": 5.0, "used_words": 5.0})
    shares = np.repeat([0, 1, 2], (50, 25, 25))[:, None]
    assert metrics.make("words", snapshot(shares))["perplexity"] == pytest.approx(2**1.5)
    two = np.stack([np.zeros(8, int), np.arange(8)], 1)
    assert metrics.make("words", snapshot(two, books=2)) == pytest.approx(
        {"perplexity": (1 + 8) / 2, "used_words": (1 + 8) / 2})


def test_a_snapshot_without_words_still_opens(tmp_path):
    snapshot(np.ones((4, 2), np.int32)).save(tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as file:
        held = {name: value for name, value in file.items() if name != "words"}
    held["texts"] = np.array(str(held["texts"]).replace(', "books": 1', ""))
    np.savez(tmp_path / "old.npz", **held)
    assert len(load_snapshot(tmp_path / "new.npz").words) == 4
    old = load_snapshot(tmp_path / "old.npz")
    assert not len(old.words) and "perplexity" not in measure(old)[0]


@pytest.mark.parametrize("text, why", [
    ("product_vq(6, 5, groups=2)", "a multiple of 2 groups"),
    ("fsq(())", "needs levels"), ("fsq((2, 5))", "from 3"),
    ("joint(3, classes=())", "needs classes"), ("lfq(60)", "up to 24"), ("vq(0)", "from 1")])
def test_what_cannot_be_is_refused_with_what_is_right(text, why):
    with pytest.raises(ValueError, match=why):
        bottlenecks.make(text, VECTOR, VECTOR)


def test_words_of_the_map_itself_need_a_map():
    with pytest.raises(ValueError, match=r"dim=None needs an encoder whose map"):
        bottlenecks.make("vq(8, None)", VECTOR, VECTOR)


def test_an_output_needs_no_words():
    model = Autoencoder(Parts("mlp(8)", bottleneck="plain(2)", likelihood="normal"), (7,))
    out: Output = model(torch.randn(4, 7))
    assert out.latent.codes is None and model.alphabet is None


def test_a_run_with_words_draws_codes_of_words(here):
    run = train("images.npy", bottleneck="vq(9, 4)", backbone="conv((4, 4))", epochs=2,
                prior="pixelcnn(8, 1, steps=20)")
    model = run.model.eval()
    z = run.draw(6)[1]
    torch.testing.assert_close(model.settled(torch.from_numpy(z)), torch.from_numpy(z))
    x = run.decode(z + 0.001)
    np.testing.assert_allclose(x, run.decode(z), atol=1e-6)


@pytest.mark.parametrize("text, lossless", [
    ("vq(9, 4)", False), ("vq(9, 4)", True), ("residual_vq(6, 4, depth=3)", True),
    ("fsq((7, 5, 5, 5))", False), ("categorical(6, 4)", True)])
def test_words_are_compressed_as_they_are(here, text, lossless):
    pytest.importorskip("constriction")
    from hourglass.core.contracts import Collection
    from hourglass.inference.compression.codec import Codec, compression_options
    run = train("images.npy", bottleneck=text, backbone="conv((4, 4))", epochs=1)
    x = np.load("images.npy")[..., None]
    z = run.encode(x)
    codec = Codec(run.model, run.description, z.shape[1:])
    content = codec.compress(Collection(x), z, None, compression_options(None, None, lossless))
    again = codec.decompress(content).x
    wanted = x if lossless else np.rint(255 * run.decode(z).clip(0, 1)).astype(np.uint8)
    assert np.abs(again.astype(int) - wanted).max() <= (0 if lossless else 1)
