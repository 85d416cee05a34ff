"""Data of any size: decoded once into a file, read from there, and gone on with after anything."""

import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import draw, train

from hourglass.data.collect import collect, split
from hourglass.data.decoded_cache import load_manifest
from hourglass.data.image_options import Reading
from hourglass.data.memory_map import OnDisk

FAST = "--epochs 1 --batch-size 16 --model 'ae(4)'"


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As if a thousand bytes were much: what is larger stays on disk."""
    for module in ("sources.read_image_folder", "memory_map", "collect"):
        monkeypatch.setattr(f"hourglass.data.{module}.IN_MEMORY", 1000)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_prepared_file_holds_what_the_folder_held(here, hourglass):
    code, out, _ = hourglass("data prepare photos/ --size 12 -o faces.npy")
    assert code == 0 and "40 images of 3x12x12 in faces.npy" in out
    direct, kept = collect("photos/", Reading(size="12")), collect("faces.npy", Reading())
    assert isinstance(kept.x, np.memmap) and np.array_equal(direct.x, kept.x)
    assert np.array_equal(direct.y, kept.y) and direct.classes == kept.classes
    assert direct.names == kept.names
    assert hourglass(f"train --no-report faces.npy --out run {FAST}")[0] == 0
    assert hourglass(f"train --no-report faces.npy --size 12 --out again {FAST}")[0] == 0


def test_preparing_again_takes_what_is_there_and_notices_what_has_changed(here, hourglass):
    hourglass("data prepare photos/ --size 12 -o faces.npy")
    before = Path("faces.npy").stat().st_mtime_ns
    assert hourglass("data prepare photos/ --size 12 -o faces.npy")[0] == 0
    assert Path("faces.npy").stat().st_mtime_ns == before
    draw("lying", 7).save("photos/lying/new.png")
    code, out, err = hourglass("data prepare photos/ --size 12 -o faces.npy")
    assert code == 0 and "has changed" in err and "41 images" in out
    code, _, err = hourglass("data prepare photos/ --size 16 -o faces.npy")
    assert code == 2 and "faces.npy holds the images of" in err and "choose another file" in err
    code, _, err = hourglass("data prepare photos.zip --size 12 -o faces.npy")
    assert code == 2 and "holds the images of" in err


def test_training_on_a_prepared_file_notices_that_its_source_has_changed(here, hourglass):
    hourglass("data prepare photos/ --size 12 -o faces.npy")
    draw("lying", 7).save("photos/lying/new.png")
    code, _, err = hourglass(f"train --no-report faces.npy --out run {FAST}")
    assert code == 0 and re.search("has changed since .*faces.npy was prepared", err)


def test_preparing_goes_on_where_it_was_killed(here, hourglass, monkeypatch):
    monkeypatch.setattr("hourglass.data.decoded_cache.TOGETHER", 7)
    def dies(path, number=[0]):   # noqa: B006
        number[0] += 1
        if number[0] > 70:   # all headers, and thirty images
            raise KeyboardInterrupt
        return open(path, "rb")
    from hourglass.data.sources import read_image_folder

    def dying(root):
        found = files_in(root)
        return read_image_folder.Files(found.place, found.sizes, lambda name: dies(root / name))
    files_in = read_image_folder.files_in
    monkeypatch.setattr(read_image_folder, "files_in", dying)
    with pytest.raises(KeyboardInterrupt):
        collect("photos/", Reading(size="12", store="faces.npy"))
    assert not Path("faces.npy").exists()
    part = json.loads(Path("faces.npy.part.json").read_text())
    assert 0 < part["done"] < 40 and part["done"] % 7 == 0
    monkeypatch.setattr(read_image_folder, "files_in", files_in)
    code, _, err = hourglass("data prepare photos/ --size 12 -o faces.npy")
    assert code == 0 and f"continuing after {part['done']} images" in err
    assert np.array_equal(np.load("faces.npy"), collect("photos/", Reading(size="12")).x)
    assert not list(Path().glob("*.part*"))


def test_a_file_whose_making_was_killed_at_the_very_end_is_whole(here, hourglass):
    hourglass("data prepare photos/ --size 12 -o faces.npy")
    manifest = json.loads(Path("faces.npy.json").read_text())
    Path("faces.npy.part.json").write_text(json.dumps({**manifest, "collection": {}}))
    Path("faces.npy.json").unlink()
    before = Path("faces.npy").stat().st_mtime_ns
    assert hourglass("data prepare photos/ --size 12 -o faces.npy")[0] == 0
    assert Path("faces.npy").stat().st_mtime_ns == before
    assert collect("faces.npy", Reading()).classes == ("lying", "upright")


def test_a_full_disk_while_preparing_keeps_what_was_done(here, hourglass, monkeypatch):
    from shutil import _ntuple_diskusage
    monkeypatch.setattr("shutil.disk_usage", lambda path: _ntuple_diskusage(10, 9, 1000))
    code, _, err = hourglass("data prepare photos/ --size 12 -o faces.npy")
    assert code == 2 and "MiB free" in err
    monkeypatch.undo()
    monkeypatch.chdir(here)
    monkeypatch.setattr("hourglass.data.decoded_cache.TOGETHER", 5)
    count, fsync = [0], os.fsync

    def full(descriptor):
        count[0] += 1
        if count[0] > 4:
            raise OSError(28, "No space left on device")
        fsync(descriptor)
    monkeypatch.setattr("os.fsync", full)
    code, _, err = hourglass("data prepare photos/ --size 12 -o faces.npy")
    assert code == 2 and "disk is full" in err and "Traceback" not in err
    monkeypatch.setattr("os.fsync", fsync)
    code, _, err = hourglass("data prepare photos/ --size 12 -o faces.npy")
    assert code == 0 and "continuing after" in err


def test_a_corrupt_image_among_many_is_named_and_its_row_left_out(here, hourglass):
    Path("photos/upright/007.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    code, out, _ = hourglass("data prepare photos/ --size 12 -o faces.npy")
    assert code == 0 and "39 images" in out and "007.png" in out
    kept = collect("faces.npy", Reading())
    assert len(kept.x) == len(kept.names) == len(kept.y) == 39
    assert np.array_equal(kept.x, collect("photos/", Reading(size="12")).x)


def test_a_prepared_file_of_another_size_or_that_was_damaged_is_refused(here, hourglass):
    hourglass("data prepare photos/ --size 12 -o faces.npy")
    code, _, err = hourglass(f"train --no-report faces.npy --size 16 --out run {FAST}")
    assert code == 2 and "prepared at 12x12" in err and "data prepare" in err
    whole = Path("faces.npy").read_bytes()
    Path("faces.npy").write_bytes(whole[:-100])
    code, _, err = hourglass(f"train --no-report faces.npy --out run {FAST}")
    assert code == 2 and "cut short or damaged" in err
    np.save("faces.npy", np.zeros((3, 12, 12, 3), np.uint8))
    code, _, err = hourglass(f"train --no-report faces.npy --out run {FAST}")
    assert code == 2 and "do not belong together" in err
    Path("faces.npy.json").write_text("{")
    code, _, err = hourglass(f"train --no-report faces.npy --out run {FAST}")
    assert code == 2 and "prepare them again" in err


def test_a_preparation_that_was_refused_leaves_nothing_to_train_on(here, hourglass):
    for i in range(9):
        Path(f"photos/upright/broken{i}.png").write_bytes(b"no image")
    code, _, err = hourglass("data prepare photos/ --size 12 -o faces.npy")
    assert code == 2 and "more than one in ten" in err and "repair them" in err
    code, _, err = hourglass(f"train --no-report faces.npy --out run {FAST}")
    assert code == 2 and "is not finished" in err
    code, out, _ = hourglass("data show photos/ -o sheet.png")
    assert code == 0 and "9 of 49 images cannot be read" in out and Path("sheet.png").exists()


def test_named_sets_and_arrays_are_prepared_too(here, hourglass):
    assert hourglass("data prepare digits --size 16 -o d.npy")[0] == 0
    assert hourglass("data prepare digits --size 16 -o d.npy")[0] == 0
    kept = collect("d.npy", Reading())
    assert kept.x.shape == (1797, 16, 16, 1) and kept.classes == tuple("0123456789")
    assert hourglass("data prepare images.npy --size 8 -o i.npy")[0] == 0
    assert hourglass("data prepare images.npy -o wrong.txt")[0] == 2


def test_what_is_too_large_for_memory_is_decoded_into_the_cache_once(
        here, hourglass, small_memory):
    code, _, err = hourglass(f"train --no-report photos.zip --out run {FAST}")
    assert code == 0 and "decoded once, into" in err
    (cached,) = Path("cache/hourglass/decoded").glob("*.npy")
    before = cached.stat().st_mtime_ns
    code, _, err = hourglass(f"train --no-report photos.zip --out again {FAST}")
    assert code == 0 and "decoded once" not in err and cached.stat().st_mtime_ns == before
    held = Path("photos.zip").read_bytes()
    with zipfile.ZipFile("photos.zip", "a") as archive:
        archive.write("a.png", "photos/lying/zz.png")
    assert Path("photos.zip").read_bytes() != held
    code, _, err = hourglass(f"train --no-report photos.zip --out third {FAST}")
    assert code == 0 and "has changed" in err and "41" not in err.partition("train,")[0][-5:]


def test_batches_from_disk_are_those_from_memory_in_any_order(here, small_memory):
    images = np.random.default_rng(0).integers(0, 255, (50, 6, 5, 3), np.uint8)
    np.save("many.npy", images)
    on_disk = split(collect("many.npy", Reading()), {}, 0).splits["train"]
    held = split(collect(images, Reading()), {}, 0).splits["train"]
    assert isinstance(on_disk.x, OnDisk) and isinstance(held.x, torch.Tensor)
    rows = torch.tensor([7, 3, 49, 3, 0])
    assert torch.equal(on_disk.batch(rows).x, held.batch(rows).x)


def test_an_array_that_has_the_size_already_is_not_read_into_memory(here, small_memory):
    np.save("many.npy", np.zeros((50, 6, 5, 3), np.uint8))
    found = collect("many.npy", Reading(size="6x5", grey=False))
    assert isinstance(found.x, np.memmap)
    assert collect("many.npy", Reading(size="3", grey=True)).x.shape == (50, 3, 3, 1)
    cut = collect("many.npy", Reading(crop="2", size="6x5")).x
    assert cut.shape == (50, 6, 5, 3) and not isinstance(cut, np.memmap), "cropped, then sized"


def test_a_file_that_shrinks_under_a_run_is_an_error_and_not_a_crash(here, small_memory):
    np.save("many.npy", np.zeros((50, 20, 20), np.uint8) + np.arange(50, dtype=np.uint8)[:, None,
                                                                                      None])
    train = split(collect("many.npy", Reading()), {}, 0).splits["train"]
    os.truncate("many.npy", 5000)
    with pytest.raises(OSError, match="cut short"):
        train.batch(torch.arange(50))


def test_memory_stays_flat_however_many_images_there_are(here):
    """In a process of its own: 40,000 images more cost next to nothing."""
    import subprocess
    import sys
    for name, n in (("few", 200), ("many", 40_000)):
        with open(f"{name}.npy", "wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": (n, 64, 64, 3)})
            for _ in range(n // 200):
                file.write(np.random.default_rng(0).integers(
                    0, 255, (200, 64, 64, 3), np.uint8).tobytes())
    code = """
