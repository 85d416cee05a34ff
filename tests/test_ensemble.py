"""Ensembles: how runs are weighed, and that what comes of them is a run."""

import itertools
import json

import numpy as np
import pytest
import torch
from torch.distributions import Normal

import hourglass as hg
from hourglass.core.contracts import Seen
from hourglass.core.registry import detectors, likelihoods
from hourglass.searching.ensemble_members import members_of, runs_in, unseen_rows
from hourglass.searching.ensemble_weights import (
    Predictions,
    greedy,
    losses_of,
    stacked,
    uniform,
)

QUIET = {"quiet": True, "report": False, "epochs": 4, "batch_size": 16, "lr": 0.01, "seed": 0,
         "holdout": 0.15}
MODELS = {"ae": ("ae(3)", "mlp(16)"), "vae": ("vae(2)", "conv((4,))"),
          "vq": ("vq_vae", "conv((4,))")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of three kinds on the same 8-bit images."""
    folder = tmp_path_factory.mktemp("runs")
    x = np.random.default_rng(0).integers(0, 256, (160, 8, 8), dtype=np.uint8)
    x[:80, :, :4] //= 4
    np.save(folder / "x.npy", x)
    for name, (model, backbone) in MODELS.items():
        hg.train(folder / "x.npy", model=model, backbone=backbone, out=folder / "runs" / name,
                 **QUIET)
    return folder


@pytest.fixture(scope="module")
def whole(runs):
    """All three, with equal weights."""
    return hg.ensemble(runs / "runs", how="uniform", out=runs / "whole", report=False)


def seen(count: int = 4, samples: int = 30, values: int = 5, seed: int = 0) -> Predictions:
    random = np.random.default_rng(seed)
    x = random.random((samples, values))
    means = np.clip(x + random.normal(0, 0.3, (count, samples, values)), 0, 1)
    return Predictions(means.astype(np.float32), x.astype(np.float32), np.ones_like(x, np.float32))


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_losses_are_those_of_torch(loss):
    predicted = seen()
    known = np.random.default_rng(1).random(predicted.x.shape) > 0.3
    predicted = predicted._replace(known=known.astype(np.float32))
    mean = predicted.means[0]
    p, x = (torch.tensor(a, dtype=torch.float64) for a in (mean.clip(1e-6, 1 - 1e-6), predicted.x))
    each = (torch.nn.functional.binary_cross_entropy(p, x, reduction="none") if loss == "bce" else
            (torch.tensor(mean) - x).square()).numpy()
    expected = [row[kept].mean() for row, kept in zip(each, known, strict=True) if kept.any()]
    assert len(expected) == len(mean)
    np.testing.assert_allclose(losses_of(mean, predicted, loss), expected, rtol=1e-4)


def test_the_first_pick_is_the_best_run_and_each_later_one_helps_most():
    predicted, size = seen(), 3

    def loss_of(picked: tuple[int, ...]) -> float:
        mean = np.mean([predicted.means[k] for k in picked], 0)
        return float(losses_of(mean, predicted, "mse").mean())
    picked: tuple[int, ...] = ()
    for _ in range(size):
        picked = min(((*picked, k) for k in range(4)), key=loss_of)
    expected = np.bincount(picked, minlength=4) / size
    np.testing.assert_allclose(greedy(predicted, "mse", size), expected)


def test_greedy_keeps_the_best_ensemble_on_its_way():
    predicted = seen()
    predicted.means[2] = predicted.x   # perfect alone: nothing can be added to it
    np.testing.assert_array_equal(greedy(predicted, "mse", 7), [0, 0, 1, 0])


def test_stacking_finds_the_least_squared_error_of_all_weights():
    predicted = seen(3)
    found = stacked(predicted, "mse", 3)
    assert found.sum() == pytest.approx(1) and (found >= 0).all()
    steps = np.linspace(0, 1, 41)
    tried = [(a, b, 1 - a - b) for a, b in itertools.product(steps, steps) if a + b <= 1]
    losses = [losses_of(predicted.of(np.array(w)), predicted, "mse").mean() for w in tried]
    assert losses_of(predicted.of(found), predicted, "mse").mean() <= min(losses) + 1e-7
    np.testing.assert_allclose(found, tried[int(np.argmin(losses))], atol=0.03)


def test_uniform_takes_the_best_runs_alike():
    predicted = seen()
    predicted.means[1] = predicted.x
    found = uniform(predicted, "mse", 2)
    assert found[1] == 0.5 and np.count_nonzero(found) == 2


def test_a_mixture_of_normals_has_the_density_of_one():
    part = likelihoods.make("mixture_of(('normal(0.5)', 'normal(2.0)'), (1, 3))")
    x, params = torch.randn(4, 3), torch.randn(4, *part.out((3,)))
    a, b = (Normal(mean, std).log_prob(x).exp() for mean, std in zip(
        params.split(3, 1), (0.5, 2.0), strict=True))
    torch.testing.assert_close(part(params).log_prob(x).exp(), 0.25 * a + 0.75 * b)
    torch.testing.assert_close(part(params).mean, 0.25 * params[:, :3] + 0.75 * params[:, 3:])


def test_a_mixture_of_bernoullis_is_one_with_their_mean():
    part = likelihoods.make("mixture_of(('bernoulli', 'bernoulli'))")
    params, x = torch.randn(5, *part.out((1, 4))), torch.rand(5, 1, 4)
    p = params.sigmoid().unflatten(1, (2, 1)).mean(1)
    torch.testing.assert_close(part(params).mean, p)
    torch.testing.assert_close(part(params).log_prob(x), x * p.log() + (1 - x) * (1 - p).log())


def test_an_ensemble_reconstructs_as_the_mean_of_its_members(runs, whole):
    x = np.load(runs / "x.npy")
    each = [hg.load(runs / "runs" / name).reconstruct(x) for name in MODELS]
    np.testing.assert_allclose(whole.reconstruct(x), np.mean(each, 0), atol=1e-5)
    codes = [hg.load(runs / "runs" / run["run"].rpartition("/")[2]).encode(x).reshape(len(x), -1)
             for run in whole.folder.read_record()["ensemble"]["members"]]
    np.testing.assert_allclose(whole.encode(x), np.concatenate(codes, 1), atol=1e-5)


def test_its_losses_are_those_of_its_reconstructions_on_the_holdout(runs, whole):
    kept = whole.folder.read_record()["ensemble"]["losses"]["holdout"]
    rows = whole.source().splits["holdout"].index.numpy()
    x = np.load(runs / "x.npy")[rows]
    p = torch.tensor(whole.reconstruct(x)[..., 0], dtype=torch.float64)
    bce = torch.nn.functional.binary_cross_entropy(p, torch.tensor(x / 255))
    assert kept["ensemble"][0] == pytest.approx(bce.item(), rel=1e-4)
    assert kept["difference"][0] == pytest.approx(kept["ensemble"][0] - kept["best run"][0])


@pytest.mark.parametrize("command", [
    "reconstruct {run} {x} -o out", "embed {run} {x} -o z.csv", "summary {run}",
    "score {run} {x} -o s.csv --detector disagreement --heatmaps maps",
    "score {run} {x} -o s.csv --detector ranks", "generate {run} -n 4 -o g.png",
    "compress {run} {x} -o x.hg", "export {run} -o model.onnx", "evaluate {run} --limit 8"])
def test_what_takes_a_run_takes_an_ensemble(command, runs, whole, hourglass, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = hourglass(command.format(run=whole.folder.path, x=runs / "x.npy"))
    assert code in (0, 1), err   # 1: something is abnormal
    assert "Traceback" not in err


def test_the_detector_disagreement_is_the_variance_among_members(runs, whole):
    x = np.load(runs / "x.npy")[:9]
    each = np.stack([hg.load(runs / "runs" / name).reconstruct(x)[..., 0] for name in MODELS])
    found = whole.detector("disagreement(1)").score(x)
    np.testing.assert_allclose(found, each.var(0).reshape(9, -1).max(1), rtol=1e-3)
    np.testing.assert_allclose(whole.disagreement(x)[..., 0], each.std(0), rtol=1e-3, atol=1e-5)


def test_ranks_do_not_depend_on_the_scale_of_a_members_errors():
    rule, errors = detectors.make("ranks"), np.random.default_rng(0).random((50, 2))
    empty = Seen(np.zeros(50), np.zeros(50), np.zeros((50, 1)), weights=np.full((50, 2), 0.5))
    plain, scaled = (empty._replace(members=errors * [1, by]) for by in (1, 1000))
    scores = [rule.score(seen, rule.fit(np.empty((0, 0)), seen)) for seen in (plain, scaled)]
    np.testing.assert_allclose(*scores, rtol=1e-6)
    assert scores[0].argmax() in errors.argmax(0)


def test_one_model_has_no_disagreement_and_says_how_to_get_it(runs):
    model = hg.load(runs / "runs" / "ae")
    for asked in (lambda: model.detector("disagreement"), lambda: model.disagreement(np.zeros(
            (2, 8, 8), np.uint8))):
        with pytest.raises(ValueError, match="ensemble"):
            asked()


def test_the_command_says_weights_and_losses_and_writes_a_report(runs, hourglass, few_figures):
    out = runs / "chosen"
    code, said, err = hourglass(f"ensemble {runs / 'runs'} --size 4 -o {out}")
    assert code == 0, err
    assert "greedy, chosen by bce on the test samples" in said and "holdout: bce" in said
    page = (out / "report.html").read_text()
    assert "The members" in page and "ensemble of" in page
    assert "ensemble of" in repr(hg.load(out))
    record = json.loads((out / "run.json").read_text())
    weights = [member["weight"] for member in record["ensemble"]["members"]]
    assert sum(weights) == pytest.approx(1)


def test_an_ensemble_is_one_file_and_moves_without_its_members(runs, whole, tmp_path):
    model = hg.load(whole.save(tmp_path / "whole.safetensors"))
    x = np.load(runs / "x.npy")[:5]
    np.testing.assert_array_equal(model.reconstruct(x), whole.reconstruct(x))
    decoder = hg.load_half(whole.folder.path, "decoder")
    z = torch.from_numpy(whole.encode(x))
    np.testing.assert_allclose(decoder(z).detach().permute(0, 2, 3, 1), whole.reconstruct(x),
                               atol=1e-5)


@pytest.mark.parametrize("change, words", [
    ({"model": "cvae(2)", "data": "labelled.npz"}, "takes or predicts classes"),
    ({"epochs": None}, "no run folder|not a run folder")])
def test_runs_that_cannot_take_part_are_named(change, words, runs, hourglass, tmp_path):
    folder = runs / "runs"
    other = tmp_path / "other"
    if "data" in change:
        x = np.load(runs / "x.npy")
        np.savez(tmp_path / "labelled.npz", x=x, y=np.arange(160) % 2)
        hg.train(tmp_path / "labelled.npz", model="cvae(2)", backbone="mlp(8)", out=other, **QUIET)
    code, _, err = hourglass(f"ensemble {folder / 'ae'} {other} -o {tmp_path / 'new'}")
    assert code == 2 and len(err.strip().splitlines()) <= 4
    assert any(word in err for word in words.split("|")), err


def test_runs_on_other_data_are_refused(runs, hourglass, tmp_path):
    np.save(tmp_path / "y.npy", np.load(runs / "x.npy")[::-1])
    hg.train(tmp_path / "y.npy", model="ae(2)", backbone="mlp(8)", out=tmp_path / "y", **QUIET)
    command = f"ensemble {runs / 'runs' / 'ae'} {tmp_path / 'y'} -o {{}}"
    code, _, err = hourglass(command.format(tmp_path / "new"))
    assert code == 2 and "differ in data" in err and "same data" in err
    assert not (tmp_path / "new").exists()
    code, _, err = hourglass(command.format(tmp_path / "y.npy"))   # known before the data is read
    assert code == 2 and "cannot be used as a folder" in err and "differ" not in err


def test_samples_that_any_run_was_trained_on_choose_nothing(runs, tmp_path):
    hg.train(runs / "x.npy", model="ae(2)", backbone="mlp(8)", out=tmp_path / "b",
             **{**QUIET, "seed": 1})
    members = members_of(runs_in([runs / "runs" / "ae", tmp_path / "b"]))
    _, rows = unseen_rows(members)
    for member in members:
        train = member.model.source().splits["train"].index.numpy()
        for index in rows.values():
            assert not np.isin(index, train).any()


@pytest.mark.parametrize("options, words", [
    ("--how bagging", "greedy, uniform or stacked"), ("--loss mae", "mse or bce")])
def test_wrong_options_are_refused_with_what_is_right(options, words, runs, hourglass, tmp_path):
    code, _, err = hourglass(f"ensemble {runs / 'runs'} {options} -o {tmp_path / 'new'}")
    assert code == 2 and words in err and not (tmp_path / "new").exists()


def test_members_with_skip_connections_keep_them(runs, tmp_path):
    model = hg.train(runs / "x.npy", model="ae(2)", backbone="unet((4, 8))", out=tmp_path / "unet",
                     **QUIET)
    both = hg.ensemble([model, runs / "runs" / "ae"], how="uniform", out=tmp_path / "both",
                       report=False)
    x = np.load(runs / "x.npy")[:7]
    each = [model.reconstruct(x), hg.load(runs / "runs" / "ae").reconstruct(x)]
    np.testing.assert_allclose(both.reconstruct(x), np.mean(each, 0), atol=1e-5)


def test_an_ensemble_of_a_table_gives_rows_in_their_own_units(tmp_path):
    random = np.random.default_rng(0)
    size, kind = random.normal(100, 20, 150), random.choice(["red", "blue"], 150)
    rows = [f"{s:.2f},{k},{2 * s + random.normal():.2f}" for s, k in zip(size, kind, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["size,colour,double", *rows]))
    each = [hg.train(tmp_path / "t.csv", model=f"ae({d})", out=tmp_path / str(d), **QUIET)
            for d in (1, 2)]
    both = hg.ensemble(each, how="uniform", out=tmp_path / "both", report=False)
    found = both.reconstruct(tmp_path / "t.csv")
    assert set(found["colour"]) <= {"red", "blue"}
    assert list(found) == ["size", "colour", "double"]
    each_size = np.array([model.reconstruct(tmp_path / "t.csv")["size"] for model in each])
    least, most = np.sort(size)[[10, -10]]   # beyond, each is cut to what training has seen
    inside = ((each_size > least) & (each_size < most)).all(0)
    assert inside.sum() > 50
    np.testing.assert_allclose(found["size"][inside], each_size.mean(0)[inside], rtol=1e-4)
