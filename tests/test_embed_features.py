"""Vectors of a feature extractor as `hourglass embed` writes them: tables, neighbours, doubles."""

import csv

import numpy as np
import pytest
from PIL import Image

import hourglass as hg
from hourglass.core.features import features


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Images of two sizes in two classes; the last two are the same."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for i in range(14):
        place = tmp_path / "photos" / ("a" if i % 2 else "b")
        place.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 256, (40, 40 + 20 * (i % 3), 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{i:02}.png")
        if i == 13:
            Image.fromarray(pixels).save(place / "14.png")
    (tmp_path / "photos" / "b" / "15.png").write_bytes(b"not an image")
    return tmp_path


def test_the_table_has_the_extractors_vectors(photos, hourglass):
    code, said, err = hourglass("embed photos --features random -o z.csv")
    assert code == 0, err
    rows = {row["name"]: row for row in csv.DictReader(open("z.csv"))}
    image = np.asarray(Image.open("photos/b/04.png"))[None]
    wanted = features("random").vector(image, 224)[0].numpy()
    row = rows["b/04.png" if "b/04.png" in rows else "photos/b/04.png"]
    np.testing.assert_allclose([float(row[f"z_{i + 1}"]) for i in range(480)], wanted, rtol=1e-4,
                               atol=1e-6)
    assert len(rows) == 15 and row["class"] == "b" and "15 vectors of 480 numbers" in said
    assert features("random").digest in said and "15.png" in err


def test_an_image_is_nearest_to_itself(photos, hourglass):
    code, _, err = hourglass("embed photos --features random --nearest photos/a/05.png -n 3 "
                                "-o near.csv")
    rows = list(csv.DictReader(open("near.csv")))
    assert code == 0 and rows[0]["name"].endswith("a/05.png"), err
    assert float(rows[0]["distance"]) < 1e-3 < float(rows[1]["distance"])
    assert hourglass("embed photos --features random --nearest photos/a/05.png -o n.png")[0] == 0
    assert Image.open("n.png").width > 100


def test_doubles_are_found(photos, hourglass):
    code, said, err = hourglass("embed photos --features random --duplicates")
    rows = list(csv.DictReader(open("duplicates.csv")))
    assert code == 0 and [row["name"][-6:] for row in rows] == ["13.png", "14.png"], err
    assert "compared at 64x64" in said


def test_python_gives_what_the_command_writes(photos, hourglass):
    found = hg.embed("photos", "random")
    hourglass("embed photos --features random -o z.npy")
    np.testing.assert_allclose(found.vectors, np.load("z.npy"), rtol=1e-5)
    assert found.classes[:2] == ["a", "a"] and features("random").digest in repr(found)
    assert np.load(found.save("again.npy")).shape == found.vectors.shape == (15, 480)
    row = next(i for i, name in enumerate(found.names) if name.endswith("a/05.png"))
    image = np.asarray(Image.open("photos/a/05.png"))
    near = [found.nearest(query, n=3) for query in (row, image, "photos/a/05.png", [row, image])]
    assert [each.index[0].tolist() for each in near] == [near[0].index[0].tolist()] * 4
    assert near[0].index[0, 0] == row and near[3].names.shape == (2, 3)
    assert [[name[-6:] for name in group] for group in found.duplicates().names] == [
        ["13.png", "14.png"]]


@pytest.mark.parametrize("work, message", [
    (lambda found: found.nearest(99), "no image 99"), (lambda found: found.save("z.txt"), ".csv"),
    (lambda found: found.nearest("photos"), "one image"),
    (lambda found: hg.embed(found.vectors), "not ndarray"),
    (lambda found: hg.embed("photos", "rondom"), "did you mean")])
def test_python_says_what_is_right(photos, work, message):
    with pytest.raises(ValueError, match=message):
        work(hg.embed("photos/a", "random"))


@pytest.mark.parametrize("words, message", [
    ("embed runs/1 photos --features random", "without a run"),
    ("embed photos", "hourglass embed RUN IMAGES"),
    ("embed photos --features random --shards 2", "--shards"),
    ("embed photos --features rondom", "did you mean 'random'"),
    ("embed photos --features random --nearest photos", "single images"),
    ("embed photos --features random -o z.txt", ".csv"),
    ("embed missing --features random", "missing")])
def test_wrong_use_exits_with_two_and_says_what_is_right(photos, hourglass, words, message):
    code, _, err = hourglass(words)
    assert code == 2 and message in err
