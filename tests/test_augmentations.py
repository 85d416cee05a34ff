"""Augmentations that bend: by shear, against a transform of Pillow's, and elastic."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from hourglass.core.registry import augmentations
from hourglass.data.augmentations import augmenter


@pytest.mark.parametrize("size", [(33, 33), (24, 40)])
def test_shear_is_pillows(size):
    height, width = size
    x = torch.rand(1, 1, *size)
    moves = augmentations.make("shear(30)").moves
    torch.manual_seed(3)
    matrix = moves(x)
    torch.manual_seed(3)
    found = augmenter("shear(30)", 0, 1)(x)[0, 0].numpy()
    lean = float(matrix[0, 0, 1]) * width / height   # in pixels across for one down
    assert abs(lean) <= math.tan(math.radians(30)) and lean != 0
    middle = (height - 1) / 2 + 0.5
    expected = np.asarray(Image.fromarray(x[0, 0].numpy()).transform(
        (width, height), Image.Transform.AFFINE, (1, lean, -lean * middle, 0, 1, 0),
        Image.Resampling.BILINEAR))
    inner = np.s_[2:-2, width // 3:-(width // 3)]
    np.testing.assert_allclose(found[inner], expected[inner], atol=2e-3)


def test_upright_lines_lean_by_up_to_so_many_degrees():
    x = torch.zeros(64, 1, 41, 41)
    x[..., 20] = 1
    slanted = augmenter("shear(20)", 0, 1)(x)
    top, bottom = (slanted[:, 0, row].argmax(1).float() for row in (0, 40))
    degrees = torch.rad2deg(torch.atan((bottom - top) / 40))
    assert degrees.abs().max() <= 20.7 and degrees.std() > 8


@pytest.mark.parametrize("pixels", [0.5, 2.0])
@pytest.mark.parametrize("size", [(40, 40), (24, 56)])
def test_elastic_moves_pixels_by_as_much_as_it_says(pixels, size):
    rows, columns = (torch.arange(n, dtype=torch.float32) for n in size)
    x = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None].repeat(64, 1, 1, 1)
    torch.manual_seed(0)
    shifts = augmenter(f"elastic({pixels}, 5)", -1e3, 1e3)(x) - x
    inner = shifts[:, :, 8:-8, 8:-8]   # beyond the border there is nothing to take
    assert abs(float(inner.square().mean().sqrt()) / pixels - 1) < 0.15
    steps = (inner[..., 1:] - inner[..., :-1]).square().mean().sqrt()
    assert steps < 0.4 * pixels   # neighbours move alike


def test_elastic_of_nothing_leaves_images_and_the_seed_decides():
    x = torch.rand(3, 2, 9, 7)
    torch.testing.assert_close(augmenter("elastic(0)", 0, 1)(x), x, atol=1e-5, rtol=0)
    made = []
    for _ in range(2):
        torch.manual_seed(5)
        made.append(augmenter("elastic + shear(5)", 0, 1)(x))
    assert torch.equal(*made) and made[0].shape == x.shape


@pytest.mark.parametrize("text, words", [("shear(90)", "below 90"), ("elastic(1, 0)", "smooth")])
def test_what_cannot_bend_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        augmenter(text, 0, 1)


@pytest.mark.parametrize("text", ["shear", "elastic"])
def test_vectors_are_not_bent(text):
    with pytest.raises(ValueError, match="for images"):
        augmenter(text, 0, 1)(torch.rand(2, 5))
