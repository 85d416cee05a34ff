"""Drawing new samples by class, sharpened and blurred, and what is nearest to them."""

import numpy as np
import pytest
from PIL import Image

import hourglass as hg
from hourglass.analysis.latent_grids import square
from hourglass.tasks.grid import read_grid
from hourglass.tasks.nearest_training import NearestTraining
from hourglass.tasks.sharpen_and_blur import Finish, finished

KINDS = ("bar", "dot", "ring")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, hg.Trained]:
    """A conditional model and one whose fitted prior knows three classes, of grey levels."""
    folder, y = tmp_path_factory.mktemp("runs"), np.arange(90) % 3
    x = np.clip(0.1 + 0.4 * y[:, None, None] + 0.02 * np.random.default_rng(0).standard_normal(
        (90, 8, 8)), 0, 1).astype(np.float32)
    x[:, 2:5, 3:6] = 1 - x[:, 2:5, 3:6]   # a square, with edges
    np.savez(folder / "data.npz", x=x, y=np.array(KINDS)[y])
    return {model: hg.train(folder / "data.npz", model=model, backbone="mlp(16)", epochs=30,
                            lr=0.02, batch_size=16, quiet=True, report=False, stop="none",
                            out=folder / model[:4])
            for model in ("cvae(2)", "ae(2)")}


@pytest.mark.parametrize("model", ["cvae(2)", "ae(2)"])
@pytest.mark.parametrize("flags, rows", [("", 3), ("--class dot,ring", 2), ("--class bar", 0)])
def test_a_sheet_has_a_labelled_row_a_class(runs, model, flags, rows, tmp_path, hourglass):
    out = tmp_path / "sheet.png"
    code, said, err = hourglass(f"generate {runs[model].folder.path} -n 12 {flags} -o {out}")
    assert code == 0 and "12 samples" in said, err
    width, height = Image.open(out).size
    if rows:   # in a figure with names at the left, four or six samples wide
        assert width > 900 and abs(height / width - rows / (12 / rows)) < 0.12
    else:
        assert width == height * 4 / 3   # the plain sheet of one class


@pytest.mark.parametrize("model", ["cvae(2)", "ae(2)"])
def test_classes_asked_for_together_are_drawn_evenly(runs, model, tmp_path, hourglass):
    out = tmp_path / "drawn.npy"
    hourglass(f"generate {runs[model].folder.path} -n 7 --class ring,bar -o {out}")
    levels = np.load(out).mean((1, 2, 3))
    assert levels.shape == (7,) and levels[:4].min() > levels[4:].max()
    hourglass(f"generate {runs[model].folder.path} -n 7 --class ring,bar -o {tmp_path / 'files'}")
    found = sorted(path.parent.name for path in (tmp_path / "files").rglob("*.png"))
    assert found == ["bar"] * 3 + ["ring"] * 4


@pytest.mark.parametrize("flags, words", [
    ("--class dot,rong", "did you mean 'ring'"), ("--class bar,dot,ring -n 2", "give -n 3")])
def test_classes_that_cannot_be_drawn_are_refused(runs, flags, words, hourglass):
    code, _, said = hourglass(f"generate {runs['cvae(2)'].folder.path} {flags}")
    assert code == 2 and words in said


@pytest.mark.parametrize("command", [
    "generate {} --radius 1,2 --sharpen 3 -o {}", "generate {} --blur 1 -o {}",
    "morph {} 0 1 --frames 2 --blur 1 -o {}", "morph {} 0 1 --sharpen 2 -o {}",
    "vary {} 0 --attribute brightness --sharpen 4 --blur 1 -o {}"])
def test_pictures_are_sharpened_and_blurred_everywhere(runs, command, tmp_path, hourglass):
    outs = [tmp_path / "finished.png", tmp_path / "plain.png"]
    path = runs["ae(2)"].folder.path
    plain = command
    for flag in ("--sharpen 3", "--sharpen 2", "--sharpen 4", "--blur 1"):
        plain = plain.replace(f" {flag}", "")
    for text, out in zip((command, plain), outs, strict=True):
        code, _, said = hourglass(text.format(path, out))
        assert code == 0, said
    finish, usual = (np.asarray(Image.open(out).convert("L"), float) for out in outs)
    assert finish.shape == usual.shape and (finish != usual).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_finishing_keeps_shapes_and_does_what_it_says(channels):
    x = np.random.default_rng(0).random((2, 9, 7, channels)).astype(np.float32)
    rough = np.abs(np.diff(x, axis=1)).mean()
    for finish, rougher in ((Finish(blur=1.0), False), (Finish(sharpen=3.0), True)):
        made = finished(x, finish)
        assert made.shape == x.shape
        assert (np.abs(np.diff(made, axis=1)).mean() > rough) == rougher
    assert finished(x, Finish()) is x
    np.testing.assert_allclose(finished(x, Finish(sharpen=1.0)), x, atol=1 / 255)


@pytest.mark.parametrize("distance, words", [
    (0.1, "they look like copies"), (0.5, "nearer than new samples"), (1.0, "they are not copies"),
    (1.2, "they are not copies"), (2.0, "do not resemble the data")])
def test_what_is_far_from_all_data_is_not_praised(distance, words):
    found = NearestTraining(np.zeros((3, 2)), np.full(3, distance), 1.0).words
    assert words in found
    assert ("not copies" in found) == (distance in (1.0, 1.2))


@pytest.mark.parametrize("text, limit, side", [
    ("8", 8, 20), ("grid(limit=8)", 8, 20), ("grid", None, 20), ("grid(3, 5)", 3, 5)])
def test_a_grid_is_read_from_a_number_or_a_text(text, limit, side):
    found = read_grid(text)
    assert (found.limit, found.side) == (limit, side)


@pytest.mark.parametrize("text", ["0", "-1", "x", "grid(limit='a')", "8, 1", "grid(side=99)"])
def test_a_grid_that_cannot_be_is_refused(text):
    with pytest.raises(ValueError, match="a grid is a number above 0"):
        read_grid(text)


@pytest.mark.parametrize("model", ["cvae(2)", "ae(2)"])
@pytest.mark.parametrize("flag", ["--grid 8", "--prior grid(limit=8)"])
def test_the_code_space_is_drawn_from_minus_eight_to_eight(runs, model, flag, tmp_path, hourglass):
    path = runs[model].folder.path
    code, said, err = hourglass(f"generate {path} {flag!r} -o {tmp_path}/g.png".replace("'", ""))
    assert code == 0 and "20 by 20 codes from -8 to 8: latent dimension 1 to the right" in said, err
    width, height = Image.open(tmp_path / "g.png").size
    assert abs(width / height - 1) < 0.1


def test_the_corner_of_a_grid_is_the_decoded_corner():
    z, steps, _ = square(np.random.default_rng(0).random((50, 2)), 5, 8.0)
    assert z[0, 0].tolist() == [-8, 8] and z[-1, -1].tolist() == [8, -8] and steps[0] == -8
