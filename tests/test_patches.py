"""Models of patches: they learn from parts of images of any size, and are put to work on wholes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import stripes, train
from PIL import Image
from sklearn.metrics import roc_auc_score

import hourglass as hg
from hourglass.data.collect import collect, split
from hourglass.data.find_images import files_in
from hourglass.data.full_size_images import IN_MEMORY
from hourglass.data.image_options import Reading
from hourglass.data.patches import Pixels, in_patches, patches_of, tiles_of
from hourglass.data.sources.read_image_folder import read_images
from hourglass.inference.patchwise import by_image
from hourglass.run.settings import make_settings
from hourglass.tasks.own_size import whole_map
from hourglass.training.loop import varied

SIZES = [(40, 56), (24, 24), (33, 70), (10, 50), (64, 31), (48, 48), (25, 90), (8, 8), (41, 43),
         (30, 60), (52, 28), (60, 60)]
TINY = {"model": "ae(4)", "backbone": "mlp", "epochs": 1, "quiet": True, "batch_size": 32}


def photo(i: int, size: tuple[int, int], colour: bool = False) -> Image.Image:
    """A grey or colour picture in which every pixel tells where it is."""
    rows, columns = np.indices(size)
    grey = ((3 * rows + 2 * columns + 17 * i) % 200).astype(np.uint8)
    return Image.fromarray(np.stack([grey, grey // 2, 255 - grey], -1) if colour else grey)


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of twelve pictures of unequal size, of two kinds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for i, size in enumerate(SIZES):
        Path(f"photos/{'ab'[i % 2]}").mkdir(parents=True, exist_ok=True)
        photo(i, size).save(f"photos/{'ab'[i % 2]}/{i:02}.png")
    return tmp_path


def whole(name: str) -> np.ndarray:
    return np.asarray(Image.open(Path("photos") / name))


def test_every_patch_is_cut_out_of_its_image(photos):
    source = split(collect("photos", Reading(patches="16x24")), {"val": 0.25}, 0)
    patches = source.splits["train"].x
    assert source.shape == (1, 16, 24) and len(source.names) == len(patches)
    for row in range(0, len(patches), 3):
        image = whole(patches.photos.names[patches.owner[row]])
        top, left = patches.corners[row]
        tall, wide = min(16, image.shape[0]), min(24, image.shape[1])
        np.testing.assert_array_equal(patches[row][:tall, :wide, 0],
                                      image[top:top + 16, left:left + 24])
    batch = source.splits["train"].batch(torch.arange(5))
    fourth = patches[source.splits["train"].index[3]]
    np.testing.assert_allclose(batch.x[3, 0], fourth[..., 0] / 255)


def test_patches_of_an_image_are_in_one_split_and_have_its_class(photos):
    source = split(collect("photos", Reading(patches="16")), {"val": 0.25, "test": 0.25}, 3)
    owners = [set(part.x.owner[part.index.numpy()]) for part in source.splits.values()]
    assert sum(map(len, owners)) == 12 == len(set.union(*owners))
    some = source.splits["train"]
    for row in some.index.tolist():
        assert source.classes[some.y[row]] == some.x.photos.names[some.x.owner[row]][0]


def test_how_many_patches_there_are_is_by_area_or_as_asked(photos):
    def count(**options):
        return len(split(collect("photos", Reading(patches="16", **options)), {}, 0).whole())
    assert count() == sum(max(1, int(np.ceil(h * w / 256))) for h, w in SIZES)
    assert count(patches_each=5) == 60


def test_training_draws_other_patches_each_time_from_its_seed(photos):
    train_split = split(collect("photos", Reading(patches="16")), {}, 0).splits["train"]
    rows = torch.arange(40)
    fixed = [train_split.batch(rows).x for _ in range(2)]
    assert torch.equal(*fixed)
    torch.manual_seed(1)
    one, two = (train_split.batch(rows, grey=True).x for _ in range(2))
    torch.manual_seed(1)
    assert not torch.equal(one, two) and torch.equal(train_split.batch(rows, grey=True).x, one)
    runs = [train("photos", patches="16", out=f"run{i}", seed=s, **TINY)
            for i, s in enumerate((0, 0, 1))]
    same, other = (np.allclose(runs[0].encode("photos"), runs[i].encode("photos")) for i in (1, 2))
    assert same and not other


def test_random_patches_reach_every_corner():
    values = np.arange(9 * 7, dtype=np.uint8)
    patches = patches_of(values, np.array([[9, 7]]), 1, ("x",), (4, 4)).spread(
        np.zeros(1, int), 400, 0)
    for seen in (patches[:], patches.drawn_anew()[:]):
        firsts = seen[:, 0, 0, 0]
        assert set(firsts) == {7 * top + left for top in range(6) for left in range(4)}


def test_tiles_cover_every_pixel_once_or_more(photos):
    found = collect("photos", Reading(patches="16x24"))
    tiles = tiles_of(found)
    seen = [np.zeros(size, int) for size in tiles.x.photos.sizes]
    for owner, (top, left) in zip(tiles.x.owner, tiles.x.corners, strict=True):
        seen[owner][top:top + 16, left:left + 24] += 1
    assert all(count.min() >= 1 for count in seen)
    assert tiles.shape == found.shape and len(tiles.names) == len(tiles.y) == len(tiles.x)
    assert "are read as" in tiles.notes[-1]


def test_images_smaller_than_a_patch_are_mirrored_and_counted(photos):
    source = split(collect("photos", Reading(patches="16")), {}, 0)
    assert any(note.startswith("2 of these images are smaller") for note in source.notes)
    found = collect("photos", Reading(patches="16")).x
    small = found[list(found.photos.names).index("b/07.png")][..., 0]
    np.testing.assert_array_equal(small[:8, :8], whole("b/07.png"))
    np.testing.assert_array_equal(small[8:, :8], whole("b/07.png")[::-1])


def test_what_memory_does_not_hold_is_decoded_once_into_the_cache(photos, monkeypatch):
    kept = collect("photos", Reading(patches="16"))
    for module in ("full_size_images", "patches"):
        monkeypatch.setattr(f"hourglass.data.{module}.IN_MEMORY", 0)
    assert IN_MEMORY > 0
    for _ in range(2):
        again = collect("photos", Reading(patches="16"))
        assert again.x.photos.pixels.held is None
        np.testing.assert_array_equal(kept.x.covering()[:], again.x.covering()[:])
    place = next(Path("cache").rglob("photos-*.npy"))
    before = place.stat().st_mtime_ns
    Path("photos/a/00.png").write_bytes(b"\x89PNG broken")
    fewer = collect("photos", Reading(patches="24"))
    assert len(fewer.x) == 11 and "a/00.png" in fewer.notes[0], "what changed is read again"
    assert place.stat().st_mtime_ns == before
    with open(place, "r+b") as file:
        file.truncate(300)
    with pytest.raises(OSError, match="cut short"):
        again.x[-1]


def test_pixels_in_memory_and_in_a_file_are_read_alike(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.arange(100, dtype=np.uint16))
    held = Pixels(np.load(tmp_path / "x.npy"))
    monkeypatch.setattr("hourglass.data.patches.IN_MEMORY", 0)
    mapped = Pixels(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert mapped.held is None
    np.testing.assert_array_equal(held.read(7, 30), mapped.read(7, 30))


# put to work

@pytest.fixture
def model(photos):
    return train("photos", patches="16", out="run", val=0.25, label_depth=0,
                 **{**TINY, "epochs": 30, "lr": 0.01})


def test_files_come_back_at_their_own_size_from_every_command(model, hourglass):
    for command in ("reconstruct run photos -o out", "restore run photos -o again"):
        code, out, err = hourglass(command)
        assert code == 0 and "12 images" in out and "were restored in tiles" not in err, err
    for i, (height, width) in enumerate(SIZES):
        name = f"{'ab'[i % 2]}/{i:02}.png"
        assert Image.open(f"out/{name}").size == Image.open(f"again/{name}").size == (width, height)
    image = whole("a/00.png") / np.float32(255)
    again = np.asarray(Image.open("out/a/00.png")) / 255
    np.testing.assert_allclose(again, model.restore(image[None])[0, ..., 0], atol=0.003)
    np.testing.assert_allclose(model.reconstruct(image[None]), model.restore(image[None]))
    error = np.square(again - image).mean()
    assert error < 0.6 * image.var(), "it has learnt something"


def test_the_error_that_reconstruct_tells_is_of_all_pixels(model, hourglass):
    _, out, _ = hourglass("reconstruct run photos -o out")
    squares = [np.square(model.restore(whole(name)[None] / np.float32(255))[0, ..., 0]
                         - whole(name) / np.float32(255)) for name in
               (f"{'ab'[i % 2]}/{i:02}.png" for i in range(12))]
    assert float(out.split()[-1]) == pytest.approx(np.concatenate(
        [s.ravel() for s in squares]).mean(), rel=1e-3)


def test_an_image_scores_as_its_highest_tile(model, hourglass):
    tiles = tiles_of(collect("photos", Reading(patches="16", label_depth=0)))
    scores = model.detector().score_split(model.samples(tiles))
    highest = [scores[tiles.x.owner == i].max() for i in range(12)]
    np.testing.assert_allclose(model.score("photos"), highest)
    code, out, _ = hourglass("score run photos -o scores.csv --heatmaps maps")
    assert code in (0, 1) and "of 12 abnormal" in out
    rows = Path("scores.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == [
        f"{'ab'[k]}/{i:02}.png" for k in range(2) for i in range(k, 12, 2)]
    np.testing.assert_allclose([float(row.split(",")[1]) for row in rows], highest, rtol=1e-5)
    assert len(list(Path("maps").rglob("*.png"))) == 12
    val = model.source().splits["val"]
    plain = model.detector("error")   # which does not score a sample apart from itself
    scores = plain.score_split(model.samples(tiles))
    wanted = sorted(scores[tiles.x.owner == i].max() for i in set(val.x.owner[val.index.numpy()]))
    np.testing.assert_allclose(plain.fitted.normal, wanted, rtol=1e-5)
    code, out, _ = hourglass("score run -o own.csv")
    assert code in (0, 1) and "of 1 abnormal" in out


def test_a_defect_in_a_part_of_an_image_is_found_and_seen(model):
    image = whole("b/11.png").copy()
    image[40:50, 30:40] = 255 - image[40:50, 30:40]
    Path("odd").mkdir()
    Image.fromarray(image).save("odd/x.png")
    Image.fromarray(whole("b/11.png")).save("odd/y.png")
    odd, plain = model.score("odd")
    assert odd > plain


def test_masks_measure_the_pixels_of_a_model_of_patches(model, hourglass):
    Path("odd/masks").mkdir(parents=True)
    for i, name in enumerate(("b/11.png", "b/09.png", "a/10.png")):
        image = whole(name).copy()
        mask = np.zeros(image.shape, np.uint8)
        mask[4:12, 5:14] = 255
        image[mask > 0] = 255 - image[mask > 0]
        Image.fromarray(image).save(f"odd/{i}.png")
        Image.fromarray(mask).save(f"odd/masks/{i}.png")
    code, _, err = hourglass("score run odd -o s.json")
    assert code in (0, 1) and "as masks of others" in err
    held = json.loads(Path("s.json").read_text())
    detector = model.detector()
    found = model.read("odd", whole=True)
    heats = [whole_map(detector, found, i)[1].ravel() for i in range(3)]
    masks = [np.asarray(Image.open(f"odd/masks/{i}.png")).ravel() > 0 for i in range(3)]
    heats, masks = np.concatenate(heats), np.concatenate(masks)
    assert held["pixel_auroc"]["value"] == pytest.approx(roc_auc_score(masks, heats), abs=1e-3)
    Image.fromarray(np.full((5, 5), 255, np.uint8)).save("odd/masks/0.png")
    code, _, err = hourglass("score run odd -o s.json --masks odd/masks")
    assert code == 2 and "the mask of 0.png has 5x5 pixels" in err


def test_the_highest_of_each_images_scores():
    np.testing.assert_array_equal(by_image(np.array([1., 5., 2., 7.]), np.array([4, 4, 9, 9])),
                                  [5, 7])
    assert len(by_image(np.empty(0), np.empty(0, int))) == 0


def test_embedding_writes_a_row_a_tile(model, hourglass):
    code, out, err = hourglass("embed run photos -o codes.csv")
    tiles = tiles_of(collect("photos", Reading(patches="16")))
    assert code == 0 and f"{len(tiles.x)} codes" in out and "are read as" in err
    assert '"a/00.png@0,16"' in Path("codes.csv").read_text()
    assert hourglass("embed run photos --duplicates -o twice.csv")[0] == 0
    assert hourglass("embed run photos --nearest 1 -o near.csv")[0] == 0


@pytest.mark.parametrize("command, message", [
    ("compress run photos -o x.hg", "compresses only images of 16x16"),
    ("embed run photos --nearest photos/a/00.png -o n.csv", "a sample has 16x16 pixels"),
    ("data prepare photos --patches 16 -o x.npy", "without --patches"),
    ("train photos --patches 16 --pad 64", "leave one of them out"),
    ("train photos --patches none", "patches must be pixels"),
    ("train photos --patches 16 --patches-each 0", "patches_each must be a whole number"),
    ("train v.npy --patches 16", "these samples are not images"),
    ("train photos --patches 16 --binarise fixed", "or patches")])
def test_what_patches_cannot_do_is_said(photos, hourglass, command, message):
    if " run " in command:
        train("photos", patches="16", out="run", label_depth=0, **{**TINY, "epochs": 1})
    np.save("v.npy", np.random.default_rng(0).random((40, 5)))
    code, _, err = hourglass(command)
    assert code == 2 and message in err, err


def test_data_show_and_augment_take_patches(photos, hourglass):
    code, out, _ = hourglass("data show photos --patches 16 -o sheet.png")
    assert code == 0 and "12 samples of 1x16x16" in out
    assert hourglass("data augment photos --patches 16 -n 7 -o more")[0] == 0
    assert {Image.open(f).size for f in Path("more").rglob("*.png")} == {(16, 16)}


def test_a_run_on_patches_goes_on_where_it_stopped(photos):
    once = train("photos", patches="16", out="once", **{**TINY, "epochs": 2},
                 schedule="constant")
    train("photos", patches="16", out="twice", **TINY, schedule="constant")
    twice = hg.resume("twice", epochs=2, quiet=True, report=False)
    np.testing.assert_allclose(once.encode("photos"), twice.encode("photos"), atol=1e-6)


def test_conditional_models_take_patches(photos, hourglass):
    run = train("photos", patches="16", model="cvae(2)", backbone="mlp", epochs=1, quiet=True,
                out="run", val=0.25)
    assert run.encode("photos").shape[1] == 2
    assert hourglass("reconstruct run photos -o out")[0] == 0
    assert hourglass("score run photos -o s.csv")[0] in (0, 1)


def test_pairs_are_cut_at_the_same_places(photos):
    for i, size in enumerate(SIZES):
        for place, change in (("clean", 0), ("noisy", 40)):
            Path(place).mkdir(exist_ok=True)
            Image.fromarray(np.asarray(photo(i, size)) + np.uint8(change)).save(
                f"{place}/{i}.png")
    Path("noisy/3.png").write_bytes(b"\x89PNG broken")
    source = split(collect("pairs('noisy', 'clean')", Reading(patches="16")), {"val": 0.2}, 0)
    batch = source.splits["train"].batch(torch.arange(30), grey=True)
    np.testing.assert_allclose(batch.encoder_input - batch.x, 40 / 255, atol=1e-5)
    x, given = varied(batch, lambda values: values)
    assert x.shape == given.shape == (30, 1, 16, 16) and "3.png" not in str(source.names)
    run = train("pairs('noisy', 'clean')", patches="16", out="run", bottleneck="identity",
                backbone="unet(filters=4)", epochs=1, quiet=True)
    assert run.restore(np.zeros((1, 50, 20), np.float32) + 0.5).shape == (1, 50, 20, 1)


def test_arrays_and_named_sets_are_cut_alike(photos):
    x = np.stack([np.asarray(photo(i, (30, 40), True)) for i in range(8)])
    np.save("x.npy", x)
    run = train("x.npy", patches="16", out="run", **TINY)
    assert run.shape == (3, 16, 16) and run.reconstruct(x).shape == x.shape
    assert run.score("x.npy").shape == (8,) and run.score(x).shape == (8,)
    again = train(x, patches="16", out="again", **TINY)
    np.testing.assert_allclose(again.score(x), run.score(x), rtol=1e-4)
    assert again.encode(x[:, :16, :16]).shape == (8, 4)
    floats = in_patches(collect(x / np.float32(510), Reading()), (16, 16), None)
    np.testing.assert_allclose(split(floats, {}, 0).splits["train"].x[0].max() <= 0.5, True)
    source = split(collect("digits", Reading(patches="4")), {}, 0)
    assert source.shape == (1, 4, 4) and len(source.whole()) == 4 * 1797


def test_a_size_comes_before_patches(photos):
    found = collect("photos", Reading(patches="16", size="32"))
    assert set(map(tuple, found.x.photos.sizes.tolist())) == {(32, 32)}
    assert make_settings({"patches": "16", "size": "32"}).reading().patches == "16"
    plain = read_images(files_in(Path("photos")), Reading(patches="16", crop="20"))
    assert plain.x.photos.sizes.max() == 20


def test_shrinking_is_said_with_what_keeps_the_size(tmp_path):
    (tmp_path / "large").mkdir()
    for i in range(3):
        photo(i, (500, 500)).save(tmp_path / "large" / f"{i}.png")
    notes = collect(str(tmp_path / "large"), Reading()).notes
    assert any("images of 500x500 shrink to 64x64 pixels" in note and "--patches 64" in note
               for note in notes)


def test_a_model_without_patches_reads_as_before(tmp_path):
    run = train(stripes(), out=tmp_path / "run", **TINY)
    assert "patches" in run.about["reading"] and run.about["reading"]["patches"] == ""
    with pytest.raises(ValueError, match="takes samples of shape"):
        run.encode(np.full((2, 20, 20), 0.3))
