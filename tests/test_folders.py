"""Folders as people have them are understood, or what they hold is named."""

import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import draw, train
from PIL import Image

import hourglass as hg
from hourglass.data.collect import collect
from hourglass.data.data_frames import read_frame
from hourglass.data.find import find_call, settle
from hourglass.data.find_images import files_in, opened, printable
from hourglass.data.folders import classify, lay_out, masks_among, matching
from hourglass.data.image_options import Reading
from hourglass.data.labels import natural
from hourglass.run.settings import chosen_recipe, make_settings, with_whole_path

TINY = "--model 'ae(2)' --backbone mlp --epochs 1 --no-report --seed 0"


def put(*names: str, size: int = 8) -> None:
    """Pictures at these paths."""
    for i, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        draw("lying", i, size).save(name)


def said(found) -> str:
    return " | ".join(found.notes)


# splits

@pytest.mark.parametrize("train, test", [
    ("train", "test"), ("Training", "Testing"), ("train_data", "test_data"), ("TRAIN", "Valid"),
    ("seg_train", "seg_test"), ("train-images", "val-images"), ("trainset", "testset"),
    ("TrainData", "TestData"), ("train2017", "val2017"), ("training_set", "dev_set"),
    ("images_train", "images_test"), ("my_train", "my_test"),
    ("train images", "validation images")])
def test_folders_named_as_splits_are_splits(train, test):
    names = [f"{train}/cat/a.png", f"{train}/dog/b.png", f"{test}/cat/c.png"]
    classes, y, parts = classify(names)
    assert classes == ("cat", "dog") and y.tolist() == [0, 1, 0]
    assert parts["train"].tolist() == [0, 1] and len(parts) == 2
    assert [index.tolist() for name, index in parts.items() if name != "train"] == [[2]]


@pytest.mark.parametrize("names", [
    ["bus/a.png", "car/b.png", "train/c.png"], ["train_track/a.png", "test_tube/b.png"],
    ["testing/a.png", "wood/b.png"], ["pretrained/a.png", "contest/b.png"]])
def test_classes_that_sound_like_splits_stay_classes(names):
    classes, _, parts = classify(names)
    assert len(classes) == len(names) and not parts


def test_a_split_within_a_split_of_its_name_says_nothing_more():
    names = [f"set/seg_{part}/seg_{part}/{kind}/{i}.png" for part in ("train", "test")
             for kind in ("sea", "street") for i in range(2)]
    classes, _, parts = classify(names)
    assert classes == ("sea", "street") and {k: len(v) for k, v in parts.items()} == {
        "train": 4, "test": 4}


def test_splits_below_classes_are_splits():
    classes, y, parts = classify(["cat/train/a.png", "cat/test/b.png", "dog/train/c.png"])
    assert classes == ("cat", "dog") and y.tolist() == [0, 0, 1]
    assert parts["train"].tolist() == [0, 2] and parts["test"].tolist() == [1]


def test_a_folder_beside_train_and_test_is_left_out_and_named(here):
    put("set/train/cat/1.png", "set/train/dog/2.png", "set/test/cat/3.png", "set/pred/4.png")
    found = collect("set", Reading())
    assert len(found.x) == 3
    assert "1 image is left out" in said(found) and "pred/4.png" in said(found)
    assert "splits test (1), train (2) and 2 classes (cat, dog)" in said(found)


# classes

def test_stray_images_leave_the_classes_and_are_named(here):
    put("photos/overview.png", size=16)
    found = collect("photos", Reading())
    assert found.classes == ("lying", "upright") and len(found.x) == 40
    assert "overview.png" in said(found) and "--label-depth 0" in said(found)
    assert len(collect("photos", Reading(label_depth=0)).x) == 41
    assert collect("photos", Reading(label_depth=0)).y is None


def test_a_model_is_applied_to_stray_images_too(here, hourglass):
    assert hourglass(f"train photos --out run {TINY}")[0] == 0
    put("photos/overview.png", size=16)
    for command in ("reconstruct run photos -o out", "restore run photos -o again",
                    "embed run photos -o codes.csv", "compress run photos -o small.hg"):
        code, out, err = hourglass(command)
        assert code == 0 and ("41" in out), (command, err)
    row = next(r for r in Path("codes.csv").read_text().splitlines() if "overview" in r)
    assert row.startswith("overview.png,,"), "of no class"
    code, out, err = hourglass("score run photos --normal upright -o s.csv")
    assert "of 40 abnormal" in out and "overview.png" in err, "named where classes count"


