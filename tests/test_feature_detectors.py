"""Detectors of features: against independent computations, in a run, and without a model."""

import asyncio
import csv
import io
import json
import shlex

import httpx
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import hourglass as hg
from hourglass.core.contracts import Seen
from hourglass.core.features import Extractor, features
from hourglass.core.registry import detectors, extractors
from hourglass.inference.detectors.patch_features import (
    PatchFeatures,
    directions,
    whitened,
    whitening_of,
)
from hourglass.inference.detectors.patch_gaussian import EXTRA, roots_of, widths_of
from hourglass.inference.detectors.patch_neighbours import greedy_coreset, nearest, rareness
from hourglass.serving.app import make_app

SMALL = ("patch_knn('random', size=64, patches=200, strides=(4,), unit=False)",
         "patch_gaussian('random', size=64, dims=8, strides=(4,))",
         "feature_autoencoder('random', size=64, steps=60, strides=(4,))")


def normal(n: int = 20, seed: int = 0) -> np.ndarray:
    """Grey textures with a bright bar at the same place."""
    x = np.random.default_rng(seed).integers(90, 130, (n, 64, 64), np.uint8)
    x[:, 10:20] += 100
    return x


def abnormal(n: int = 6) -> np.ndarray:
    x = normal(n, seed=9)
    x[:, 36:48, 40:52] = 0
    return x


def seen(images: np.ndarray, train: np.ndarray | None = None) -> Seen:
    nothing = np.zeros(len(images))
    return Seen(nothing, nothing, nothing[:, None], images=images,
                train_images=np.empty(0) if train is None else train)


def test_the_coreset_is_that_of_a_brute_force_greedy():
    x = np.random.default_rng(0).normal(size=(60, 5))
    chosen = [0]
    while len(chosen) < 12:
        away = [min(np.linalg.norm(row - x[i]) for i in chosen) for row in x]
        chosen.append(int(np.argmax(away)))
    assert greedy_coreset(torch.from_numpy(x), 12).tolist() == chosen


def test_a_coreset_holds_each_patch_once():
    x = torch.zeros(10, 3)   # all alike
    assert sorted(greedy_coreset(x, 20).tolist()) == list(range(10))


def test_distances_are_those_of_scikit_learn():
    from sklearn.neighbors import NearestNeighbors
    draw = np.random.default_rng(1)
    bank, x = (draw.normal(5, 1, (n, 20)).astype(np.float32) for n in (300, 50))
    theirs, rows = NearestNeighbors(n_neighbors=1).fit(bank).kneighbors(x)
    ours, which = nearest(torch.from_numpy(x), torch.from_numpy(bank))
    np.testing.assert_allclose(ours.numpy(), theirs[:, 0], rtol=1e-4)
    assert which.tolist() == rows[:, 0].tolist()


@pytest.mark.parametrize("unit", [True, False])
def test_strides_count_alike_in_standard_deviations_of_normal_distances(unit):
    """Against scikit-learn: for each stride, the distance to the nearest patch of the bank, by the
    spread of normal patches to the nearest one of another image; then the mean over strides."""
    from sklearn.neighbors import NearestNeighbors
    rule = detectors.make(f"patch_knn('random', size=64, patches=5000, strides=(8, 16), top=0.1, "
                          f"unit={unit})")
    state = rule.fit(np.empty((0, 0)), seen(normal(2), normal(6)))
    wanted = []
    for i, side in enumerate((8, 4)):
        stride = 64 // side
        maps, new = (np.stack(list(PatchFeatures("random", 64, (stride,), True).of(x)))
                     for x in (normal(6), abnormal(1)))
        own = whitening_of(maps.reshape(-1, maps.shape[-1]))
        maps, new = (directions(x) if unit else whitened(x, own) for x in (maps, new))
        flat = [x.reshape(-1, x.shape[-1]) for x in maps]

        def nearest_to(known, x):
            return NearestNeighbors(n_neighbors=1).fit(np.concatenate(known)).kneighbors(x)[0]
        apart = [nearest_to(flat[:j] + flat[j + 1:], flat[j]) for j in range(6)]
        usual = np.concatenate(apart)
        usual = usual.mean(), usual.std(ddof=1)
        np.testing.assert_allclose(state[f"{i}.usual"][0], usual, rtol=1e-3)
        away = nearest_to(flat, new.reshape(-1, new.shape[-1])).reshape(side, side)
        away = (away - usual[0]) / usual[1]
        heat = torch.from_numpy(away)[None, None]
        wanted.append(torch.nn.functional.interpolate(heat, (8, 8), mode="bilinear")[0, 0].numpy())
    whole = np.sort(np.maximum(np.mean(wanted, 0), 0), axis=None)
    assert rule.score(seen(abnormal(1)), state)[0] == pytest.approx(whole[-6:].mean(), rel=1e-3)


