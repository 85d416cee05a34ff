"""Folders and archives of IDX files under MNIST's names are images with labels and splits."""

import gzip
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, train

from hourglass.data.collect import collect, split
from hourglass.data.find import find_call
from hourglass.data.read_image import Reading


def idx(values: np.ndarray, kind: int = 8) -> bytes:
    big = values.astype(values.dtype.newbyteorder(">"))
    return bytes([0, 0, kind, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + (
        big.tobytes())


def images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 9, 7), np.uint8)


X, XT = images(20, 0), images(8, 1)
Y, YT = np.arange(20, dtype=np.uint8) % 4, np.arange(8, dtype=np.uint8) % 4
MNIST = {"train-images-idx3-ubyte": idx(X), "train-labels-idx1-ubyte": idx(Y),
         "t10k-images-idx3-ubyte": idx(XT), "t10k-labels-idx1-ubyte": idx(YT)}


def packed(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content) for name, content in files.items()}


def named(files: dict[str, bytes], old: str, new: str) -> dict[str, bytes]:
    return {name.replace(old, new): content for name, content in files.items()}


def put(place: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


@pytest.mark.parametrize("files", [
    MNIST, packed(MNIST), {**MNIST, **packed(MNIST)}, named(MNIST, "-idx", ".idx"),
    {f"MNIST/raw/{name}": content for name, content in packed(MNIST).items()},
    {f"kmnist-{name}": content for name, content in MNIST.items()}])
@pytest.mark.parametrize("form", ["folder", "zip", "tar.gz"])
def test_images_labels_and_splits_are_read_from_every_form(files, form, tmp_path):
    place = put(tmp_path / "set", {**files, "LICENSE.txt": b"free"})
    if form == "zip":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name.replace("/", "\\"), content)
        place = tmp_path / "a.zip"
    elif form == "tar.gz":
        with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
            tar.add(place, arcname=".")
        place = tmp_path / "a.tar.gz"
    found = collect(place, Reading())
    np.testing.assert_array_equal(found.x[..., 0], np.concatenate([X, XT]))
    assert found.classes == ("0", "1", "2", "3") and found.y.tolist() == [*Y, *YT]
    assert {name: len(rows) for name, rows in found.parts.items()} == {"train": 20, "test": 8}
    assert "splits train (20), test (8)" in found.notes[0]


def test_one_file_is_read_with_the_labels_beside_it(tmp_path):
    put(tmp_path, packed(MNIST))
    found = collect(tmp_path / "t10k-images-idx3-ubyte.gz", Reading())
    assert found.y.tolist() == YT.tolist() and not found.parts
    assert any("only the test images are there" in note for note in found.notes)


def test_a_test_set_alone_is_split_and_images_without_labels_have_no_classes(tmp_path):
    put(tmp_path / "a", {name: c for name, c in MNIST.items() if "t10k" in name})
    parts = split(collect(tmp_path / "a", Reading()), {"val": 0.25, "test": 0.25}, 0).splits
    assert {name: len(part) for name, part in parts.items()} == {"train": 4, "val": 2, "test": 2}
    put(tmp_path / "b", {name: c for name, c in MNIST.items() if "images" in name})
    found = collect(tmp_path / "b", Reading())
    assert found.y is None and any("no labels" in note for note in found.notes)


def test_emnist_is_set_upright_and_its_classes_are_letters(tmp_path):
    put(tmp_path, {**named(named(packed(MNIST), "train-", "emnist-letters-train-"), "t10k-",
                           "emnist-letters-test-"),
                   "emnist-letters-mapping.txt": b"0 65 97\n1 66 98\n2 67 99\n3 68 100\n"})
    found = collect(tmp_path, Reading())
    np.testing.assert_array_equal(found.x[:20, ..., 0], np.swapaxes(X, 1, 2))
    assert found.classes == ("A", "B", "C", "D") and found.y[:4].tolist() == [0, 1, 2, 3]
    assert any("upright" in note for note in found.notes)


def test_of_several_sets_one_is_chosen(tmp_path):
    for name in ("emnist-digits", "emnist-letters"):
        put(tmp_path, {f"{name}-{file}": content for file, content in MNIST.items()})
    with pytest.raises(ValueError, match="2 data sets: emnist-digits, emnist-letters; choose"):
        collect(tmp_path, Reading())
    text = f"idx({str(tmp_path)!r}, set='emnist-digits')"
    assert len(collect(text, Reading()).x) == 28
    with pytest.raises(ValueError, match="did you mean 'emnist-digits'"):
        collect(text.replace("digits", "digit"), Reading())


@pytest.mark.parametrize("change, match", [
    ({"train-labels-idx1-ubyte": idx(Y[:5])}, "5 labels, and .* 20 images"),
    ({"train-images-idx3-ubyte": idx(X)[:-4]}, "announces"),
    ({"train-images-idx3-ubyte": b"hello"}, "not an IDX file"),
    ({"t10k-images-idx3-ubyte": idx(XT[:, :5])}, "differ in size"),
    ({"train-images-idx3-ubyte.gz": gzip.compress(idx(X))[:60], "train-images-idx3-ubyte": None},
     "cannot be read"),
    ({"train-images-idx3-ubyte": idx(X[:, 0, 0])}, r"images are \(N, H, W\)")])
def test_what_is_wrong_names_its_file(change, match, tmp_path):
    put(tmp_path, {name: content for name, content in {**MNIST, **change}.items() if content})
    with pytest.raises(ValueError, match=match):
        collect(tmp_path, Reading())


def test_other_types_keep_their_depth_and_qmnists_labels_are_the_first_column(tmp_path):
    deep = X.astype(np.int16) * 16
    labels = np.stack([Y.astype(np.int32), np.zeros(20, np.int32)], 1)
    put(tmp_path, {"qmnist-train-images-idx3-int": idx(deep, 11),
                   "qmnist-train-labels-idx2-int": idx(labels, 12)})
    found = collect(tmp_path, Reading())
    assert found.x.max() == deep.max() and found.y.tolist() == Y.tolist()


def test_folders_of_images_stay_folders_of_images(tmp_path):
    from PIL import Image
    put(tmp_path, MNIST)
    Image.fromarray(X[0]).save(tmp_path / "a.png")
    assert find_call(str(tmp_path)).name == "folder"


def test_every_command_takes_such_a_folder(tmp_path, hourglass):
    put(tmp_path / "set", packed(MNIST))
    train(tmp_path / "set", out=tmp_path / "run", **{**TINY, "backbone": "conv((4,))",
                                                     "bottleneck": "identity"})
    run, data = tmp_path / "run", tmp_path / "set"
    for command in (f"data show {data} -o {tmp_path / 's.png'}",
                    f"reconstruct {run} {data} -o {tmp_path / 'out'}",
                    f"embed {run} {data} -o {tmp_path / 'e.csv'}",
                    f"score {run} {data} -o {tmp_path / 'c.csv'} --heatmaps {tmp_path / 'h'}"):
        code, _, said = hourglass(command)
        assert code < 2, said
    assert len(list((tmp_path / "out").glob("*.png"))) == 28


def test_notmnist_is_read(real):
    found = collect(real / "glyphs/notmnist", Reading())
    assert found.x.shape == (10_000, 28, 28, 1) and len(found.classes) == 10