def test_folders_beside_most_of_the_images_name_no_classes(here):
    put(*(f"set/{i}.png" for i in range(5)), "set/old/5.png", "set/new/6.png")
    found = collect("set", Reading())
    assert len(found.x) == 7 and found.y is None and "no classes" in said(found)


def test_nested_folders_name_classes_as_deep_as_is_asked(here):
    put("set/Greek/alpha/1.png", "set/Greek/beta/2.png", "set/Latin/a/3.png", "set/Latin/4.png")
    first = collect("set", Reading())
    assert first.classes == ("Greek", "Latin")
    assert "--label-depth 2 makes 4 classes, such as Greek/alpha" in said(first)
    second = collect("set", Reading(label_depth=2))
    assert second.classes == ("Greek/alpha", "Greek/beta", "Latin", "Latin/a")
    assert collect("folder('set', label_depth=2)", Reading()).classes == second.classes


def test_classes_are_in_natural_order():
    assert sorted(["10", "9", "a10", "A2", "2"], key=natural) == ["2", "9", "10", "A2", "a10"]
    assert classify([f"{i}/x.png" for i in range(12)])[0] == tuple(map(str, range(12)))


def test_classes_that_are_texts_beside_an_array_are_in_natural_order():
    found = collect(np.zeros((4, 3), np.float32), Reading(), ["10", "9", "9", "100"])
    assert found.classes == ("9", "10", "100") and found.y.tolist() == [1, 0, 0, 2]


def test_a_run_that_knows_its_classes_in_another_order_keeps_it(here):
    for i in range(12):
        put(*(f"set/{i}/{j}.png" for j in range(4)))
    model = train("set", model="cvae(2)", backbone="mlp", epochs=1, quiet=True, out="run")
    assert model.classes == tuple(map(str, range(12)))
    old = tuple(sorted(model.classes))   # as a run of before had them
    source = model.source()
    again = source.with_classes(old)
    for name, split in source.splits.items():
        before = [source.classes[k] for k in split.y[split.index]]
        assert [old[k] for k in again.splits[name].y[split.index]] == before


# masks

@pytest.mark.parametrize("images, masks", [
    (["test/crack/1.png"], ["ground_truth/crack/1_mask.png"]),
    (["images/1.jpg", "images/2.jpg"], ["masks/1.png", "masks/2.png"]),
    (["train/a.jpg"], ["train_masks/a_mask.gif"]),
    (["a.png", "b.png"], ["a_mask.png", "b_GT.png"]),
    (["a.jpg"], ["a-mask1.png", "a_segmentation.png", "mask_a.png"]),
    (["x/0001_NOISY_SRGB_010.PNG"], ["x/0001_GT_SRGB_010.PNG"]),
    (["JPEGImages/1.jpg", "JPEGImages/2.jpg"], ["SegmentationClass/2.png"]),
    (["train/images/1.png"], ["train/labels/1.png"]), (["A.PNG"], ["A_MASK.PNG"]),
    (["a.png", "b.png"], ["masks/a.png", "masks/b.png"]),
    (["crack/a.png", "crack/b.png"], ["crack/masks/a_mask.png"])])
def test_masks_are_told_by_their_names(images, masks):
    assert masks_among([*images, *masks]) == masks


@pytest.mark.parametrize("names", [
    ["with_mask/1.png", "without_mask/1.png"], ["mask/1.png", "no_mask/1.png"],
    ["masks/1.png", "hats/1.png"], ["with_mask_1.jpg", "with_mask_2.jpg"], ["gt/1.png"],
    ["label/a.png", "seal/a.png"], ["images/1.png", "labels/7.png"],
    ["1.png", "2.png", "masks/7.png", "masks/8.png"]])
def test_what_only_sounds_like_masks_stays(names):
    assert masks_among(names) == []


def test_masks_are_left_out_with_a_word_unless_they_are_asked_for(here):
    put("set/1.png", "set/2.png", "set/1_mask.png", "set/2_mask.png")
    found = collect("set", Reading())
    assert found.names == ("1.png", "2.png") and "2 images are left out as masks" in said(found)
    assert len(collect("set", Reading(include="*")).x) == 4
    pairs = collect("pairs('set', 'set')", Reading())
    assert len(pairs.x) == 4, "who names pairs means what is there"


# patterns