def test_heat_maps_keep_the_lengths_that_scores_leave_out():
    texts = [f"patch_knn('random', size=64, strides=(8, 16), unit={unit})"
             for unit in (True, False)]
    ways = []
    for text in texts:
        rule = detectors.make(text)
        state = rule.fit(np.empty((0, 0)), seen(normal(2), normal(6)))
        heat = rule.places(seen(abnormal(1)), state)[0]
        assert heat.max() == pytest.approx(rule.score(seen(abnormal(1)), state)[0], rel=1e-5)
        ways.append(heat / heat.max())
    np.testing.assert_allclose(*ways, atol=0.05)   # banks differ, as they were chosen otherwise


def test_a_detector_with_a_whitened_bank_alone_is_used_as_it_was_fitted():
    rule = detectors.make("patch_knn('random', size=64, patches=50, strides=(8,), top=0.1)")
    state = rule.fit(np.empty((0, 0)), seen(normal(4), normal()))
    older = {name: value for name, value in state.items() if name != "0.plain"}
    x = next(iter(PatchFeatures("random", 64, (8,), True).of(abnormal(1))))
    rows = directions(whitened(x.reshape(-1, x.shape[-1]), {
        name: older[f"0.{name}"] for name in ("mean", "white")}))
    bank = directions(older["0.bank"])
    away = np.sqrt(np.square(rows[:, None] - bank[None]).sum(2).min(1))
    usual, spread = older["0.usual"][0]
    wanted = np.sort(np.maximum((away - usual) / spread, 0))[-6:].mean()
    assert rule.score(seen(abnormal(1)), older)[0] == pytest.approx(wanted, rel=1e-3)
    with pytest.raises(ValueError, match="fit it again"):
        rule.extend(seen(abnormal(1)), older)


def test_a_detector_of_an_older_version_is_refused():
    rule = detectors.make(SMALL[0])
    state = rule.fit(np.empty((0, 0)), seen(normal(4), normal()))
    older = {name.removeprefix("0."): value for name, value in state.items()}
    with pytest.raises(ValueError, match="fit it again"):
        rule.score(seen(abnormal()), older)


def test_the_weight_of_a_score_is_equation_seven():
    bank = np.random.default_rng(2).normal(size=(40, 6)).astype(np.float32)
    patch = bank[3] + 0.5
    found = int(np.linalg.norm(bank - patch, axis=1).argmin())
    order = np.linalg.norm(bank - bank[found], axis=1).argsort()[:9]
    away = np.exp(np.linalg.norm(bank[order] - patch, axis=1).astype(float))
    wanted = 1 - np.exp(np.linalg.norm(bank[found] - patch)) / away.sum()
    ours = rareness(torch.from_numpy(patch), found, torch.from_numpy(bank))
    assert ours == pytest.approx(wanted, rel=1e-4) and 0 < ours < 1


