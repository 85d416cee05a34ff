"""Restoring: pairs are found, images of any size come back, and a report says how near."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import stripes, train
from PIL import Image, ImageFilter
from scipy.ndimage import median_filter

import hourglass
from hourglass.analysis.against_filters import in_words, ratios, verdict
from hourglass.analysis.analyse import look_again
from hourglass.analysis.figures import draw_all
from hourglass.analysis.metrics import measure
from hourglass.analysis.restoration_baselines import (
    OF_NOISE,
    baselines,
    bicubic,
    missing,
    nearest,
)
from hourglass.analysis.snapshot import CLEAN, CORRUPTED, RESTORED, load_snapshot
from hourglass.analysis.take_snapshot import take
from hourglass.core import registry
from hourglass.core.contracts import Batch
from hourglass.data.augmentations import augmenter
from hourglass.data.collect import collect, split
from hourglass.data.image_options import Reading
from hourglass.inference.tiling import fade, starts, tiled
from hourglass.model.corruptions import corrupter
from hourglass.model.summary import summarise
from hourglass.run.settings import make_settings, read_recipe
from hourglass.tasks.restore import RestoreOptions, restore
from hourglass.training.loop import varied
from hourglass.training.setup import prepare

# tiles

SIZES = [(300, 200), (1, 1), (32, 32), (33, 95), (5, 64), (31, 33)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_tiles_of_what_changes_nothing_give_the_image_back(size):
    image = np.random.default_rng(0).random((*size, 3)).astype(np.float32)
    seen = []

    def use(tiles):
        seen.append(tiles.shape[1:])
        return tiles
    np.testing.assert_allclose(tiled(image, (32, 24), use), image, atol=1e-6)
    assert set(seen) == {(32, 24, 3)}


def test_tiles_cover_every_pixel_and_leave_no_seams():
    for length in range(32, 200):
        begun = starts(length, 32)
        assert begun[0] == 0 and begun[-1] == length - 32 and max(np.diff(begun), default=0) <= 16
    assert fade((7, 1)).min() > 0
    tilt = np.random.default_rng(0).normal(size=1000) / 10   # each tile is off by a constant
    offset = iter(tilt)

    def use(tiles):
        return tiles + np.array([next(offset) for _ in tiles])[:, None, None, None]
    found = tiled(np.full((128, 128, 1), 0.5, np.float32), (32, 32), use)
    steps = np.abs(np.diff(found[..., 0], axis=0))
    assert steps.max() < 0.2 * np.ptp(tilt[:50]), "from pixel to pixel it changes but a little"


# pairs

def test_pairs_go_by_name_and_say_which_have_no_partner(here):
    Path("noisy/007.png").unlink()
    Image.open("noisy/003.png").save("noisy/003.bmp")
    Path("noisy/003.png").unlink()
    found = collect("pairs('noisy/', 'clean/')", Reading())
    assert found.x.shape == found.encoder_input.shape == (19, 16, 16, 3)
    assert "007.png" not in found.names
    assert "clean: 007.png" in found.notes[-1]
    row = found.names.index("003.png")
    np.testing.assert_array_equal(found.encoder_input[row], np.asarray(Image.open("noisy/003.bmp")))
    np.testing.assert_array_equal(found.x[row], np.asarray(Image.open("clean/003.png")))
    with zipfile.ZipFile("noisy.zip", "w") as held:
        for file in sorted(Path("noisy").iterdir()):
            held.write(file, Path("scans") / file.name)
    again = collect("pairs('noisy.zip', 'clean/')", Reading())
    np.testing.assert_array_equal(again.encoder_input, found.encoder_input)


def test_pairs_that_cannot_be_are_refused(here):
    def refused(text, **reading):
        with pytest.raises(ValueError) as error:
            collect(text, Reading(**reading))
        return str(error.value)
    assert "no image in photos has the name" in refused("pairs('photos/', 'clean/')")
    assert "does not exist" in refused("pairs('nowhere/', 'clean/')")
    assert "cannot be prepared" in refused("pairs('noisy/', 'clean/')", store="x.npy")
    Image.open("noisy/004.png").resize((8, 8)).save("noisy/004.png")
    assert "004.png has 8x8 pixels in noisy and 16x16" in refused("pairs('noisy/', 'clean/')")
    small = collect("pairs('noisy/', 'clean/')", Reading(size="8"))
    assert small.encoder_input.shape == (20, 8, 8, 3)
    for i in range(5):
        Path(f"noisy/{i:03}.png").unlink()
    assert "more than one in ten" in refused("pairs('noisy/', 'clean/')")


def test_an_unreadable_half_of_a_pair_takes_the_other_with_it(here):
    Path("noisy/004.png").write_bytes(b"no image")
    Path("clean/009.png").write_bytes(Path("clean/009.png").read_bytes()[:60])
    found = collect("pairs('noisy/', 'clean/')", Reading())
    assert len(found.x) == len(found.encoder_input) == len(found.names) == 18
    assert {"004.png", "009.png"}.isdisjoint(found.names)
    for row, name in enumerate(found.names):
        np.testing.assert_array_equal(found.encoder_input[row],
                                      np.asarray(Image.open(f"noisy/{name}")))


def test_both_halves_of_a_pair_are_augmented_alike():
    x = torch.rand(8, 3, 12, 12).contiguous(memory_format=torch.channels_last)
    vary = augmenter("flip + shift(3) + rotate(20) + brightness", 0.0, 1.0)
    moved, given = varied(Batch(x, encoder_input=x.clone()), vary)
    torch.testing.assert_close(moved, given)
    assert not torch.equal(moved, x) and moved.is_contiguous(memory_format=torch.channels_last)


def test_a_model_learns_from_pairs(here):
    model = train("pairs('noisy/', 'clean/')", epochs=60, out="run", quiet=True, test=0.2, val=0.1,
                  bottleneck="identity", backbone="unet(filters=8)", likelihood="normal", lr=0.01,
                  augment="flip", batch_size=8)
    source = model.source()
    batch = source.splits["test"].batch(torch.arange(4))
    given = batch.encoder_input.permute(0, 2, 3, 1).numpy()
    clean = batch.x.permute(0, 2, 3, 1).numpy()
    assert np.square(model.restore(given) - clean).mean() < 0.3 * np.square(given - clean).mean()
    found = collect("pairs('noisy/', 'clean/')", Reading())
    np.testing.assert_array_equal(model.restore(found), model.restore(found.encoder_input))


# a trained model, put to use

@pytest.fixture(scope="module")
def denoiser(tmp_path_factory):
    """A model of grey images of 10x10 that sees noise."""
    folder = tmp_path_factory.mktemp("denoiser")
    np.save(folder / "stripes.npy", stripes())
    return train(folder / "stripes.npy", corruption="noise(0.2, clip=True)", epochs=25, lr=0.01,
                 backbone="unet(filters=(8, 8))", bottleneck="identity", batch_size=16, quiet=True,
                 out=folder / "run")


def test_a_trained_model_restores_arrays_of_any_size(denoiser):
    clean = np.repeat(stripes(4), 3, axis=2)[:, :, :27]
    noisy = (clean / 255 + np.random.default_rng(1).normal(0, 0.2, clean.shape)).clip(0, 1)
    again = denoiser.restore(noisy)
    assert again.shape == (4, 10, 27, 1) and again.min() >= 0 and again.max() <= 1
    error = [np.square(v - clean / 255).mean() for v in (noisy, again[..., 0])]
    assert error[1] < 0.5 * error[0]
    assert np.array_equal(again, denoiser.restore(noisy)), "twice the same"
    eight = (noisy * 255).round().astype(np.uint8)
    np.testing.assert_allclose(denoiser.restore(eight), denoiser.restore(eight / 255), atol=1e-5)
    assert denoiser.restore(np.stack([eight] * 3, -1)).shape == (4, 10, 27, 1)
    assert denoiser.restore(torch.zeros(1, 1, 1)).shape == (1, 1, 1, 1)
    with pytest.raises(ValueError, match="1 channel,"):
        denoiser.restore(np.zeros((2, 12, 12, 3), np.float32) + 0.3)


@pytest.mark.parametrize("given, backbone, bottleneck", [
    ({"corruption": "noise(0.1)"}, "unet(residual=True)", "identity"),
    ({"corruption": "none"}, "conv", "plain"),
    ({}, "conv", "plain"), ({"model": "dae"}, "conv", "plain"),
    ({"corruption": "noise(0.1)", "model": "ae(4)"}, "conv", "plain(4)"),
    ({"corruption": "noise(0.1)", "bottleneck": "plain(3)"}, "conv", "plain(3)"),
    ({"corruption": "noise(0.1)", "backbone": "mlp(8)"}, "mlp(8)", "plain"),
    ({"corruption": "noise(0.1)", "loss": "recon + 0.1 * l1"}, "conv", "plain")])
def test_images_to_restore_have_a_unet_unless_a_network_is_named(
        given, backbone, bottleneck, tmp_path):
    training = prepare(make_settings(given), stripes(20), out=tmp_path / "run")
    assert training.parts.backbone.startswith(backbone)
    assert training.parts.bottleneck.startswith(bottleneck)
    assert ("U-Net" in " ".join(training.notes)) == backbone.startswith("unet")


def test_vectors_to_restore_have_no_unet(tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    training = prepare(make_settings({"corruption": "noise(0.1)"}), x, out=tmp_path / "run")
    assert training.parts.backbone == "mlp" and training.parts.bottleneck.startswith("plain")


def test_a_model_of_vectors_restores_vectors(tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 2)) @ np.ones((2, 6))
    np.save(tmp_path / "x.npy", x)
    model = train(tmp_path / "x.npy", corruption="noise(0.5) + drop(0.1)", epochs=2, model="ae(2)",
                  out=tmp_path / "run", quiet=True)
    assert model.restore(x[:3]).shape == (3, 6)
    s = take(model.model, model.source())
    numbers, _ = measure(s)
    assert {"corrupted_mse", "restored_mse"} <= set(numbers) and "restored_psnr" not in numbers


def write_odd(folder: Path) -> None:
    """Images of many sizes and kinds. Two of them cannot be read."""
    (folder / "sub").mkdir(parents=True)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
                            ).filter(ImageFilter.BoxBlur(2)).resize((90, 61))
    photo.save(folder / "sub" / "photo.jpg", quality=95)
    photo.convert("L").save(folder / "scan.tif")
    photo.convert("LA").save(folder / "clear.png")
    photo.convert("P").resize((10, 10)).save(folder / "palette.gif")
    Image.new("RGB", (1, 1), "red").save(folder / "one.bmp")
    content = (folder / "sub" / "photo.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(content[:len(content) // 2])
    (folder / "text.png").write_text("no image")
    (folder / "notes.txt").write_text("no image either")


def test_files_keep_names_and_sizes_and_what_cannot_be_read_is_named(denoiser, tmp_path, capsys):
    write_odd(tmp_path / "in")
    tally = restore(denoiser, tmp_path / "in", tmp_path / "out")
    there = {f.relative_to(tmp_path / "out").as_posix(): Image.open(f).size
             for f in (tmp_path / "out").rglob("*.*")}
    assert there == {"sub/photo.jpg": (90, 61), "scan.tif.png": (90, 61), "clear.png": (90, 61),
                     "palette.gif.png": (10, 10), "one.bmp": (1, 1)}
    assert tally.done == 5 and "cut.jpg (image file is truncated" in capsys.readouterr().err
    twice = restore(denoiser, tmp_path / "in" / "scan.tif", tmp_path / "two",
                    RestoreOptions(enlarge=2))
    assert twice.done == 1 and Image.open(tmp_path / "two" / "scan.tif.png").size == (180, 122)


def test_the_command_says_how_near_it_comes(denoiser, tmp_path, hourglass, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_odd(Path("in"))
    run = denoiser.folder.path
    code, out, err = hourglass(f"restore {run} in -o out --corrupt own --seed 3")
    assert code == 0 and "5 images in out" in out and "restored PSNR" in out and "text.png" in err
    assert all(Path(f"out/{kind}/clear.png").is_file() for kind in ("corrupted", "restored"))
    for command, what in [
            (f"restore {run} in -o out", "not empty"),
            (f"restore {run} nowhere -o no", "does not exist"),
            (f"restore {run} in/notes.txt -o no", "is not a folder of images"),
            (f"restore {run} in/text.png -o no", "can be read"),
            (f"restore {run} in -o no --corrupt noize", "did you mean 'noise'"),
            (f"restore {run} in -o no --enlarge 0", "greater than"),
            ("restore in in", "not a run folder")]:
        code, _, err = hourglass(command)
        assert code == 2 and what in err and "Traceback" not in err, command
    Path("empty").mkdir()
    assert hourglass(f"restore {run} empty -o no")[0] == 2


def test_inverted_images_come_back_as_they_were(tmp_path):
    model = train(stripes(), bottleneck="identity", backbone="unet(filters=8)", epochs=30, lr=0.01,
                  invert=True, out=tmp_path / "run", quiet=True, batch_size=8)
    Image.fromarray(stripes(1)[0]).save(tmp_path / "stripe.png")
    restore(model, tmp_path / "stripe.png", tmp_path / "out")
    again = np.asarray(Image.open(tmp_path / "out" / "stripe.png"), float)
    assert np.abs(again - stripes(1)[0]).mean() < 40


# what a report says of it

def test_a_snapshot_holds_the_same_corruption_at_every_look(denoiser, tmp_path):
    one, two = (take(denoiser.model, denoiser.source()) for _ in range(2))
    beside = ["median", "nl_means", "total_variation"]
    assert list(one.restored) == [CORRUPTED, *beside, RESTORED, CLEAN]
    assert all(np.array_equal(one.restored[name], two.restored[name]) for name in one.restored)
    numbers, intervals = measure(one)
    psnr = -10 * np.log10(np.square(one.restored[RESTORED] - one.restored[CLEAN]).mean((1, 2, 3)))
    assert numbers["restored_psnr"] == pytest.approx(psnr.mean(), abs=1e-3)
    assert numbers["restored_psnr"] > numbers["corrupted_psnr"] and "median_psnr" in intervals
    one.save(tmp_path / "snapshot.npz")
    kept = load_snapshot(tmp_path / "snapshot.npz")
    assert measure(kept)[0]["restored_psnr"] == pytest.approx(numbers["restored_psnr"], abs=0.1)
    assert "restored" in dict(draw_all(kept, ["restored"]))


def test_a_model_that_sees_x_as_it_is_has_nothing_to_restore(here):
    source = split(collect("images.npy", Reading()), {}, 0)
    model = train("images.npy", epochs=1, out="run", quiet=True)
    snapshot = take(model.model, source)
    assert not snapshot.restored and not dict(draw_all(snapshot, ["restored"]))


def test_a_model_that_was_taught_something_else_says_so(denoiser, here, hourglass):
    train("images.npy", epochs=1, out="plain", quiet=True)
    for run, asked, told in (("plain", "", "not trained on corrupted images"),
                             (denoiser.folder.path, "--enlarge 2", "not with downscale")):
        code, _, err = hourglass(f"restore {run} a.png -o {Path(run).name}_out {asked}")
        assert code == 0 and told in err


# baselines

def test_baselines_go_with_the_corruption():
    x = np.random.default_rng(0).random((2, 16, 16, 3)).astype(np.float32)
    def names(text):
        seen = corrupter(text)(torch.from_numpy(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
        made = baselines(text, seen, x)
        assert all(v.shape == x.shape and v.min() >= 0 and v.max() <= 1 for v in made.values())
        return {name for name in made if not name.endswith((*OF_NOISE,))
                and "telea" not in name}
    assert names("noise(0.2, clip=True)") == names("none") == {"median"}
    assert names("drop(0.5)") == names("overlay") == {"nearest"}
    assert names("noise(0.2, clip=True) + drop(0.5)") == {"nearest", "nearest_median"}
    assert names("downscale(factor=2)") == {"bicubic"} and names("grey") == set()


def test_baselines_are_what_they_are_called():
    generator = np.random.default_rng(0)
    x = generator.random((3, 12, 12, 1)).astype(np.float32) + 0.01
    flat = np.full((1, 8, 8, 1), 0.4, np.float32)
    np.testing.assert_allclose(bicubic(flat, 4), flat, atol=1e-6)
    given = x * (generator.random((3, 12, 12, 1)) > 0.5)
    holes = missing(given, x)
    np.testing.assert_array_equal(holes, given[..., 0] == 0)
    filled = nearest(given[0], holes[0])
    assert (filled > 0).all() and np.array_equal(filled[~holes[0]], given[0][~holes[0]])
    assert np.array_equal(nearest(given[0], np.ones((12, 12), bool)), given[0])
    noisy = baselines("salt_pepper(0.1)", x, x)["median"]
    assert any(np.array_equal(noisy, median_filter(x, (1, n, n, 1))) for n in (3, 5))


@pytest.mark.parametrize("name", ["nl_means", "total_variation"])
def test_filters_of_scikit_image_take_noise_away(name):
    pytest.importorskip("skimage")
    clean = np.repeat(stripes(3)[..., None], 3, -1).repeat(2, 1).repeat(2, 2) / np.float32(255)
    noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)
    noisy = noisy.clip(0, 1).astype(np.float32)
    made = baselines("noise(0.1, clip=True)", noisy, clean)[name]
    assert made.shape == clean.shape
    assert np.square(made - clean).mean() < 0.8 * np.square(noisy - clean).mean()
    np.testing.assert_allclose(OF_NOISE[name][1](clean[0], clean[0]), clean[0], atol=1e-3)


@pytest.mark.parametrize("report", [False, True])
def test_who_restores_worse_than_a_filter_is_told_so(report, tmp_path, capsys):
    """Issue Data, "What it must show": if a default loses, a message says so."""
    np.save(tmp_path / "stripes.npy", stripes())
    run = hourglass.train(
        tmp_path / "stripes.npy", model="dae(2)", corruption="noise(0.1, clip=True)",
        backbone="mlp(4)", epochs=1, report=report, out=tmp_path / "run")
    said = capsys.readouterr().err
    assert "PSNR of restored images, dB: " in said and "the model " in said
    assert "The model restores worse than " in said and "epochs=4)." in said
    if report:
        assert "The model restores worse than " in (run.folder.path / "report.html").read_text()


def test_who_restores_better_is_told_the_figures_alone(denoiser):
    look_again(denoiser.folder)
    record = denoiser.folder.read_record()
    found = ratios(record["metrics"])
    assert {"restored", "corrupted", "median"} <= found.keys()
    line = in_words({**record, "restoring": ""})
    assert len(line) == 1 and f"the model {found['restored']:.4g}" in line[0]
    best = max(found.values()) + 1
    assert not verdict({**record, "intervals": {"restored_psnr": (0.0, best)}}, "run")
    figures = {"restored_psnr": 20.0, "corrupted_psnr": 18.0, "median_psnr": 21.0}
    told = verdict({"metrics": figures, "epochs": 2, "intervals": {"restored_psnr": (19, 20.5)}},
                   "run")
    assert told.startswith("The model restores worse than a median filter: 20 dB, against 21.")
    assert not verdict({"metrics": {"psnr": 20.0}, "intervals": {}, "epochs": 2}, "run")


RECIPES = ["keras_denoise", "denoise_faces", "inpaint_faces", "unwatermark", "recolour_cifar"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_that_restore_fit_their_images(recipe):
    settings = make_settings(read_recipe(recipe))
    side = int(settings.size or {"mnist": 28, "cifar10": 32}[settings.data])
    shape = (1 if settings.data == "mnist" else 3, side, side)
    costs = summarise(settings.parts().fitted(shape, 0, 1), shape)
    assert costs.parameters["whole"] == 28_353 or recipe != "keras_denoise"


@pytest.mark.parametrize("options", ["layers=2", "residual=True", "layers=3, residual=True"])
def test_a_unet_takes_more_layers_and_learns_a_difference(options):
    shape = (3, 13, 21)
    encoder, decoder, _ = registry.backbones.make(f"unet(filters=(8, 8), {options})", shape, shape)
    x = torch.rand(2, *shape)
    h, skips = encoder(x)
    assert decoder(h, skips).shape == decoder(h).shape == x.shape
    if "residual" in options:
        for weight in decoder.parameters():
            torch.nn.init.zeros_(weight)
        torch.testing.assert_close(decoder(h, skips), x)


def test_a_conditional_model_is_told_the_class(here):
    model = train("photos/", model="cvae(4)", corruption="drop(0.2)", epochs=1, out="run",
                  quiet=True)
    with pytest.raises(ValueError, match="this model is conditional"):
        restore(model, "a.png", "out")
    assert restore(model, "a.png", "out", RestoreOptions(kind="lying")).done == 1
    large = np.zeros((2, 20, 33, 3), np.uint8)
    assert model.restore(large, ["lying", "upright"]).shape == large.shape
    with pytest.raises(ValueError, match="did you mean 'lying'"):
        model.restore(large, "lyin")


def test_files_are_worth_the_same_to_a_model_of_numbers_in_0_to_1(tmp_path):
    model = train(stripes() / 255, epochs=1, out=tmp_path / "run", quiet=True)
    Image.fromarray(stripes(3)[2]).save(tmp_path / "stripe.png")
    np.testing.assert_allclose(model.encode(str(tmp_path / "stripe.png")),
                               model.encode(stripes(3)[2:] / 255), atol=1e-5)
