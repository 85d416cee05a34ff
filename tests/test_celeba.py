"""CelebA as people have it: with its lists or without, whole or in part."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import draw

from hourglass.data.collect import collect, split
from hourglass.data.image_options import Reading

NAMES = [f"{i:06}.jpg" for i in range(1, 21)]


@pytest.fixture
def celeba(here: Path) -> Path:
    """A folder celeba/ with twenty images and the official lists, of thirty images."""
    folder = here / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    for i, name in enumerate(NAMES):
        draw("lying", i, size=20).save(folder / "img_align_celeba" / name)
    listed = [f"{i:06}.jpg" for i in range(1, 31)]
    (folder / "list_eval_partition.txt").write_text("".join(
        f"{name} {0 if i < 12 else 1 if i < 16 else 2}\n" for i, name in enumerate(listed)))
    (folder / "list_attr_celeba.txt").write_text("30\nSmiling Male \n" + "".join(
        f"{name}  {1 if i % 2 else -1} {1 if i % 3 == 0 else -1}\n" for i, name in
        enumerate(listed)))
    return folder


def test_the_official_partition_is_used(celeba):
    found = collect("celeba(path='celeba')", Reading())
    assert found.x.shape == (20, 20, 20, 3) and found.y is None and not found.notes
    source = split(found, {"val": 0.1, "test": 0.1}, 0)
    assert {name: len(s) for name, s in source.splits.items()} == {
        "train": 12, "val": 4, "test": 4}
    assert source.splits["val"].index.tolist() == [12, 13, 14, 15]


def test_attributes_become_classes(celeba):
    found = collect("celeba('Smiling', path='celeba')", Reading())
    assert found.classes == ("not Smiling", "Smiling")
    assert found.y.tolist() == [i % 2 for i in range(20)]
    both = collect("celeba(('Smiling', 'Male'), path='celeba')", Reading())
    assert both.classes[3] == "Smiling and Male" and both.classes[2] == "not Smiling and Male"
    assert both.y.tolist() == [i % 2 + 2 * (i % 3 == 0) for i in range(20)]


def test_a_zip_and_the_lists_of_kaggle_are_read_alike(celeba, monkeypatch, here):
    with zipfile.ZipFile(celeba / "img_align_celeba.zip", "w") as held:
        for file in sorted((celeba / "img_align_celeba").iterdir()):
            held.write(file, f"img_align_celeba/{file.name}")
    direct = collect("celeba('Male', path='celeba')", Reading())
    for file in (celeba / "img_align_celeba").iterdir():
        file.unlink()
    (celeba / "img_align_celeba").rmdir()
    attributes, partition = celeba / "list_attr_celeba.txt", celeba / "list_eval_partition.txt"
    head, *rows = attributes.read_text().splitlines()[1:]
    (celeba / "list_attr_celeba.csv").write_text("\n".join(
        ",".join(line.split()) for line in (f"image_id {head}", *rows)))
    (celeba / "list_eval_partition.csv").write_text("image_id,partition\n" + "\n".join(
        ",".join(line.split()) for line in partition.read_text().splitlines()))
    attributes.unlink()
    partition.unlink()
    monkeypatch.setenv("HOURGLASS_DATA", str(here))
    found = collect("celeba('Male')", Reading())
    assert np.array_equal(found.x, direct.x) and np.array_equal(found.y, direct.y)
    assert found.parts["test"].tolist() == direct.parts["test"].tolist()


def without(name):
    return lambda folder: (folder / name).unlink()


def cut(name, text):
    return lambda folder: (folder / name).write_text(text)


@pytest.mark.parametrize("source, change, words", [
    ("celeba('Smilng', path='celeba')", None, "no attribute 'Smilng'; did you mean 'Smiling'"),
    ("celeba('Smiling', path='celeba')", without("list_attr_celeba.txt"),
     "labels need list_attr_celeba.txt"),
    ("celeba('Smiling', path='celeba')", cut("list_attr_celeba.txt", "30\nSmiling\na.jpg 1\n"),
     "announces 30 images, but holds 1"),
    ("celeba('Smiling', path='celeba')", cut("list_attr_celeba.txt", "1\nSmiling Male\na.jpg 1\n"),
     "row 1 of .* has 1 values, not 2"),
    ("celeba('Smiling', path='celeba')", cut("list_attr_celeba.txt", "1\nSmiling\na.jpg 1\n"),
     "no row for 000001.jpg and 19 more"),
    ("celeba('Smiling', path='celeba')", cut("list_attr_celeba.txt", "x\nSmiling\na.jpg y\n"),
     "list_attr_celeba"),
    ("celeba(path='celeba')", cut("list_eval_partition.txt", "".join(f"{n} 7\n" for n in NAMES)),
     "holds 7; a split must be"),
    ("celeba(path='nowhere')", None, "put img_align_celeba.zip"),
    ("celeba(path='celeba/img_align_celeba')", None, None)])
def test_what_is_absent_or_wrong_is_told(source, change, words, celeba):
    if change:
        change(celeba)
    if words is None:
        assert len(collect(source, Reading()).x) == 20
        return
    with pytest.raises(ValueError, match=words):
        collect(source, Reading())


def test_without_a_partition_splits_are_drawn_and_the_run_says_so(celeba):
    (celeba / "list_eval_partition.txt").unlink()
    found = collect("celeba(path='celeba')", Reading())
    assert "drawn at random" in found.notes[0] and not found.parts


def test_prepared_faces_keep_labels_and_partition(celeba, hourglass):
    code, _, err = hourglass("data prepare \"celeba('Smiling', path='celeba')\" --size 12 "
                             "-o faces.npy")
    assert code == 0, err
    found = collect("faces.npy", Reading())
    assert found.classes == ("not Smiling", "Smiling") and len(found.parts["train"]) == 12
