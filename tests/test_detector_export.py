"""A saved detector as ONNX gives the scores and the maps of the detector itself."""

import numpy as np
import pytest

import hourglass as hg
from hourglass.core.features import as_images

TEXT = "patch_knn('random', size=64, patches=60, strides=(8, 16)"


def detector_of(text):
    good = np.random.default_rng(0).integers(90, 130, (30, 64, 64, 3), np.uint8)
    return hg.detect(good, good[:1], detector=text).detector


@pytest.mark.parametrize("text", [
    TEXT + ")",   # scores of directions, and maps of lengths
    "patch_gaussian('random', size=64, dims=6, strides=(8, 16), top=0.1)"])
def test_it_gives_the_scores_and_maps_of_the_detector(text, tmp_path, hourglass):
    import onnxruntime
    own = detector_of(text)
    own.save(tmp_path / "own.safetensors")
    code, said, err = hourglass(f"export {tmp_path}/own.safetensors -o {tmp_path}/own.onnx")
    assert code == 0 and "difference" in said and f"{own.threshold:.5g}" in said, err
    new = np.random.default_rng(1).integers(90, 130, (3, 64, 64, 3), np.uint8)
    new[1:, 20:40, 20:40] = 255
    score, heat = onnxruntime.InferenceSession(str(tmp_path / "own.onnx")).run(
        None, {"x": as_images(new).numpy()})
    np.testing.assert_allclose(score, own.score(new), rtol=1e-3)
    np.testing.assert_allclose(heat.max((1, 2)), score / own.threshold, rtol=1e-3)
    for small, image in zip(heat[1:], new[1:], strict=True):
        whole = own.look(image)[1]
        assert np.corrcoef(np.kron(small, np.ones((8, 8))).ravel(), whole.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("whiten", [True, False])
def test_a_detector_of_whole_images_gives_scores_alone(whiten, tmp_path):
    import onnxruntime
    own = detector_of(f"feature_knn('random', k=3, size=64, whiten={whiten})")
    session = onnxruntime.InferenceSession(str(own.export(tmp_path / "own.onnx")))
    new = np.random.default_rng(1).integers(90, 130, (3, 64, 64, 3), np.uint8)
    assert [output.name for output in session.get_outputs()] == ["score"]
    np.testing.assert_allclose(session.run(None, {"x": as_images(new).numpy()})[0], own.score(new),
                               rtol=1e-3)


@pytest.mark.parametrize("text, words", [
    ("feature_autoencoder('random', size=64, steps=3)", "patch_gaussian, feature_knn can"),
    ("combined((\"feature_knn('random')\",))", "combined cannot"),
    ("patch_gaussian('random', size=64, strides=(16, 8))", "ascending strides"),
    (TEXT + ", square=False)", "square=True"),
    ("patch_knn('random', size=64, patches=60, strides=(8,), top=0.0)", "top above 0")])
def test_what_cannot_be_exported_says_what_can(text, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        detector_of(text).export(tmp_path / "own.onnx")
    assert not list(tmp_path.iterdir())
