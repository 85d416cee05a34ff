"""Models without a dense layer take images of any size; others say that they do not."""

import numpy as np
import pytest
import torch
from PIL import Image

import hourglass as hg
from hourglass.inference.any_size import stride_of
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.parts import Parts

QUIET = {"epochs": 1, "report": False, "quiet": True, "stop": "none"}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((32, 20, 12)).astype(np.float32)


@pytest.fixture(scope="module")
def convolutional(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "conv"
    return hg.train(images, out=out, backbone="conv((4, 3))", bottleneck="identity", **QUIET)


@pytest.fixture(scope="module")
def dense(images, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "dense"
    return hg.train(images, out=out, backbone="conv((4, 3))", model="ae(2)", **QUIET)


def model_of(backbone: str, bottleneck: str, shape=(1, 20, 12)) -> Autoencoder:
    return Autoencoder(Parts(backbone, "", bottleneck, "bernoulli"), shape).eval()


@pytest.mark.parametrize("backbone, bottleneck, stride", [
    ("conv((4, 3))", "identity", (4, 4)), ("conv((4, 3), stride=(2, 1))", "identity", (4, 1)),
    ("conv((4, 3), up='nearest', pool='max')", "identity", (4, 4)),
    ("conv((4, 3), up='bilinear')", "identity", (4, 4)),
    ("conv((4, 3), final='valid')", "identity", (4, 4)),
    ("conv((4, 3), final='direct', padding='valid')", "identity", (4, 4)),
    ("unet((4, 3))", "identity", (4, 4)), ("conv((4, 3), code=2)", "vq(8, dim=None)", (4, 4)),
    ("conv((4, 3))", "residual_vq(8, 4)", (4, 4)), ("conv((4, 3))", "fsq", (4, 4)),
    ("conv((4, 3))", "plain(2)", None), ("mlp(8)", "plain(2)", None)])
def test_which_models_take_any_size_is_found(backbone, bottleneck, stride):
    assert stride_of(model_of(backbone, bottleneck)) == stride


@pytest.mark.parametrize("size", [(20, 12), (24, 16), (20, 13), (57, 31), (9, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_images_of_any_size_come_back_at_it(convolutional, size, dtype):
    x = np.random.default_rng(1).random((3, *size))
    x = (255 * x).astype(dtype) if dtype == np.uint8 else x.astype(dtype)
    for again in (convolutional.reconstruct(x), convolutional.restore(x)):
        assert again.shape == (3, *size, 1) and np.isfinite(again).all()
    assert convolutional.encode(x).shape[:2] == (3, 3)


def test_it_is_the_network_itself_that_sees_a_larger_image(convolutional):
    x = torch.rand(2, 1, 28, 20)   # two steps larger, so nothing is mirrored
    with torch.inference_mode():
        direct = convolutional.model(x).px.mean
    again = convolutional.reconstruct(x[:, 0].numpy())
    np.testing.assert_allclose(again[..., 0], direct[:, 0].numpy(), atol=1e-6)


def test_the_middle_of_a_large_image_does_not_depend_on_its_size(convolutional):
    x = np.random.default_rng(2).random((1, 64, 64)).astype(np.float32)
    whole, part = convolutional.reconstruct(x), convolutional.reconstruct(x[:, :40, :40])
    np.testing.assert_allclose(whole[:, :24, :24], part[:, :24, :24], atol=1e-6)


def test_a_dense_model_says_that_it_resizes(dense, capsys):
    large = np.zeros((2, 40, 24), np.uint8)
    assert dense.reconstruct(large).shape == (2, 20, 12, 1)
    assert "images of 40x24 pixels are brought to 20x12" in capsys.readouterr().err
    dense.reconstruct(np.zeros((2, 20, 12), np.uint8))
    assert "brought to" not in capsys.readouterr().err


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "large").mkdir()
    for name, size in {"a": (30, 50), "b": (33, 41)}.items():
        Image.fromarray(np.random.default_rng(3).integers(0, 255, (*size, 3), np.uint8)).save(
            tmp_path / "large" / f"{name}.png")
    return tmp_path / "large"


@pytest.mark.parametrize("flag, sizes", [
    ("", [(50, 30), (41, 33)]), ("--own-size", [(50, 30), (41, 33)]), ("--resize", [(12, 20)] * 2)])
def test_reconstruct_writes_files_at_their_own_size(convolutional, files, hourglass, flag, sizes):
    code, out, said = hourglass(f"reconstruct {convolutional.folder.path} large -o out {flag}")
    assert code == 0 and "2 images in out" in out, said
    assert [Image.open(f"out/{name}.png").size for name in "ab"] == sizes
    assert ("--own-size keeps their own size" in said) == (flag == "--resize")


def test_a_dense_model_refuses_another_size(dense, files, hourglass):
    code, _, said = hourglass(f"reconstruct {dense.folder.path} large -o out --own-size")
    assert code == 2 and "dense layer" in said
    code, _, said = hourglass(f"reconstruct {dense.folder.path} large -o out")
    assert code == 0 and "brought to 20x12" in said and "in colour" in said


@pytest.mark.parametrize("command", ["embed {} large", "classify {} large",
                                     "score {} large", "embed {} large/a.png"])
def test_every_command_says_that_colour_and_size_change(dense, files, hourglass, command):
    _, _, said = hourglass(command.format(dense.folder.path))
    assert ("brought to 20x12" in said and "in colour" in said) or "infers no classes" in said


@pytest.mark.parametrize("finish, kind", [("--sharpen 3", "sharper"), ("--blur 2", "smoother")])
def test_reconstructions_are_sharpened_and_blurred(convolutional, files, hourglass, finish, kind):
    _, out, _ = hourglass(f"reconstruct {convolutional.folder.path} large -o plain")
    _, finished_out, _ = hourglass(
        f"reconstruct {convolutional.folder.path} large -o {kind} {finish}")
    assert "after sharpening" in finished_out and "after sharpening" not in out
    rough = {folder: np.abs(np.diff(np.asarray(Image.open(f"{folder}/a.png"), float))).mean()
             for folder in ("plain", kind)}
    assert (rough[kind] > rough["plain"]) == (kind == "sharper")


def test_samples_unlike_the_training_data_are_told(tmp_path, hourglass, monkeypatch, few_figures):
    monkeypatch.chdir(tmp_path)
    dark = np.random.default_rng(0).random((64, 8, 8)).astype(np.float32) * 0.1
    model = hg.train(dark, out=tmp_path / "run", backbone="mlp(16)", model="ae(4)", epochs=20,
                     batch_size=8, lr=0.01, quiet=True)
    np.save("same.npy", dark[:9])
    np.save("other.npy", 1 - dark[:9])
    for name, unlike in (("same", False), ("other", True)):
        for command in ("embed", "reconstruct"):
            _, _, said = hourglass(f"{command} {model.folder.path} {name}.npy -o {name}-{command}"
                                   f"{'.csv' if command == 'embed' else ''}")
            assert ("unlike those that the model was trained on" in said) == unlike, said


def test_scores_say_that_colour_becomes_grey_as_codes_do(tmp_path, capsys):
    x = np.random.default_rng(0).integers(0, 256, (30, 9, 9), np.uint8)
    model = hg.train(x, model="ae(2)", backbone="mlp(8)", out=tmp_path / "run", **QUIET)
    model.score(np.repeat(x[..., None], 3, -1))
    assert "colour become grey" in capsys.readouterr().err
    assert model.encode(Image.fromarray(x[0])).shape == (1, 2), "one picture is a list of one"
