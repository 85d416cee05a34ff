"""Images, archives, arrays and named sets, as people have them."""

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import draw
from PIL import Image

from hourglass.data.collect import collect, split
from hourglass.data.fetch import Remote, find_all
from hourglass.data.folders import classify
from hourglass.data.image_options import Reading
from hourglass.data.read_image import open_image, shape_image
from hourglass.data.sources.arrays import from_array
from hourglass.data.sources.idx_files import read_idx
from hourglass.data.sources.standard_sets import read_cifar

SQUARE = np.zeros((20, 12, 3), np.uint8)
SQUARE[4:9, 2:6] = (250, 100, 30)


def saved(image: Image.Image, form: str = "png", **options) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("mode, form, channels", [
    ("RGB", "png", 3), ("L", "png", 1), ("1", "png", 1), ("P", "png", 3), ("RGBA", "png", 3),
    ("LA", "png", 1), ("CMYK", "jpeg", 3), ("RGB", "jpeg", 3), ("RGB", "webp", 3),
    ("L", "tiff", 1), ("P", "gif", 3), ("RGB", "bmp", 3)])
def test_every_mode_is_read_as_grey_or_colour(mode, form, channels):
    file = saved(Image.fromarray(SQUARE).convert(mode), form)
    image = shape_image(open_image(file), Reading())
    assert image.shape == (20, 12, channels) and image.dtype == np.uint8
    grey = image.mean(-1)
    assert grey[5, 3] > grey[15, 9] + 40, "the bright square is where it was"


def test_transparent_pixels_are_laid_on_white():
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4, 3] = 255
    image = shape_image(open_image(saved(Image.fromarray(pixels))), Reading())
    assert image[0, 0].tolist() == [0, 0, 0] and image[0, 7].tolist() == [255, 255, 255]


def test_sixteen_bit_grey_keeps_its_upper_bits():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    image = shape_image(open_image(saved(Image.fromarray(ramp))), Reading())
    assert np.abs(image[..., 0].ravel().astype(int) - np.arange(256)).max() <= 1


def test_a_large_photograph_is_decoded_small_and_looks_the_same():
    waves = np.sin(np.arange(900) / 40)
    photograph = ((waves[:, None] + waves[None, :600] + 2) * 60).astype(np.uint8)
    file = saved(Image.fromarray(photograph).convert("RGB"), "jpeg", quality=95)
    reading = Reading(size="32", fit="stretch")
    assert max(open_image(file, reading).size) < 300
    small, whole = (shape_image(open_image(file, r), reading).astype(int) for r in (reading, None))
    assert small.shape == (32, 32, 3) and np.abs(small - whole).max() <= 6


def test_an_image_is_turned_as_its_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6   # to be turned a quarter clockwise
    file = saved(Image.fromarray(SQUARE), "jpeg", exif=exif)
    assert shape_image(open_image(file), Reading()).shape == (12, 20, 3)


@pytest.mark.parametrize("reading, shape", [
    (Reading(size="10"), (10, 10, 3)), (Reading(size="10x16"), (10, 16, 3)),
    (Reading(crop="8"), (8, 8, 3)), (Reading(pad="32"), (32, 32, 3)),
    (Reading(grey=True, size="6"), (6, 6, 1)), (Reading(size="9", fit="pad"), (9, 9, 3)),
    (Reading(size="9x5", fit="stretch"), (9, 5, 3)), (Reading(crop="100"), (20, 12, 3))])
def test_images_are_brought_to_size(reading, shape):
    assert shape_image(Image.fromarray(SQUARE), reading).shape == shape


def test_inverting_comes_before_padding_so_that_the_border_is_background():
    white = Image.new("L", (4, 4), 255)
    image = shape_image(white, Reading(invert=True, pad="8"))
    assert image.max() == 0


@pytest.mark.parametrize("names, classes, parts", [
    (["a.png", "b.png"], (), {}),
    (["x/a.png", "x/b.png"], (), {}),
    (["cat/a.png", "dog/b.png", "dog/c.png"], ("cat", "dog"), {}),
    (["all/cat/a.png", "all/dog/b.png"], ("cat", "dog"), {}),
    (["cat/a.png", "b.png"], (), {}),
    (["test/cat/a.png", "train/cat/b.png", "train/dog/c.png"], ("cat", "dog"),
     {"test": [0], "train": [1, 2]}),
    (["test/a.png", "train/b.png"], (), {"test": [0], "train": [1]}),
    (["train/cat/a.png", "train/dog/b.png"], ("cat", "dog"), {"train": [0, 1]})])
def test_folders_name_classes_and_splits(names, classes, parts):
    found, y, own = classify(names)
    assert found == classes and (y is None) == (not classes)
    assert {k: v.tolist() for k, v in own.items()} == parts


def test_a_folder_a_zip_and_a_tar_hold_the_same_images(here):
    for form in ("w", "w:gz"):
        with tarfile.open(f"photos{form[1:].replace(':', '.')}.tar", form) as tar:
            tar.add("photos")
    found = [collect(place, Reading()) for place in
             ("photos", "photos.zip", "photos.tar", "photos.gz.tar")]
    for other in found[1:]:
        assert np.array_equal(found[0].x, other.x) and np.array_equal(found[0].y, other.y)
    assert found[0].classes == ("lying", "upright") and found[0].x.shape == (40, 16, 16, 3)


def test_images_of_several_sizes_are_brought_to_one_and_the_run_says_so(here):
    draw("upright", 1, size=40).save("photos/upright/large.png")
    found = collect("photos", Reading())
    assert found.x.shape[1:] == (64, 64, 3) and "--size" in found.notes[0]
    assert collect("photos", Reading(size="24x20")).x.shape[1:] == (24, 20, 3)