import resource, sys, torch
import hourglass.data.collect as module
from hourglass.data.image_options import Reading
module.IN_MEMORY = 0
train = module.split(module.collect(sys.argv[1], Reading()), {}, 0).splits["train"]
for rows in torch.randperm(len(train)).split(128):
    train.batch(rows)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    peak = [float(subprocess.run([sys.executable, "-c", code, f"{name}.npy"], check=True,
                                 capture_output=True, text=True).stdout) for name in
            ("few", "many")]
    assert peak[1] < peak[0] + 200, "of 470 MiB"


def test_show_draws_a_sheet_and_warns(here, hourglass):
    draw("lying", 3).save("photos/lying/double.png")
    code, out, _ = hourglass("data show photos/ -o sheet.png")
    assert code == 0 and Path("sheet.png").stat().st_size > 2000
    for words in ("41 samples of 3x16x16", "files of 16x16 (41)", "lying (21)", "exact duplicates",
                  "are few"):
        assert words in out
    white = 255 - np.zeros((600, 12, 12, 3), np.uint8)
    white[:, 4:6, 4:6] = np.random.default_rng(0).integers(0, 99, (600, 1, 1, 1))
    np.save("white.npy", white)
    out = hourglass("data show white.npy -o white.png")[1]
    assert "--invert" in out and "--grey" in out
    np.save("vectors.npy", np.random.default_rng(0).normal(size=(60, 5)))
    code, out, _ = hourglass("data show vectors.npy -o none.png")
    assert code == 0 and not Path("none.png").exists()