@pytest.mark.parametrize("patterns, found", [
    ("*.png", {"a.png", "cat/b.PNG"}), ("cat/", {"cat/b.PNG", "cat/c.jpg"}), ("cat", {
        "cat/b.PNG", "cat/c.jpg"}), ("cat/*.jpg", {"cat/c.jpg"}), ("a*, *.jpg", {
            "a.png", "cat/c.jpg"}), ("dog", set())])
def test_patterns_are_of_names_folders_and_paths(patterns, found):
    assert matching(["a.png", "cat/b.PNG", "cat/c.jpg"], patterns) == found


def test_patterns_choose_files_and_say_so(here, hourglass):
    found = collect("photos", Reading(exclude="lying/, 00*"))
    assert all(name.startswith("upright/01") for name in found.names) and len(found.x) == 10
    assert "30 images left out by exclude 'lying/, 00*'" in said(found)
    code, out, _ = hourglass("data show photos --include 'lying/*' -o sheet.png")
    assert code == 0 and "20 samples" in out
    code, _, err = hourglass("data show photos --include '*.bmp'")
    assert code == 2 and "of 40 images in photos, such as lying/000.png, include '*.bmp'" in err
    hourglass(f"train photos --exclude lying/ --out run {TINY}")
    assert len(hg.load("run").encode("photos")) == 20, "what was chosen for training stays so"
    assert len(hg.load("run").encode("folder('photos', exclude='none')")) == 40


# files

def test_linked_folders_are_read_once_and_circles_end(here):
    put("elsewhere/7.png", "elsewhere/8.png")
    Path("photos/linked").symlink_to(here / "elsewhere")
    Path("photos/again").symlink_to(here / "photos" / "lying")
    Path("photos/upright/circle").symlink_to(here / "photos")
    Path("elsewhere/up").symlink_to(here)
    Path("photos/gone.png").symlink_to(here / "nowhere.png")
    found = collect("photos", Reading())
    assert found.classes == ("linked", "lying", "upright") and len(found.x) == 42
    assert "3 links to folders that are read anyway are skipped" in said(found)
    assert "gone.png leads nowhere" in said(found)


@pytest.mark.parametrize("ending", [".jfif", ".JFIF", ".JPG", ".TIF", ".Png"])
def test_endings_of_every_case_and_jfif_are_images(here, ending):
    form = "jpeg" if ending.lower() in (".jfif", ".jpg") else None
    draw("lying", 1).save(f"clean/new{ending}", form)
    draw("lying", 1).save(f"one{ending}", form)
    assert len(collect("clean", Reading()).x) == 21
    assert len(collect(f"one{ending}", Reading()).x) == 1
    assert find_call(f"one{ending}").name == "images"


@pytest.mark.parametrize("old, new, kind", [
    ("images.npy", "IMAGES.NPY", "array"), ("photos.zip", "PHOTOS.ZIP", "archive"),
    ("rows.csv", "ROWS.CSV", "table")])
def test_endings_of_other_data_may_be_capitals(here, old, new, kind):
    Path(old).rename(new)
    assert find_call(new).name == kind and len(collect(new, Reading()).x) in (40, 480)


def test_a_file_that_bears_a_sources_name_does_not_hide_the_source(here):
    Path("digits").write_text("notes")
    assert find_call("digits").name == "digits" and settle("digits") == "digits"


def test_images_of_kinds_that_cannot_be_read_are_counted(here):
    Path("clean/1.HEIC").write_bytes(b"x")
    Path("clean/2.heic").write_bytes(b"x")
    assert "left out: 2 .heic" in said(collect("clean", Reading()))
    with zipfile.ZipFile("some.zip", "w") as held:
        held.write("a.png")
        held.write("clean/1.HEIC")
    assert "left out: 1 .heic" in said(collect("some.zip", Reading()))


def test_archives_from_windows_hold_folders(here):
    with zipfile.ZipFile("win.zip", "w") as held:
        for name in ("photos\\cat\\1.png", "photos\\dog\\2.png", "..\\..\\out.png"):
            info = zipfile.ZipInfo("x")
            info.filename = name
            held.writestr(info, Path("a.png").read_bytes())
    found = collect("win.zip", Reading())
    assert found.names == ("photos/cat/1.png", "photos/dog/2.png")
    assert found.classes == ("cat", "dog")


def test_a_tar_of_the_folder_itself_is_read(here):
    with tarfile.open("dot.tar", "w") as tar:
        tar.add("photos", "./photos")
    assert collect("dot.tar", Reading()).classes == ("lying", "upright")


