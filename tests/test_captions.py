"""Captions: from a CSV beside images, from attributes, from classes, and of emoji."""

import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

import hourglass as hg
from hourglass.data.attribute_sentences import sentence
from hourglass.data.captions import captions_of_classes
from hourglass.data.collect import collect, split
from hourglass.data.read_image import Reading

COLOURS = {"a.png": "red", "b.png": "green", "c.png": "blue"}
TABLE = "file,caption\na.png,a red square\nb.png,a green square\nb.png,a leaf\nc.png,blue\n"
HEAD = "file,name,keywords,group,emoji\n"
ROWS = ("images/a.png,cat,\"pet, animal\",Animals,x\nimages/b.png,apple,,Food,x\n"
        "images/c.png,dog,pet,Animals,x\n")


def png(colour: str) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(held, "png")
    return held.getvalue()


def files(captions: str = "", name: str = "captions.csv", folder: str = "") -> dict[str, bytes]:
    found = {f"{folder}{file}": png(colour) for file, colour in COLOURS.items()}
    return {**found, **({name: captions.encode()} if captions else {})}


def as_folder(place, held):
    for name, content in held.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def as_zip(place, held):
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    return place


def as_tar(place, held):
    with tarfile.open(place, "w") as archive:
        for name, content in held.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return place


@pytest.mark.parametrize("name", ["captions.csv", "metadata.csv"])
@pytest.mark.parametrize(("kind", "make"), [("photos", as_folder), ("photos.zip", as_zip),
                                            ("photos.tar", as_tar)])
def test_captions_stand_in_a_table_in_the_folder_or_archive(tmp_path, kind, make, name):
    (tmp_path / "photos").mkdir()
    found = collect(str(make(tmp_path / kind, files(TABLE, name))), Reading())
    assert found.captions == (("a red square",), ("a green square", "a leaf"), ("blue",))
    assert any("captions of 3 of 3 images" in note for note in found.notes)


def test_captions_stand_in_a_table_beside_the_folder(tmp_path):
    (tmp_path / "photos.csv").write_text(TABLE.replace("file,", "file_name,"))
    found = collect(str(as_folder(tmp_path / "photos", files())), Reading())
    assert found.captions[1] == ("a green square", "a leaf")


def test_captions_follow_the_samples_into_their_splits(tmp_path):
    samples = hg.read(as_folder(tmp_path / "photos", files(TABLE)))
    assert dict(zip(samples.names, samples.captions, strict=True))["c.png"] == ("blue",)
    source = split(collect(str(tmp_path / "photos"), Reading()), {"test": 1}, 0)
    row = int(source.splits["test"].index[0])
    assert source.captions[row] == samples.captions[row]


def test_captions_are_found_by_the_last_part_of_a_name_only_where_it_is_unique(tmp_path):
    held = {**files(folder="x/"), "y/a.png": png("white"), "captions.csv": TABLE.encode()}
    found = collect(str(as_folder(tmp_path / "photos", held)), Reading())
    told = dict(zip(found.names, found.captions, strict=True))
    assert told["x/b.png"] == ("a green square", "a leaf") and told["x/a.png"] == ()


@pytest.mark.parametrize("table", ["id,score\n1,2\n", "file,score\na.png,2\n"])
def test_a_table_without_captions_is_left_alone(tmp_path, table):
    found = collect(str(as_folder(tmp_path / "photos", files(table, "metadata.csv"))), Reading())
    assert found.captions == () and not any("caption" in note for note in found.notes)


def test_a_table_of_other_images_is_named(tmp_path):
    place = as_folder(tmp_path / "photos", files("file,caption\nz.png,a zebra\n"))
    assert any("names none of the images" in note for note in collect(place, Reading()).notes)


def test_a_table_that_cannot_be_read_is_refused(tmp_path):
    place = as_folder(tmp_path / "photos", files())
    (place / "captions.csv").write_bytes(b"file,caption\na.png,\xff\xfe\n")
    with pytest.raises(ValueError, match="save it as UTF-8"):
        collect(place, Reading())


def test_patches_have_no_captions_of_whole_images(tmp_path):
    place = as_folder(tmp_path / "photos", files(TABLE))
    source = split(collect(str(place), Reading(patches="4")), {}, 0, reading=Reading(patches="4"))
    assert source.captions == ()


