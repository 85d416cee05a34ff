"""Corruptions do what they say, on images of any size, and can be combined."""

import numpy as np
import pytest
import torch
from conftest import train
from PIL import Image
from scipy.ndimage import gaussian_filter

from hourglass.core import registry
from hourglass.model.corruptions import corrupter

OF_SERIES = {"future"}   # see test_forecasting.py
NAMES = [name for name in registry.corruptions.parts if name not in OF_SERIES]
EXAMPLES = [registry.corruptions.examples[name] for name in NAMES]
FOR_ALL = {"none", "noise", "salt_pepper", "drop", "holes"}
AT_NOTHING = ["none", "noise(0)", "noise(0.0, clip=True)", "salt_pepper(0)", "drop(0)", "mask(0)",
              "cutout(0)", "blur(0)", "downscale(1)", "overlay(opacity=0)"]
ODD = [(3, 1, 1, 1), (2, 1, 5, 7), (2, 2, 9, 3), (2, 3, 1, 4), (1, 4, 13, 21)]


@pytest.mark.parametrize("shape", ODD, ids=str)
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_corruption_keeps_shape_and_range_of_odd_images(example, shape):
    x = torch.rand(shape)
    seen = corrupter(example)(x)
    assert seen.shape == x.shape and seen.dtype == x.dtype and seen.isfinite().all()
    if example != "noise":
        assert seen.min() >= -1e-6 and seen.max() <= 1 + 1e-6


@pytest.mark.parametrize("text", AT_NOTHING)
def test_a_corruption_without_strength_changes_nothing(text):
    x = torch.rand(3, 3, 16, 12)
    torch.testing.assert_close(corrupter(text)(x), x)


@pytest.mark.parametrize("name", NAMES)
def test_only_some_corruptions_are_for_vectors(name):
    corrupt, x = corrupter(registry.corruptions.examples[name]), torch.rand(6, 11)
    if name in FOR_ALL:
        assert corrupt(x).shape == x.shape
    else:
        with pytest.raises(ValueError, match=f"{name} is for images"):
            corrupt(x)


def test_corruptions_take_the_share_that_they_say():
    x = torch.rand(20, 3, 64, 64) * 0.8 + 0.1
    gone = (corrupter("drop(0.8)")(x) == 0).float()
    assert gone.mean() == pytest.approx(0.8, abs=0.01)
    assert torch.equal(gone[:, 0], gone[:, 2]), "a pixel is missing in all channels"
    hit = corrupter("salt_pepper(0.2)")(x)
    assert [(hit == v).float().mean().item() for v in (0, 1)] == pytest.approx([0.1] * 2, abs=0.01)
    assert (corrupter("noise(0.3)")(x) - x).std() == pytest.approx(0.3, abs=0.01)
    whole = corrupter("mask(0.25, patch=16)")(x) == 0
    assert (whole[:, 0].flatten(1).sum(1) == 4 * 16 * 16).all()
    hole = (corrupter("cutout(0.5)")(x) == 0)[:, 0]
    assert (hole.flatten(1).sum(1) == 32 * 32).all()
    assert (hole.any(1).sum(1) == 32).all() and (hole.any(2).sum(1) == 32).all()


HIDING = {"drop(0.4)": 0.4, "mask(0.25, patch=8)": 0.25, "cutout(0.5)": 0.25,
          "salt_pepper(0.3)": 0.3, "mask(0.25, patch=8) + noise(0.2)": 0.25,
          "noise(0.2) + mask(0.25, patch=8)": 0.25}


@pytest.mark.parametrize("text", HIDING)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_corruption_hands_out_what_it_hides(text, value):
    """However bright the image is: a hidden black pixel is black before and after."""
    x = torch.full((40, 3, 32, 32), value)
    torch.manual_seed(0)
    seen, hidden = corrupter(text).apply(x)
    torch.manual_seed(0)
    assert torch.equal(seen, corrupter(text)(x))
    assert hidden.shape == x.shape and hidden.dtype == torch.bool
    assert hidden.float().mean() == pytest.approx(HIDING[text], abs=0.02)
    if "noise" not in text:
        assert torch.equal(seen[~hidden], x[~hidden]), "the others stay"


@pytest.mark.parametrize("text", ["none", "noise", "grey", "blur", "downscale", "noise + blur"])
def test_a_corruption_that_hides_nothing_has_no_mask(text):
    assert corrupter(text).apply(torch.rand(3, 3, 16, 16)).hidden is None