def test_an_unreadable_image_is_named_and_left_out(here):
    whole = Path("photos/upright/000.png").read_bytes()
    Path("photos/upright/broken.png").write_bytes(whole[:60])
    found = collect("photos", Reading())
    assert len(found.x) == 40 and len(found.names) == 40 and len(found.y) == 40
    assert "1 of 41" in found.notes[0] and "upright/broken.png" in found.notes[0]


def test_a_corrupt_jpeg_among_many_does_not_stop_the_others(here):
    for i in range(30):
        draw("lying", i).save(f"photos/lying/{i:03}.jpg")
    Path("photos/lying/005.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    assert "lying/005.jpg" in collect("photos", Reading()).notes[0]


def test_what_is_no_image_is_not_looked_at(here):
    Path("photos/notes.txt").write_text("hello")
    Path("photos/.hidden.png").write_bytes(b"")
    assert len(collect("photos", Reading()).x) == 40


@pytest.mark.parametrize("shape, dtype, stored", [
    ((6, 9, 7), np.uint8, (6, 9, 7, 1)), ((6, 9, 7, 3), np.uint8, (6, 9, 7, 3)),
    ((6, 3, 9, 7), np.uint8, (6, 9, 7, 3)), ((6, 9, 7), np.uint16, (6, 9, 7, 1)),
    ((6, 9, 7), np.int64, (6, 9, 7, 1)), ((6, 9, 7), np.float64, (6, 9, 7, 1)),
    ((6, 11), np.float32, (6, 11)), ((6, 9, 7), bool, (6, 9, 7, 1))])
def test_arrays_of_every_layout_become_samples(shape, dtype, stored):
    values = (np.random.default_rng(0).random(shape) * (1 if dtype in (np.float64, bool) else 200))
    found = from_array(values.round().astype(dtype) if dtype is bool else values.astype(dtype))
    assert found.x.shape == stored
    assert found.x.dtype == (np.float32 if dtype in (np.float32, np.float64) else np.uint8)


def test_zeros_and_ones_are_not_taken_for_nearly_black():
    source = split(from_array(np.array([[[0, 1], [1, 0]]] * 10, np.uint8)), {}, 0)
    assert next(source.splits["train"].batches(10)).x.max() == 1


def test_pixels_that_somebody_made_floats_of_are_pixels_again():
    assert from_array(np.array([[[0.0, 255.0], [17.0, 3.0]]] * 3)).x.dtype == np.uint8
    assert from_array(np.array([[0.0, 255.0], [17.0, 3.0]])).x.dtype == np.float32


def test_an_npz_brings_labels_and_splits(here):
    rng = np.random.default_rng(0)
    np.savez("set.npz", x_train=rng.integers(0, 255, (30, 8, 8), np.uint8),
             y_train=np.arange(30) % 3, x_test=rng.integers(0, 255, (10, 8, 8), np.uint8),
             y_test=np.arange(10) % 3)
    found = collect("set.npz", Reading())
    assert found.classes == ("0", "1", "2") and len(found.parts["test"]) == 10


def test_labels_may_be_texts():
    found = from_array(np.zeros((4, 3), np.float32), ["b", "a", "b", "c"])
    assert found.classes == ("a", "b", "c") and found.y.tolist() == [1, 0, 1, 2]


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + (
        values.tobytes())


def test_an_idx_file_is_read_and_a_wrong_one_refused():
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert np.array_equal(read_idx(idx(values)), values)
    with pytest.raises(ValueError, match="holds 20 bytes"):
        read_idx(idx(values)[:-4])
    with pytest.raises(ValueError, match="not an IDX file"):
        read_idx(b"hello")


def test_cifars_binary_archive_is_read():
    def batch(label: int) -> bytes:
        planes = np.full((3, 32, 32), 10 * label, np.uint8)
        planes[0] += 1
        return bytes([label]) + planes.tobytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in [("data_batch_1.bin", batch(1) + batch(2)),
                              ("test_batch.bin", batch(3)), ("batches.meta.txt", b"a\nb\nc\nd\n")]:
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    found = read_cifar(buffer.getvalue(), "batches.meta.txt", 1, Reading())
    assert found.x.shape == (3, 32, 32, 3) and found.y.tolist() == [1, 2, 3]
    assert found.x[1, 0, 0].tolist() == [21, 20, 20] and found.parts["test"].tolist() == [2]


def test_a_named_file_is_right_if_its_content_is_whatever_compressed_it(tmp_path, monkeypatch):
    import hashlib
    monkeypatch.setenv("HOURGLASS_DATA", str(tmp_path))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.gz").write_bytes(gzip.compress(b"content", mtime=7))
    digest = f"md5:{hashlib.md5(b'content').hexdigest()}"
    assert find_all("set", [Remote("a.gz", (digest,))]) == [b"content"]
    (tmp_path / "set" / "a.gz").write_bytes(gzip.compress(b"other"))
    with pytest.raises(ValueError, match="not the published file"):
        find_all("set", [Remote("a.gz", (digest,))])


def test_a_missing_set_names_its_files_and_where_to_put_them(tmp_path, monkeypatch):
    monkeypatch.setenv("HOURGLASS_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"put a\.gz, b\.gz into .*/set"):
        find_all("set", [Remote("a.gz", ()), Remote("b.gz", ())])


def test_a_path_in_an_archive_cannot_leave_the_folder_it_is_written_to(here):
    with zipfile.ZipFile("evil.zip", "w") as held:
        held.writestr("../outside.png", saved(draw("upright", 1)).getvalue())
        held.writestr("inside.png", saved(draw("upright", 1)).getvalue())
    assert collect("evil.zip", Reading()).names == ("inside.png",)