def test_classes_are_captions_by_templates():
    found = captions_of_classes([1, 0, -1], ["ankle_boot", "Greek/alpha"])
    assert found == (("Greek alpha", "a picture of Greek alpha"),
                     ("ankle boot", "a picture of ankle boot"), ())


@pytest.mark.parametrize(("present", "text"), [
    ("Smiling Young Eyeglasses", "a smiling young woman with glasses"),
    ("Male Attractive", "an attractive man with a beard"),
    ("Male No_Beard Wearing_Hat", "a man wearing a hat"),
    ("No_Beard Brown_Hair Wavy_Hair Bangs Wearing_Earrings Wearing_Lipstick",
     "a woman with wavy brown hair and bangs, wearing earrings and lipstick"),
    ("Male Goatee Big_Nose Pointy_Nose Bushy_Eyebrows",
     "a man with a goatee, bushy eyebrows and a big pointy nose"),
    ("Male 5_o_Clock_Shadow Blurry", "a man with a five o'clock shadow, in a blurry picture"),
    ("No_Beard", "a woman")])
def test_attributes_become_a_sentence(present, text):
    held = {*present.split()}
    held |= set() if "Male" in held else {"No_Beard"}
    names = {"Male", "No_Beard", *present.split()}
    assert sentence(held, names) == text


def test_a_short_sentence_leaves_details_out():
    held = {"Male", "No_Beard", "Eyeglasses", "Big_Lips", "Wearing_Necktie", "Black_Hair"}
    assert sentence(held, held, details=False) == "a man with black hair and glasses"


def test_faces_have_sentences_of_their_attributes(tmp_path):
    place = as_folder(tmp_path / "celeba" / "img_align_celeba", {
        f"00000{i}.jpg": png("red") for i in (1, 2)})
    (place.parent / "list_attr_celeba.txt").write_text(
        "2\nMale No_Beard Smiling\n000001.jpg 1 1 -1\n000002.jpg -1 1 1\n")
    found = collect(f"celeba(path={str(place.parent)!r})", Reading())
    assert found.captions == (("a man",), ("a smiling woman",))


@pytest.fixture
def emoji(tmp_path, monkeypatch):
    monkeypatch.setenv("HOURGLASS_DATA", str(tmp_path))
    (tmp_path / "emoji").mkdir()
    as_zip(tmp_path / "emoji" / "twemoji72.zip", files(folder="images/"))
    (tmp_path / "emoji" / "twemoji72.csv").write_text(HEAD + ROWS)
    return tmp_path / "emoji"


def test_emoji_are_found_with_names_keywords_and_groups(emoji):
    samples = hg.read("emoji", size=8)
    assert samples.images.shape == (3, 8, 8, 3) and samples.classes == ("Animals", "Food")
    assert samples.labels.tolist() == ["Animals", "Food", "Animals"]
    assert samples.captions == (("cat", "cat, pet, animal"), ("apple",), ("dog", "dog, pet"))
    assert any("CC-BY 4.0" in note for note in samples.notes)
    np.testing.assert_allclose(samples.images[0, 0, 0], [1, 0, 0])


def test_emoji_read_the_table_in_the_archive_where_none_stands_beside_it(emoji):
    (emoji / "twemoji72.csv").unlink()
    held = {**files(folder="images/"), "captions.csv": (HEAD + ROWS).encode()}
    as_zip(emoji / "twemoji72.zip", held)
    assert hg.read("emoji", size=8).captions[1] == ("apple",)


@pytest.mark.parametrize(("data", "words"), [
    ("emoji(style='noto')", "no noto72.zip"), ("emoji(path='nowhere')", "no twemoji72.zip")])
def test_emoji_that_are_not_there_are_named(emoji, data, words):
    with pytest.raises(ValueError, match=words):
        hg.read(data)


@pytest.mark.parametrize(("table", "words"), [
    ("file,name\n", "no column 'keywords'"), (HEAD, "no row for images/a.png")])
def test_emoji_need_their_table_of_names(emoji, table, words):
    (emoji / "twemoji72.csv").write_text(table)
    with pytest.raises(ValueError, match=words):
        hg.read("emoji")
