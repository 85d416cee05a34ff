"""Adding normal images to a saved detector: against a fit to all of them."""

import shlex
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import hourglass as hg
from hourglass.core.contracts import Seen
from hourglass.core.registry import detectors
from hourglass.inference.detectors.patch_features import PatchFeatures, whitened
from hourglass.inference.detectors.patch_gaussian import EXTRA

KNN = "patch_knn('random', size=64, patches=5000, strides=(8,), unit=False)"   # keeps every patch
GAUSSIAN = "patch_gaussian('random', size=64, dims=8, strides=(8,))"
WHOLE = "feature_knn('random', k=2, size=64, whiten=False)"
DRAW = np.random.default_rng(0)
FIRST, MORE = (DRAW.integers(90, 130 + wide, (n, 64, 64), np.uint8)
               for n, wide in ((12, 0), (8, 20)))
for images in (FIRST, MORE):
    images[:, 10:20] += 90   # a bright bar
EVERY = np.concatenate([FIRST, MORE])
BAD = FIRST[:3].copy()
BAD[:, 30:50, 20:40] = 0


def seen(images, train=()):
    nothing = np.zeros(len(images))
    return Seen(nothing, nothing, nothing[:, None], images=images, train_images=np.asarray(train))


def extended(text):
    """The detector's rule, and its state after the first images and then the others."""
    rule = detectors.make(text)
    return rule, rule.extend(seen(MORE), rule.fit(np.empty((0, 0)), seen(FIRST[:2], FIRST)))


def test_vectors_are_those_of_all_images():
    rule, state = extended(WHOLE)
    whole = rule.fit(np.empty((0, 0)), seen(FIRST[:2], EVERY))
    np.testing.assert_allclose(rule.score(seen(BAD), state), rule.score(seen(BAD), whole))


def test_whitened_vectors_keep_the_units_of_the_first_images():
    rule, state = extended(WHOLE.replace("False", "True"))
    first = rule.fit(np.empty((0, 0)), seen(FIRST[:2], FIRST))
    np.testing.assert_array_equal(state["white"], first["white"])
    assert len(state["vectors"]) == len(EVERY)
    assert rule.score(seen(MORE), state).max() < rule.score(seen(MORE), first).min()


def test_gaussians_have_the_mean_and_covariance_of_all_images():
    _, state = extended(GAUSSIAN)
    maps = np.stack(list(PatchFeatures("random", 64, (8,), square=True).of(EVERY)))
    flat = maps.reshape(len(EVERY), -1, maps.shape[-1])[..., state["rows"]] / state["std"]
    np.testing.assert_allclose(state["mean"], flat.mean(0), rtol=1e-3, atol=1e-4)
    root = state["root"][5].astype(np.float64)
    wanted = np.cov(flat[:, 5].T) + EXTRA * np.eye(8)
    np.testing.assert_allclose(root @ root.T, wanted, rtol=1e-2, atol=1e-3)
    assert int(state["count"]) == len(EVERY)


def test_a_bank_with_room_holds_the_patches_of_all_images():
    _, state = extended(KNN)
    pool = PatchFeatures("random", 64, (8,), square=True).samples(EVERY, 0)[0][0]
    wanted = whitened(pool, {"mean": state["0.mean"], "white": state["0.white"]})
    assert len(state["0.bank"]) == len(wanted)
    np.testing.assert_allclose(np.sort(state["0.bank"], 0), np.sort(wanted, 0), atol=1e-4)


def test_a_full_bank_keeps_its_size_and_covers_all_images():
    text = KNN.replace("5000", "100")
    rule, state = extended(text)
    whole = rule.fit(np.empty((0, 0)), seen(FIRST[:2], EVERY))
    assert len(state["0.bank"]) == 100
    ours, theirs = (rule.score(seen(np.concatenate([MORE, BAD])), each)
                    for each in (state, whole))
    assert ours[len(MORE):].min() > ours[:len(MORE)].max()
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99


@pytest.mark.parametrize("text", [KNN, f"combined(({GAUSSIAN!r}, {WHOLE!r}))"])
def test_the_threshold_rests_on_new_images_that_were_left_out_and_on_the_earlier_scores(text):
    """An unusual one among those left out raises the threshold, and is known later."""
    own = hg.detect(FIRST, BAD, detector=text).detector
    more = MORE.copy()
    more[4] = BAD[0]   # every fifth is left out
    new = own.update(more)
    assert len(new.fitted.normal) == len(own.fitted.normal) + 1
    assert set(own.fitted.normal) < set(new.fitted.normal)
    assert new.threshold >= new.fitted.normal.max() > own.fitted.normal.max()
    assert new.score(BAD[:1])[0] < own.score(BAD[:1])[0]


def test_what_keeps_nothing_of_its_images_is_fitted_again():
    text = "feature_autoencoder('random', size=64, steps=5, strides=(8,))"
    with pytest.raises(ValueError, match="fit it again, to all images"):
        hg.detect(FIRST, BAD, detector=text).detector.update(MORE)


def test_a_detector_of_an_older_version_without_its_count_is_refused():
    own = hg.detect(FIRST, BAD, detector=GAUSSIAN).detector
    older = {name: value for name, value in own.fitted.state.items() if name != "count"}
    with pytest.raises(ValueError, match="older version"):
        replace(own, fitted=replace(own.fitted, state=older)).update(MORE)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A saved detector, and arrays of images beside it."""
    folder = tmp_path_factory.mktemp("kept")
    hg.detect(FIRST, BAD, detector=WHOLE).detector.save(folder / "own.safetensors")
    for name, images in (("more", MORE), ("bad", BAD)):
        (folder / name).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(folder / name / f"{i}.png")
    return folder


def test_the_command_updates_a_file(kept, hourglass, monkeypatch):
    monkeypatch.chdir(kept)
    code, said, err = hourglass("detect own.safetensors --update more --save new.safetensors")
    assert code == 0 and "new.safetensors" in said
    assert "the threshold rests on 1 of them" in err
    wanted = hg.detect(hg.detect("own.safetensors", BAD).detector.update(MORE), BAD).scores
    np.testing.assert_allclose(hg.detect("new.safetensors", BAD).scores, wanted, rtol=1e-5)
    code, said, _ = hourglass("detect own.safetensors bad --update more --save both.safetensors")
    assert code == 1 and "3 of 3 abnormal" in said and (kept / "both.safetensors").exists()


@pytest.mark.parametrize("words, message", [
    ("own.safetensors --update more", "--save detector.safetensors"),
    ("more bad --update more", "give that .safetensors file first"),
    ("more --update more --save x.safetensors", "give that .safetensors file first"),
    ("own.safetensors bad --update missing", "does not exist"),
    ("own.safetensors bad --update more/1.png", "at least two normal images"),
    ("own.safetensors bad --detector feature_knn", "kept with a saved detector"),
    ("own.safetensors --update more --save x.safetensors --page x.html", "--page needs images"),
    ("own.safetensors --update more --save x.safetensors --threshold largest", "kept with a saved"),
    ("own.safetensors --update more --save x.pt", "no known suffix")])
def test_wrong_use_says_what_is_right(kept, hourglass, monkeypatch, words, message):
    monkeypatch.chdir(kept)
    code, _, err = hourglass(shlex.join(["detect", *words.split()]))
    assert code == 2 and message in err and len(err.strip().splitlines()) <= 4
