"""Distances between sets of samples in features: estimates, and the command that measures them."""

import csv

import numpy as np
import pytest
import torch

import hourglass as hg
from hourglass.analysis.metrics.set_distances import (
    distances_between,
    frechet_distance,
    frechet_infinity,
)
from hourglass.core.features import features

ALL = {"frechet", "frechet_infinity", "kernel", "precision", "recall", "density", "coverage"}


def gaussians(n, dims=12, shift=0.3, seed=3):
    draw = np.random.default_rng(seed)
    return (draw.normal(size=(n, dims)).astype(np.float32),
            (shift + draw.normal(size=(n, dims))).astype(np.float32))


def test_extrapolation_takes_the_bias_away():
    """Of Gaussians with equal covariances, the distance is that of the means squared."""
    truth, pairs = 12 * 0.3**2, [gaussians(240, seed=i) for i in range(12)]
    plain = np.mean([frechet_distance(a, b) for a, b in pairs])
    found = [frechet_infinity(a, b) for a, b in pairs]
    assert plain > truth + 0.1
    assert abs(np.mean([each.value for each in found]) - truth) < (plain - truth) / 2
    assert all(each.low < each.value < each.high for each in found)


def test_the_bias_falls_with_the_number_of_samples():
    """About as 1 / n: from 200 samples to 800, three quarters of it go."""
    same = [np.mean([frechet_distance(*(np.random.default_rng((n, i, side)).normal(size=(n, 12))
                                        for side in (0, 1))) for i in range(5)])
            for n in (200, 800)]
    assert same[0] / same[1] == pytest.approx(4, rel=0.25)


def test_equal_sets_have_distance_zero_and_cover_each_other():
    a, _ = gaussians(60)
    found, _ = distances_between(a, a)
    assert set(found) == ALL
    assert found["frechet"].value == pytest.approx(0, abs=1e-5)
    assert found["precision"].value == found["recall"].value == found["coverage"].value == 1


def test_few_samples_are_not_extrapolated_and_that_is_said():
    a, b = gaussians(20)
    found, notes = distances_between(a, b)
    assert "frechet_infinity" not in found and "too few for 12 features" in notes[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("distances") / "run"
    x = np.random.default_rng(0).integers(0, 256, (200, 16, 16, 3), np.uint8)
    np.save(place.with_suffix(".npy"), x)
    return hg.train(place.with_suffix(".npy"), model="vae(2)", backbone="mlp(8)", epochs=1,
                    report=False, quiet=True, out=place)


def test_reconstructions_are_compared_with_their_originals(run):
    """Against vectors of the model's own reconstructions, by hand."""
    found = run.distances("reconstruction", features="random", split="train", limit=50)
    split = run.source().splits["train"]
    batch = split.batch(split.evenly(50))
    with torch.inference_mode():
        again = run.model(batch.x).px.mean.clamp(0, 1)
    a, b = (features("random").vector(side.float()).numpy() for side in (batch.x, again))
    assert found.metrics["frechet"].value == pytest.approx(frechet_distance(a, b), rel=1e-3)
    assert features("random").digest in found.judge and found.samples == 50


@pytest.mark.parametrize("flags, what", [
    (("--generation", "--prior", "own"), "samples of the prior own"),
    (("--reconstruction",), "as many reconstructions")])
def test_the_command_prints_all_distances(run, hourglass, tmp_path, flags, what):
    place = tmp_path / "distances.csv"
    code, said, err = hourglass(f"evaluate {run.folder.path} {' '.join(flags)} --features random "
                                f"--split train --limit 60 -o {place}")
    assert code == 0, err
    rows = {row["metric"]: float(row["value"]) for row in csv.DictReader(open(place))}
    assert what in said and features("random").digest in said
    assert set(rows) == ALL - {"frechet_infinity"} and "too few for 480 features" in said
    kept = hg.load(run.folder.path).trained.cache.evaluations()
    assert any(each.get("of") in flags[0] for each in kept.values())


@pytest.mark.parametrize("words, message", [
    ("--features random", "--generation, --reconstruction and --probes"),
    ("--generation --split tset", "did you mean 'test'"),
    ("--generation --limit 5", "at least 20 samples"),
    ("--generation --features rondom", "no file rondom"),
    ("--generation --prior owm --features random", "did you mean 'own'"),
    ("--generation --reconstruction -o a.csv", "alone")])
def test_wrong_use_exits_with_two_and_says_what_is_right(run, hourglass, words, message):
    code, _, err = hourglass(f"evaluate {run.folder.path} {words}")
    assert code == 2 and message in err


def test_images_are_measured_by_features_of_photographs(run):
    found = run.distances("generation", prior="own", limit=20)
    assert "efficientnet_lite0" in found.judge and found.made_by == "own"


def test_rows_are_measured_by_their_principal_components(tmp_path):
    model = hg.train(np.random.default_rng(0).random((200, 6)), model="vae(2)", epochs=1,
                     report=False, quiet=True, out=tmp_path / "rows")
    found = model.distances("reconstruction", split="train")
    assert "principal components" in found.judge and set(found.metrics) == ALL
    with pytest.raises(ValueError, match="needs images"):
        model.distances("reconstruction", features="random", split="train")


# what codes and features say of classes

@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A run on dark and bright noise, whose classes the values tell apart."""
    place = tmp_path_factory.mktemp("probes")
    x = np.random.default_rng(0).integers(0, 100, (120, 16, 16, 3), np.uint8)
    x[::2] += 100
    np.savez(place / "x.npz", x=x, y=np.where(np.arange(120) % 2, "dark", "bright"))
    return hg.train(place / "x.npz", model="ae(2)", backbone="mlp(8)", epochs=1, report=False,
                    quiet=True, out=place / "run")


def test_probes_are_those_of_scikit_learn(labelled):
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier
    found = labelled.probes("random", split="train", limit=60)
    split = labelled.source().splits["train"]
    rows = split.evenly(60)
    batch = split.batch(rows)
    vectors = features("random").vector(batch.x).numpy()
    wanted = cross_val_score(KNeighborsClassifier(5), vectors, batch.y.numpy(), cv=5).mean()
    assert found.shares["random"]["knn_accuracy"].value == pytest.approx(wanted)
    assert found.shares["values"]["linear_accuracy"].value > 0.95
    assert found.widths == {"codes": 2, "random": 480, "values": 16 * 16 * 3}


def test_the_command_prints_codes_beside_features(labelled, hourglass, tmp_path):
    code, said, err = hourglass(f"evaluate {labelled.folder.path} --probes --features random "
                                f"--split train -o {tmp_path}/probes.csv")
    assert code == 0, err
    assert "codes, 2 numbers" in said and features("random").digest in said
    rows = list(csv.DictReader(open(tmp_path / "probes.csv")))
    assert [row["features"] for row in rows] == ["codes"] * 2 + ["random"] * 2 + ["values"] * 2


def test_probes_need_classes(run):
    with pytest.raises(ValueError, match="this data has none"):
        run.probes("random")
