"""The real sets as people have them; skipped, visibly, where HOURGLASS_DATA is not set."""

import zipfile
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import train

from hourglass.analysis.snapshot import CLEAN, CORRUPTED, RESTORED
from hourglass.analysis.take_snapshot import restored
from hourglass.data.collect import collect, split
from hourglass.data.image_options import Reading
from hourglass.run.settings import make_settings, read_recipe
from hourglass.training.setup import prepare
from hourglass.training.train import run


def every(step: int, of: Path, to: Path) -> Path:
    """A zip of every `step`-th image of another zip, unchanged."""
    with zipfile.ZipFile(of) as whole, zipfile.ZipFile(to, "w") as part:
        for name in whole.namelist()[::step]:
            part.writestr(name, whole.read(name))
    return to


@pytest.fixture
def faces(real, tmp_path):
    """400 of the 10,000 faces."""
    return every(25, real / "celeba10k" / "img_align_celeba.zip", tmp_path / "faces.zip")


def test_mnist_is_the_published_set(real):
    found = collect("mnist", Reading())
    assert found.x.shape == (70000, 28, 28, 1) and found.x.dtype == np.uint8
    assert len(found.parts["train"]) == 60000 and found.classes == tuple("0123456789")
    assert np.bincount(found.y[found.parts["test"]]).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert collect("mnist", Reading(pad="32")).x.shape == (70000, 32, 32, 1)


def test_half_of_mnists_training_images_validate_as_in_the_tutorial(real):
    source = split(collect("mnist", Reading()), {"val": 0.5, "test": 0.1}, seed=0)
    assert {n: len(s) for n, s in source.splits.items()} == {
        "train": 30000, "val": 30000, "test": 10000}
    counts = [np.bincount(source.splits[n].y[source.splits[n].index]) for n in ("train", "val")]
    assert np.abs(counts[0] - counts[1]).max() <= 2


def test_glyphs_of_ones_own_train_by_their_recipes(here):
    for recipe in ("glyph_vae", "glyph_ae"):
        model = train("photos/", recipe=recipe, epochs=2, out=recipe, quiet=True)
        assert model.shape == (1, 64, 64)
        assert model.encode("photos/").shape == (40, 2 if recipe == "glyph_vae" else 128)


def test_the_official_zip_of_faces_is_a_source_by_name(real):
    found = collect("celeba('Smiling')", Reading(size="32"))
    assert found.x.shape == (10000, 32, 32, 3) and set(found.parts) == {"train"}
    assert found.classes == ("not Smiling", "Smiling") and 4000 < found.y.sum() < 6000


def test_the_official_zip_alone_has_no_attributes_and_says_how_it_is_split(real, tmp_path):
    every(50, real / "celeba10k" / "img_align_celeba.zip", tmp_path / "img_align_celeba.zip")
    alone = collect(f"celeba(path='{tmp_path}')", Reading(size="32"))
    assert any("drawn at random" in note for note in alone.notes)
    with pytest.raises(ValueError, match=r"list_attr_celeba\.txt"):
        collect(f"celeba('Smiling', path='{tmp_path}')", Reading(size="32"))


def test_faces_are_read_from_their_zip(faces):
    found = collect(str(faces), Reading(crop="89", size="32"))
    assert found.x.shape == (400, 32, 32, 3) and found.y is None and not found.notes
    assert found.names[0] == "img_align_celeba/000001.jpg"


def test_cifar_as_image_folders_keeps_its_classes_and_its_test_set(real, tmp_path):
    part = every(10, real / "cifar10-jpeg.zip", tmp_path / "cifar.zip")
    found = collect(str(part), Reading())
    assert found.x.shape == (6000, 32, 32, 3) and len(found.classes) == 10
    assert len(found.parts["train"]) == 5000 and len(found.parts["test"]) == 1000


def test_binarised_mnist_is_read_as_zeros_and_ones(real):
    source = split(collect(str(real / "binarized_mnist.npz"), Reading()), {}, seed=0)
    assert {n: len(s) for n, s in source.splits.items()} == {
        "train": 50000, "val": 10000, "test": 10000}
    x = next(source.splits["test"].batches(10000)).x
    assert x.unique().tolist() == [0, 1] and x.mean().item() == pytest.approx(0.13251, abs=1e-5)


@pytest.mark.parametrize("recipe, batches", [
    ("tutorial_cae", 40), ("fast_cae", 40), ("tutorial_dense", 40), ("tutorial_pool", 40),
    ("keras_conv_ae", 10), ("keras_vae", 40), ("tutorial_faces", 24), ("tutorial_faces_ae", 8)])
def test_a_recipe_learns_from_its_first_batches(recipe, batches, faces, tmp_path):
    given = read_recipe(recipe)
    if given["data"] == "celeba":
        given |= {"data": str(faces), "batch_size": 16}
    training = prepare(make_settings({**given, "epochs": 5}), out=tmp_path / "run")
    x = training.source.splits["train"].batch(torch.arange(100)).x

    def error() -> float:
        with torch.inference_mode():
            return (training.step.model.eval()(x).px.mean - x).square().mean().item()
    before = error()
    for _ in islice(run(training), batches):
        pass
    assert error() < 0.97 * before


def test_a_masked_autoencoder_guesses_hidden_pixels_better_than_their_neighbours_do(real, tmp_path):
    """Hidden pixels are mostly black in MNIST, and they count too."""
    found = collect("mnist", Reading())
    model = train(found.x[:1500], model="mae", backbone="mlp", epochs=3, quiet=True,
                  out=tmp_path / "run", val=100, test=300)
    made, hidden = restored(model.model, model.source())
    error = {name: np.square(x - made[CLEAN])[hidden].mean() for name, x in made.items()}
    assert error[RESTORED] < 0.8 * error["neighbours"] < 0.8 * error[CORRUPTED]
    assert ((made[CLEAN] == 0) & hidden).sum() > 0.5 * hidden.sum()