def test_names_that_are_no_utf_8_do_not_stop_a_folder(here, hourglass):
    for raw in (b"caf\xe9.png", b"th\xe9/1.png", b"th\xe9/2.png", b"tea/3.png"):
        path = os.path.join(os.fsencode("odd"), raw)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(Path("a.png").read_bytes())
    assert printable(os.fsdecode(b"caf\xe9")) == "caf%E9"
    found = collect("odd", Reading())
    assert found.classes == ("tea", "th%E9") and "caf%E9.png" in printable(said(found))
    code, _, err = hourglass(f"train odd --out run {TINY}")
    assert code == 0, err
    assert hourglass("embed run odd -o codes.csv")[0] == 0
    assert "th%E9/1.png" in Path("codes.csv").read_text()
    assert hourglass("reconstruct run odd -o out")[0] == 0 and Path("out/th\udce9/1.png").is_file()
    assert hourglass("restore run odd -o again")[0] == 0 and Path("again/caf\udce9.png").is_file()
    assert hourglass("compress run odd -o small.hg")[0] == 0
    assert hourglass("decompress run small.hg -o back")[0] == 0


def test_a_folder_whose_own_name_is_no_utf_8_is_refused_with_a_word(here):
    name = os.fsdecode(b"caf\xe9")
    put(f"{name}/1.png", f"{name}/2.png")
    assert len(collect(name, Reading()).x) == 2
    with pytest.raises(ValueError, match=r"caf%E9: .*rename it"):
        settle(name)


def pages(path: str, count: int, **options) -> None:
    first, *rest = (Image.fromarray(np.full((9, 9), 20 * i, np.uint8)) for i in range(count))
    first.save(path, save_all=True, append_images=rest, **options)


@pytest.mark.parametrize("kind", ["tif", "gif", "webp"])
def test_each_page_is_a_sample_on_request_else_the_first_is_read(here, kind):
    Path("set").mkdir()
    pages(f"set/stack.{kind}", 4)
    Image.fromarray(np.full((9, 9), 200, np.uint8)).save(f"set/one.{kind}")
    found = collect("set", Reading(grey=True))
    assert len(found.x) == 2 and f"stack.{kind}: --pages reads them all" in said(found)
    assert found.x[1].max() <= 2
    every = collect("set", Reading(pages=True, grey=True))
    assert every.names == (f"one.{kind}", *(f"stack_p{i}.{kind}" for i in range(1, 5)))
    assert np.abs(every.x[1:].mean((1, 2, 3)) - [0, 20, 40, 60]).max() < 3
    assert "2 files have 5 pages" in said(every)
    with zipfile.ZipFile("set.zip", "w") as held:
        held.write(f"set/stack.{kind}")
    assert len(collect("set.zip", Reading(pages=True)).x) == 4
    assert len(collect("archive('set.zip', pages=True)", Reading()).x) == 4


def test_smaller_versions_in_a_tiff_are_no_pages(here):
    large, small = (Image.fromarray(np.full((n, n), 90, np.uint8)) for n in (16, 8))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    from PIL.TiffImagePlugin import ImageFileDirectory_v2
    tags = ImageFileDirectory_v2()
    tags[254] = 1
    small.encoderinfo = {"tiffinfo": tags}
    Path("set").mkdir()
    large.save("set/p.tif", save_all=True, append_images=[small])
    assert collect("set", Reading(pages=True)).names == ("p.tif",)


def test_runs_on_pages_are_put_to_use(here, hourglass):
    Path("set").mkdir()
    pages("set/stack.tif", 12)
    assert hourglass(f"train set --pages --out run {TINY}")[0] == 0
    for command in ("reconstruct run set -o out", "restore run set -o again",
                    "embed run set -o codes.csv", "compress run set -o small.hg"):
        assert hourglass(command)[0] == 0, command
    assert len(list(Path("out").iterdir())) == len(list(Path("again").iterdir())) == 12
    code, _, err = hourglass("data prepare set --pages -o set.npy")
    assert code == 0, err
    assert len(collect("set.npy", Reading()).x) == 12
    assert not any("changed" in note for note in collect("set.npy", Reading()).notes)