def test_distances_of_places_are_mahalanobis_of_scipy():
    from scipy.spatial.distance import mahalanobis
    draw = np.random.default_rng(3)
    train = draw.normal(size=(30, 4, 5)) @ draw.normal(size=(5, 5))   # (N, P, D)
    mean = train.mean(0)
    covariance = np.stack([np.cov(train[:, p].T) for p in range(4)])
    x = draw.normal(size=(4, 5))
    wanted = [mahalanobis(x[p], mean[p], np.linalg.inv(covariance[p] + EXTRA * np.eye(5)))
              for p in range(4)]
    state = {"mean": mean.astype(np.float32), "root": roots_of(covariance)}
    np.testing.assert_allclose(widths_of(x, state), wanted, rtol=1e-3)


def test_the_gaussians_of_places_have_the_mean_and_covariance_of_the_images():
    rule = detectors.make(SMALL[1])
    state = rule.fit(np.empty((0, 0)), seen(normal(4), normal(12)))
    maps = np.stack(list(PatchFeatures("random", 64, (4,), square=True).of(normal(12))))
    flat = maps.reshape(12, -1, maps.shape[-1])[..., state["rows"]] / state["std"]
    np.testing.assert_allclose(state["mean"], flat.mean(0), rtol=1e-3, atol=1e-4)
    root = state["root"][5].astype(np.float64)
    wanted = np.cov(flat[:, 5].T) + EXTRA * np.eye(8)
    np.testing.assert_allclose(root @ root.T, wanted, rtol=1e-2, atol=1e-3)


def test_whitened_patches_have_the_covariance_that_is_meant():
    """Each principal component of variance v gets v / (v + 0.05), against scikit-learn's PCA."""
    from sklearn.decomposition import PCA
    draw = np.random.default_rng(4)
    x = draw.normal(3, 1, (4000, 6)) @ draw.normal(size=(6, 6))
    state = whitening_of(x.astype(np.float32))
    away = (x - state["mean"]) @ state["white"]
    variances = PCA().fit((x - x.mean(0)) / x.std(0)).explained_variance_
    np.testing.assert_allclose(np.cov(away.T), np.diag(variances / (variances + 0.05))[::-1, ::-1],
                               atol=5e-3)
    np.testing.assert_allclose(np.linalg.norm(directions(whitened(x, state)), axis=1), 1, rtol=1e-5)