def test_augment_writes_images_by_class_and_every_one_has_its_turn(here, hourglass):
    code, out, _ = hourglass("data augment photos/ -n 90 --augment 'flip + noise(0.05)' -o more/")
    assert code == 0 and "90 images in more" in out
    read_images = sorted(Path("more").rglob("*.png"))
    assert len(read_images) == 90 and {f.parent.name for f in read_images} == {"upright", "lying"}
    found = collect("more/", Reading())
    assert found.x.shape == (90, 16, 16, 3) and len(np.unique(found.x, axis=0)) == 90
    first = [f.read_bytes() for f in read_images]
    hourglass("data augment photos/ -n 90 --augment 'flip + noise(0.05)' -o same/")
    assert first == [f.read_bytes() for f in sorted(Path("same").rglob("*.png"))]
    assert hourglass("data augment photos/ -n 5 -o more/")[0] == 2
    assert hourglass("data augment photos/ -n 5 --augment 'flp' -o new/")[0] == 2


def test_training_with_augmentation_is_seeded_and_differs_from_training_without(here):
    settings = {"model": "ae(3)", "epochs": 2, "batch_size": 16, "quiet": True}
    images = np.load("images.npy")
    paths = [train(images, out=name, augment=text, **settings).folder.path for name, text in
             (("a", "shift(2) + rotate(5)"), ("b", "shift(2) + rotate(5)"), ("c", ""))]
    a, b, c = ((path / "model.safetensors").read_bytes() for path in paths)
    assert a == b != c
    assert load_manifest(Path("images.npy")) is None