@pytest.mark.parametrize("ending", [".csv.gz", ".CSV.GZ", ".csv.bz2", ".csv.xz", ".tsv.gz"])
def test_packed_tables_are_tables(here, ending):
    import bz2
    import gzip
    import lzma
    pack = {"gz": gzip, "bz2": bz2, "xz": lzma}[ending.lower().rpartition(".")[2]].compress
    Path(f"t{ending}").write_bytes(pack(Path("rows.csv").read_bytes()))
    assert find_call(f"t{ending}").name == "table"
    assert read_frame(f"t{ending}").equals(read_frame("rows.csv"))
    Path(f"cut{ending}").write_bytes(pack(Path("rows.csv").read_bytes())[:60])
    with pytest.raises(ValueError, match=r"cut short|cannot be read"):
        read_frame(f"cut{ending}")


# a folder with a source's name

def test_a_folder_that_bears_a_sources_name_is_the_folder_everywhere(here, hourglass):
    put(*(f"digits/{i}.png" for i in range(20)))
    code, _, err = hourglass(f"train digits --out run {TINY}")
    assert code == 0 and err.count("write digits()") == 1
    model = hg.load("run")
    assert model.shape == (3, 8, 8) and model.data == str(here / "digits")
    for command in ("data show digits -o sheet.png", "embed run digits -o codes.csv",
                    "score run digits -o scores.csv", "reconstruct run digits -o out",
                    "restore run digits -o again", "compress run digits -o small.hg",
                    "data prepare digits -o digits.npy", "summary digits"):
        code, out, err = hourglass(command)
        assert code in (0, 1) and "1,797" not in out + err, (command, err)
    assert len(Path("codes.csv").read_text().splitlines()) == 21
    assert len(model.encode("digits")) == 20
    assert collect("digits()", Reading()).x.shape == (1797, 8, 8, 1)
    code, _, err = hourglass(f"train 'digits()' --out plain {TINY}")
    assert code == 0 and hg.load("plain").shape == (1, 8, 8)
    assert len(hg.load("plain").source().whole()) == 1797, "its own data, whatever lies here"


def test_a_run_on_a_source_stays_on_it_where_a_folder_of_that_name_comes(here, hourglass):
    assert hourglass(f"train digits --out run {TINY}")[0] == 0
    put("digits/1.png", "digits/2.png")
    assert len(hg.load("run").source().whole()) == 1797


def test_recipes_and_summaries_of_runs_mean_the_source(here, hourglass):
    assert hourglass(f"train digits --out run {TINY}")[0] == 0
    put(*(f"{name}/{i}.png" for name in ("digits", "mnist") for i in range(20)))
    assert " 64 " in hourglass("summary run")[1], "8x8 grey pixels"
    assert with_whole_path(make_settings(chosen_recipe("tutorial_cae"))).data == "mnist"
    assert with_whole_path(make_settings({"data": "mnist"})).data == str(here / "mnist")


def test_an_empty_folder_of_a_sources_name_says_what_to_write(here, hourglass):
    Path("mnist").mkdir()
    code, _, err = hourglass("train mnist")
    assert code == 2 and "mnist holds no images" in err and "mnist()" in err


@pytest.mark.parametrize("text", [
    "pairs('noisy/', 'clean/')", "folder('photos', exclude='x')", "images(('a.png', 'b.png'))",
    "photos (1)", "photos", "a.png", "table(path='rows.csv', label='kind')",
    "pairs(given='noisy', clean='clean')"])
def test_settled_texts_hold_from_every_folder(here, monkeypatch, text):
    put("photos (1)/1.png", "photos (1)/2.png")
    settled = with_whole_path(make_settings({"data": text})).data
    before = collect(text, Reading())
    monkeypatch.chdir("/")
    after = collect(find_call(settled, settled=True), Reading())
    assert len(before.x) == len(after.x) and before.names == after.names
    assert settle(settled) == settled


@pytest.mark.parametrize("text", ["celeba('Smiling')", "nowhere/", "mnist", "mnist(together=True)"])
def test_settling_leaves_what_is_no_path(here, text):
    Path("Smiling").mkdir()
    assert settle(text) == text


def test_the_notes_of_a_place_are_said_by_data_show(here, hourglass):
    put("photos/stray.png", size=16)
    out = hourglass("data show photos -o sheet.png")[1]
    assert "note: folders are read as 2 classes (lying, upright)" in out and "stray.png" in out


def test_opened_places_name_what_they_hold(here):
    with opened("a.png") as files:
        assert list(files.sizes) == ["a.png"]
    assert list(files_in(Path("clean")).sizes)[:2] == ["000.png", "001.png"]
    assert lay_out(["a.png", "b.png"]).note == ""