def test_patches_are_averages_of_three_by_three_places():
    images = normal(2)
    found = next(PatchFeatures("random", 64, (16,)).of(images))
    raw = features("random").maps(images, 64)[-1][0]
    assert found.shape[:2] == tuple(raw.shape[-2:])
    np.testing.assert_allclose(found[1, 2], raw[:, 0:3, 1:4].mean((1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[0, 0], raw[:, 0:2, 0:2].mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_whole_images_are_those_of_scikit_learn():
    from sklearn.neighbors import NearestNeighbors
    rule = detectors.make("feature_knn('random', k=3, size=64, whiten=False)")
    state = rule.fit(np.empty((0, 0)), seen(normal(2), normal()))
    known, new = unit_vectors()
    wanted = NearestNeighbors(n_neighbors=3).fit(known).kneighbors(new)[0].mean(1)
    np.testing.assert_allclose(rule.score(seen(abnormal()), state), wanted, atol=1e-4)


def unit_vectors():
    known, new = (features("random").vector(x, 64).numpy() for x in (normal(), abnormal()))
    return [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (known, new)]


def test_whitened_whole_images_are_apart_by_the_distance_of_mahalanobis():
    """Against scipy, with scikit-learn's shrunk covariance."""
    from scipy.spatial.distance import cdist
    from sklearn.covariance import LedoitWolf
    rule = detectors.make("feature_knn('random', k=3, size=64)")
    state = rule.fit(np.empty((0, 0)), seen(normal(2), normal()))
    known, new = (x.astype(np.float64) for x in unit_vectors())
    covariance = LedoitWolf().fit(known).covariance_
    inverse = np.linalg.inv(covariance + 1e-6 * np.trace(covariance) / 480 * np.eye(480))
    wanted = np.sort(cdist(new, known, "mahalanobis", VI=inverse))[:, :3].mean(1)
    np.testing.assert_allclose(rule.score(seen(abnormal()), state), wanted, rtol=1e-3)
    older = {name: state[name] for name in ("digest",)} | {"vectors": known.astype(np.float32)}
    plain = detectors.make("feature_knn('random', k=3, size=64, whiten=False)")
    np.testing.assert_allclose(rule.score(seen(abnormal()), older),   # kept before there was it
                               plain.score(seen(abnormal()), older))


@pytest.mark.parametrize("text", [*SMALL, f"combined({SMALL[:2]!r})"])
def test_each_finds_the_defect_and_its_place(text):
    rule = detectors.make(text)
    state, scores = rule.calibrate(np.empty((0, 0)), seen(normal(5, 1), normal()))
    found = rule.score(seen(abnormal()), state)
    assert found.min() > scores.max()
    if rule.places:
        maps = rule.places(seen(abnormal()), state)
        assert maps.shape == (6, 64, 64)
        np.testing.assert_allclose(maps.reshape(6, -1).max(1), found, rtol=1e-5)
        rows, columns = np.unravel_index(maps.reshape(6, -1).argmax(1), (64, 64))
        assert (abs(rows - 42) < 14).all() and (abs(columns - 46) < 14).all()


def test_the_mean_of_the_highest_share_is_a_score():
    rule = detectors.make(SMALL[1].replace("dims=8", "dims=8, top=0.5"))
    state = rule.fit(np.empty((0, 0)), seen(normal(4), normal(12)))
    read = PatchFeatures("random", 64, (4,), square=True)
    each = next(read.of(abnormal(1)))
    flat = each[..., state["rows"]].reshape(-1, 8) / state["std"]
    highest = np.sort(widths_of(flat, state))[-len(flat) // 2:]
    assert rule.score(seen(abnormal(1)), state)[0] == pytest.approx(highest.mean(), rel=1e-4)


def test_the_memory_is_bounded_however_many_images_there_are(monkeypatch):
    from hourglass.inference.detectors import patch_features
    monkeypatch.setattr(patch_features, "POOL", 60)
    assert len(PatchFeatures("random", 64, (8,)).sample(normal(20), 0)) == 60
    state = detectors.make(SMALL[0]).fit(np.empty((0, 0)), seen(normal(4), normal(20)))
    assert len(state["0.bank"]) <= 60


def test_features_of_other_weights_are_refused():
    rule = detectors.make(SMALL[0])
    state = rule.fit(np.empty((0, 0)), seen(normal(4), normal()))
    other = detectors.make(SMALL[0].replace("'random'", "'random(seed=1)'"))
    with pytest.raises(ValueError, match="features of another network"):
        other.score(seen(abnormal()), state)


@pytest.fixture
def counted(monkeypatch):
    """An extractor named counted, and the numbers of images that it looked at."""
    counts = []

    class Counting(nn.Module):
        def forward(self, x):
            counts.append(len(x))
            pooled = torch.nn.functional.avg_pool2d(x, 4)
            return (pooled,), pooled.mean((2, 3))

    def make(source):
        return Extractor("counted", "0" * 12, "for a test", Counting(), 3, (4,), 4)
    monkeypatch.setitem(extractors.registered, "counted", make)
    return counts


def test_features_of_an_image_are_computed_once(counted, tmp_path):
    hg.detect(normal(10), abnormal(3), detector="patch_knn('counted', size=64)",
              heatmaps=tmp_path / "maps")
    assert sum(counted) == 13


def test_heat_maps_of_a_run_look_at_an_image_once(counted, run, hourglass, tmp_path):
    text = "patch_knn('counted', size=64, unit=False)"
    np.save(tmp_path / "new.npy", abnormal(3))
    run.detector(text)
    counted.clear()
    code, _, err = hourglass(f"score {run.folder.path} {tmp_path}/new.npy --detector \"{text}\" "
                             f"-o {tmp_path}/s.csv --heatmaps {tmp_path}/maps")
    assert code == 1, err
    assert sum(counted) == 3 and len(list((tmp_path / "maps").glob("*.png"))) == 3


def test_the_memory_of_features_is_bounded(counted, monkeypatch):
    from hourglass.core import features as module
    monkeypatch.setattr(module, "REMEMBERED", 0)
    hg.detect(normal(10), abnormal(3), detector="patch_knn('counted', size=64)")
    assert sum(counted) > 13


@pytest.mark.parametrize("text", [SMALL[0], f"combined({SMALL[:2]!r})"])
def test_the_threshold_comes_from_images_that_were_held_out_and_then_all_are_fitted(text):
    """An unusual normal image among those held out raises the threshold, and is known later."""
    good = normal(20)
    good[4] = abnormal(1)[0]   # every fifth is held out
    found = hg.detect(good, good[4:5], detector=text)
    own = found.detector
    assert own.fitted.normal.max() > 1.2 * np.median(own.fitted.normal)
    assert found.scores[0] < own.fitted.normal.max()
    assert len(own.fitted.normal) == 4


# with a run

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return hg.train(normal(40), model="ae(2)", backbone="mlp", epochs=1, report=False, quiet=True,
                    out=tmp_path_factory.mktemp("detectors") / "run")


@pytest.mark.parametrize("text", SMALL)
def test_a_runs_detector_is_kept_and_maps_its_images(run, text):
    detector = run.detector(text)
    scores = detector.score(abnormal())
    assert detector.verdict(scores).all()
    assert detector.maps(abnormal()).shape == (6, 64, 64)
    again = hg.load(run.folder.path).detector(text)
    np.testing.assert_allclose(again.score(abnormal()), scores, rtol=1e-5)


def test_a_kept_detector_of_features_is_served(run, tmp_path):
    detector = run.detector(SMALL[0])
    detector.keep()
    model = hg.load(run.folder.path)
    try:
        answer = _posted(make_app(model), abnormal(2))
    finally:
        (run.folder.path / "detectors" / "chosen.json").unlink()
    assert answer["detector"] == detector.text and answer["abnormal"] == [True, True]
    np.testing.assert_allclose(answer["scores"], detector.score(abnormal(2)), rtol=1e-4)


def _as_png(image):
    held = io.BytesIO()
    Image.fromarray(image).save(held, "PNG")
    return held.getvalue()


def _posted(app, x):
    async def go():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app),
                                     base_url="http://here") as client:
            return await client.post("/v1/score", files=[
                ("images", (f"{i}.png", _as_png(image))) for i, image in enumerate(x)])
    found = asyncio.run(go())
    assert found.status_code == 200, found.text
    return found.json()


def test_features_and_errors_are_combined(run):
    detector = run.detector(f"combined(({SMALL[0]!r}, 'pca_relative'))")
    assert detector.verdict(detector.score(abnormal())).all()
    assert detector.maps(abnormal()).shape == (6, 64, 64)


def test_a_model_of_rows_has_no_features(tmp_path):
    model = hg.train(np.random.default_rng(0).random((40, 6)), model="ae(2)", epochs=1,
                     report=False, quiet=True, out=tmp_path / "rows")
    with pytest.raises(ValueError, match="needs a model of images"):
        model.detector(SMALL[0])


# without a model

@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, images in (("good", normal()), ("new/good", normal(3, 5)),
                           ("new/hole", abnormal(3)), ("masks", abnormal(3))):
        (tmp_path / folder).mkdir(parents=True)
        for i, image in enumerate(images):
            if folder == "masks":
                image = np.where(image == 0, 255, 0).astype(np.uint8)
            Image.fromarray(image[:, : 64 - 8 * (i == 0)]).save(tmp_path / folder / f"{i}.png")
    return tmp_path


@pytest.fixture
def detect(hourglass):
    """Runs `hourglass detect` with these words: (code, out, err)."""
    return lambda *words: hourglass(shlex.join(["detect", *words]))


def test_the_command_writes_scores_and_heat_maps_at_the_files_size(folders, detect):
    code, said, _ = detect("good", "new", "--detector", SMALL[0], "--heatmaps", "maps",
                           "--save", "kept.safetensors")
    rows = list(csv.DictReader(open("scores.csv")))
    assert code == 1 and [row["verdict"] for row in rows[3:]] == ["abnormal"] * 3
    assert "auroc 1" in said and features("random").digest in said
    narrow, wide = (Image.open(f"maps/hole/{i}.png").width for i in (0, 1))
    assert wide - narrow == 2 * 8 * 4   # both pictures, at four times the file's size
    code, _, _ = detect("kept.safetensors", "new/hole", "-o", "again.json")
    again = json.loads((folders / "again.json").read_text())
    assert code == 1 and [each["score"] for each in again["samples"]] == pytest.approx(
        [float(row["score"]) for row in rows[3:]], rel=1e-4)


def test_normal_images_alone_exit_with_zero(folders, detect):
    code, said, _ = detect("good", "good/1.png", "--detector", SMALL[0])
    assert code == 0 and "0 of 1 abnormal" in said and "give more normal images" in said


def test_masks_measure_the_pixels_at_the_files_size(folders):
    found = hg.detect("good", "new", detector=SMALL[0], masks="masks")
    assert found.metrics["pixel_auroc"].value > 0.8 and found.abnormal[3:].all()
    assert "pixel_auroc" in repr(found)


def test_an_unreadable_file_has_no_verdict_and_exits_with_two(folders, detect):
    (folders / "new" / "hole" / "9.png").write_bytes(b"not an image")
    (folders / "good" / "99.png").write_bytes(b"not an image")
    code, _, err = detect("good", "new", "--detector", SMALL[0])
    assert code == 2 and "9.png" in err and "left out" in err
    assert list(csv.DictReader(open("scores.csv")))[-1]["verdict"] == "unreadable"


@pytest.mark.parametrize("words, message", [
    (("missing", "new"), "does not exist"), (("good",), "no folders train and test"),
    (("good", "new", "--detector", "pca"), "needs a trained model"),
    (("good", "new", "--detector", "combined"), "error needs a trained model"),
    (("good", "new", "--detector", "patch_nn"), "did you mean"),
    (("good", "new", "--normal", "fine"), "no class 'fine'"),
    (("good", "new", "-o", "scores.txt"), "no known suffix"),
    (("good", "new", "--threshold", "quantil(0.9)"), "did you mean"),
    (("good", "new", "--detector", "feature_knn('random')", "--heatmaps", "m"), "has no maps"),
    (("good", "new", "--detector", "combined(('patch_knn', 'error'))"), "error needs a trained"),
    (("good", "new", "--detector", "patch_knn('random', strides=())"), "at least one stride"),
    (("good", "new", "--detector", "patch_gaussian('random', seed=-1)"), "a whole number from 0"),
    (("good", "new", "--detector", "patch_knn('random', size=-1)"), "a whole number from 0"),
    (("good", "new", "--save", "good/1.png/x.safetensors"), "cannot lie in it"),
    (("missing.safetensors", "new"), "no file missing.safetensors"),
    (("good/1.png", "new", "--detector", SMALL[0]), "at least two normal images")])
def test_wrong_use_exits_with_two_and_says_what_is_right(folders, detect, words, message):
    code, _, err = detect(*words)
    assert code == 2 and message in err


def test_a_mask_of_another_size_is_named_before_the_work_is_done(folders, detect):
    Image.new("L", (9, 9), 255).save(folders / "masks" / "2.png")
    code, _, err = detect("good", "new", "--detector", SMALL[0], "--masks", "masks")
    assert code == 2 and "the mask of hole/2.png has 9x9 pixels, and the image 64x64" in err


def test_nothing_is_silent_about_the_images(folders, detect):
    (folders / "new/good").rename(folders / "new/fine")
    for words, said in (
            (("good", "good"), "20 of 20 new images are among the normal ones"),
            (("good", "new"), "no class of the new images is named normal or good"),
            (("new", "good"), "all 6 images of new, in fine, hole, are taken as normal"),
            (("good", "new", "--masks", "good"), "no mask has the name of an image")):
        if words[-1] == "good" and "--masks" in words:
            for i, file in enumerate(sorted((folders / "good").iterdir())):
                file.rename(folders / "good" / f"other{i}.png")
        assert said in detect(*words, "--detector", "feature_knn('random', size=32)")[2]
    _, said, err = detect("good", "new", "--detector", "combined(('patch_knn(\"random\", "
                             "size=64)', 'feature_knn(\"random(1)\")'))")
    assert "random has maps at strides of 2, 4, 8, 16, and none at 32" in err
    assert all(str(features(name)) in said for name in ("random", "random(1)"))


def test_folders_train_and_test_are_enough(folders):
    (folders / "parts" / "train").mkdir(parents=True)
    (folders / "good").rename(folders / "parts" / "train" / "good")
    (folders / "new").rename(folders / "parts" / "test")
    found = hg.detect("parts", detector=SMALL[0])
    assert len(found.names) == 6 and found.metrics["auroc"].value == 1


def test_arrays_of_eight_bits_and_of_floats_score_alike():
    whole = hg.detect(normal(), abnormal(), detector=SMALL[0])
    floats = hg.detect(normal() / 255, abnormal() / 255, detector=SMALL[0])
    np.testing.assert_allclose(floats.scores, whole.scores, rtol=1e-3)
    assert whole.abnormal.all()


def test_a_list_of_images_of_several_sizes_is_looked_at(tmp_path):
    """Grey and colour, arrays and pictures, of 8 and 16 bits, each at its own size."""
    one, two, three = abnormal(3)
    new = [one[:48], np.repeat(two[..., None], 3, -1), Image.fromarray(three),
           three.astype(np.uint16) * 257]
    found = hg.detect(list(normal()), new, detector=SMALL[0], heatmaps=tmp_path / "maps",
                      out=[f"{tmp_path}/s.csv", tmp_path / "page.html"])
    assert found.abnormal.all() and found.scores[2] == pytest.approx(found.scores[3], rel=1e-3)
    drawn = [np.asarray(Image.open(tmp_path / "maps" / f"0000{i}.png")).astype(int)
             for i in range(4)]
    assert drawn[0].shape[0] < drawn[1].shape[0] and np.abs(drawn[2] - drawn[3]).max() <= 2
    assert (tmp_path / "page.html").read_text().count("data:image/webp") == 4
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 1 + 4
    with pytest.raises(ValueError, match="one table"):
        hg.detect(normal(), new, detector=SMALL[0], out=["a.csv", "b.csv"])


@pytest.mark.parametrize("new, words", [
    ([], "empty"), (["new/1.png"], "not paths"), ([np.zeros(3)], "one has shape"),
    (np.zeros((2, 64, 1, 64)), "one or three channels")])
def test_what_is_no_list_of_images_is_refused(new, words):
    with pytest.raises(ValueError, match=words):
        hg.detect(normal(), new, detector=SMALL[0])


def test_a_detector_is_saved_by_the_name_of_a_file(tmp_path):
    found = hg.detect(normal(), abnormal(), detector=SMALL[0])
    found.detector.save(f"{tmp_path}/kept/own.safetensors")
    again = hg.detect(f"{tmp_path}/kept/own.safetensors", abnormal())
    np.testing.assert_allclose(again.scores, found.scores, rtol=1e-4)
    with pytest.raises(ValueError, match="not as"):
        found.detector.save("own.pt")