def test_masks_add_up_as_corruptions_do():
    x = torch.ones(30, 1, 32, 32)
    seen, hidden = corrupter("drop(0.3) + cutout(0.5) + drop(0.3)").apply(x)
    assert torch.equal(hidden, seen == 0)


def test_an_overlays_mask_is_where_its_letters_are():
    x = torch.rand(8, 1, 64, 64)
    seen, hidden = corrupter("overlay('SAMPLE', opacity=0.5)").apply(x)
    assert (hidden | ((seen - x).abs() < 0.01)).all() and 0 < hidden.float().mean() < 0.3


def test_vectors_and_series_have_masks_too():
    for shape in ((50, 11), (50, 2, 40)):
        seen, hidden = corrupter("drop(0.5)").apply(torch.zeros(shape))
        assert hidden.shape == seen.shape and 0.4 < hidden.float().mean() < 0.6


def test_a_pair_of_strengths_is_drawn_for_each_image():
    x = torch.full((400, 1, 16, 16), 0.5)
    shares = (corrupter("drop((0.2, 0.6))")(x) == 0).float().flatten(1).mean(1)
    assert shares.min() < 0.28 and shares.max() > 0.52
    assert shares.mean() == pytest.approx(0.4, abs=0.03)
    stds = (corrupter("noise((0.1, 0.5))")(x) - x).flatten(1).std(1)
    assert stds.min() < 0.16 and stds.max() > 0.44


def test_grey_and_blur_are_those_of_pillow():
    image = (np.random.default_rng(0).random((40, 50, 3)) * 255).astype(np.uint8)
    x = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    grey = np.asarray(Image.fromarray(image).convert("L")) / 255
    np.testing.assert_allclose(corrupter("grey")(x)[0, 1], grey, atol=0.004)
    blurred = gaussian_filter(x[0].numpy(), (0, 2, 2), mode="nearest", truncate=3)
    np.testing.assert_allclose(corrupter("blur(2)")(x)[0], blurred, atol=1e-5)


def test_downscale_keeps_the_mean_of_every_square():
    x = torch.rand(2, 3, 16, 24)
    small = x.unfold(2, 4, 4).unfold(3, 4, 4).mean((-1, -2))
    seen = corrupter("downscale(4)")(x)
    torch.testing.assert_close(seen[:, :, ::4, ::4], small)
    torch.testing.assert_close(seen[:, :, 3::4, 2::4], small)


def test_an_overlay_lightens_a_part_of_each_image_elsewhere():
    ink = corrupter("overlay('SAMPLE', opacity=0.5)")(torch.zeros(30, 1, 64, 64))
    assert 0.4 < ink.max() <= 0.5
    shares = (ink > 0.1).float().flatten(1).mean(1)
    assert shares.min() > 0.005 and shares.max() < 0.3
    assert len({tuple(image.flatten().nonzero()[0].tolist()) for image in ink}) > 15
    assert corrupter("overlay(' ')")(torch.rand(1, 3, 8, 8)).isfinite().all()


def test_corruptions_follow_one_upon_the_other():
    x = torch.rand(4, 1, 32, 32) + 1
    seen = corrupter("noise(0.1) + drop(0.5)")(x)
    assert 0.4 < (seen == 0).float().mean() < 0.6, "what is dropped last has no noise"


@pytest.mark.parametrize("text, what", [
    ("noise(0.3) + dorp(0.2)", "did you mean 'drop'"), ("2 * noise(0.3)", "without weights"),
    ("noise(-1)", "from 0"), ("drop(1.5)", "up to 1"), ("mask(0.5, patch=0)", "from 1"),
    ("noise(0.3) - drop(0.2)", "without weights"), ("overlay('')", "overlay: text must be"),
    ("noise((0.1, 0.2, 0.3))", "noise: std must be")])
def test_a_wrong_corruption_says_what_is_right(text, what):
    with pytest.raises(ValueError, match=what):
        corrupter(text)


def test_a_corruption_that_does_not_fit_the_data_is_said_before_training(tmp_path):
    with pytest.raises(ValueError, match="blur is for images"):
        train(np.random.default_rng(0).normal(size=(50, 6)), corruption="blur", epochs=1,
              out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_small_pictures_are_enlarged_to_the_grid_that_training_saw():
    small = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    large = np.asarray(Image.fromarray(small).resize((28, 20), Image.Resampling.NEAREST)) / 255
    x = torch.from_numpy(large).permute(2, 0, 1)[None]
    torch.testing.assert_close(corrupter("downscale(4)")(x), x)
