"""Images of any depth, range and number of channels keep one scale, from training to every use."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tifffile import imread, imwrite

import hourglass as hg
from hourglass.core.contracts import Scale
from hourglass.data.collect import collect, split
from hourglass.data.deep_images import look, read_deep, read_whole
from hourglass.data.image_options import Reading
from hourglass.data.memory_map import OnDisk
from hourglass.data.scales import find_scale, read_range
from hourglass.data.sources.arrays import from_array
from hourglass.data.units import units_of
from hourglass.run.description import Description

TINY = {"model": "ae(2)", "backbone": "mlp(8)", "epochs": 1, "batch_size": 16, "quiet": True,
        "report": False}
FLAGS = "--model 'ae(2)' --backbone 'mlp(8)' --epochs 1 --batch-size 16 --no-report"
RNG = np.random.default_rng(0)
EIGHT = RNG.integers(0, 256, (40, 8, 8), np.uint8)
TWELVE = RNG.integers(0, 4000, (40, 8, 8)).astype(np.uint16)
SIGNED = RNG.integers(-1024, 3000, (40, 8, 8)).astype(np.int16)
FIVE = RNG.integers(0, 4000, (40, 8, 8, 5)).astype(np.uint16)


def seen(x: np.ndarray, **settings) -> tuple[torch.Tensor, Scale]:
    """A model's input for an array, and its scale."""
    source = split(from_array(x), {}, 0, reading=Reading(**settings))
    return next(source.splits["train"].batches(len(x))).x, source.scale


def tiffs(folder: str, images: np.ndarray, **options) -> None:
    Path(folder).mkdir()
    for i, image in enumerate(images):
        imwrite(f"{folder}/{i:03}.tif", image, **options)


@pytest.mark.parametrize("x, words", [
    (EIGHT, "8-bit images, values 0 to 255, scaled by 1/255"),
    (TWELVE, "16-bit images, values 0 to 4,095, scaled by 1/4,095"),
    (TWELVE.astype(np.int64), "16-bit images, values 0 to 4,095, scaled by 1/4,095"),
    (TWELVE * 16, "16-bit images, values 0 to 65,535, scaled by 1/65,535"),
    (TWELVE / 4, "float images, values 0 to 999.75, scaled by 1/999.75"),
    (SIGNED, f"16-bit images, values {SIGNED.min():,} to {SIGNED.max():,}, shifted by "
             f"{-int(SIGNED.min()):,} and scaled by 1/{int(np.ptp(SIGNED)):,}"),
    (SIGNED.astype(float), f"float images, values {SIGNED.min():,} to {SIGNED.max():,}, shifted by "
                           f"{-int(SIGNED.min()):,} and scaled by 1/{int(np.ptp(SIGNED)):,}"),
    (TWELVE.astype(np.float32), "float images, values 0 to 4,095, scaled by 1/4,095"),
    (EIGHT / 255, "float images, values 0 to 1, not scaled"),
    (EIGHT / 127.5 - 1, "float images, values -1 to 1, not scaled")])
def test_the_scale_of_a_set_is_said_in_one_line(x, words):
    assert seen(x)[1].words == words


@pytest.mark.parametrize("x", [EIGHT, TWELVE, TWELVE * 16, TWELVE / 4, SIGNED, EIGHT > 99])
def test_every_depth_spreads_over_0_to_1_and_comes_back(x):
    values, scale = seen(x)
    assert values.min() >= 0 and 0.9 < values.max() <= 1 and scale.bounded
    back = scale.back(values[:, 0].numpy())
    assert np.allclose(back, x, atol=1e-3) and (back.dtype == x.dtype or x.dtype == bool
                                                or x.dtype == float)


def test_sixteen_bits_stay_sixteen_bits():
    found = from_array(TWELVE)
    assert found.x.dtype == np.uint16 and np.array_equal(found.x[..., 0], TWELVE)
    assert len(np.unique(seen(TWELVE)[0])) == len(np.unique(TWELVE))


def test_counts_and_other_vectors_are_never_shifted():
    counts = RNG.poisson(60, (40, 9)).astype(np.uint16)
    counts[0, 0] = 300
    values, scale = seen(counts)
    assert np.array_equal(values.numpy(), counts) and scale.kept
    small = RNG.integers(0, 9, (40, 5))
    assert np.array_equal(seen(small)[0].numpy(), small)
    flat = EIGHT.reshape(40, 64).astype(np.int64)
    flat[0, :2] = 0, 255
    assert seen(flat)[0].max() == 1, "MNIST made flat stays 8-bit"


def test_a_range_can_be_asked_for_and_what_lies_outside_is_counted():
    found, notes = find_scale(from_array(TWELVE).x, "0,2000")
    assert found.clip and found.high == 2000
    assert f"{(TWELVE > 2000).sum():,} of 2,560 values lie outside 0 to 2,000" in notes[0]
    values, _ = seen(TWELVE, range="0,2000")
    assert values.max() == 1 and torch.isclose(values[0, 0, 0, 0] * 2000, torch.tensor(
        float(min(TWELVE[0, 0, 0], 2000))))
    assert seen(SIGNED, range="none")[0].min() == SIGNED.min()
    assert read_range("-160,240") == (-160, 240)
    with pytest.raises(ValueError, match="range must be the smallest and the largest value"):
        read_range("5,2")


def test_inverting_deep_images_turns_their_range_around():
    values, scale = seen(TWELVE, invert=True)
    assert np.allclose(values[:, 0].numpy(), 1 - TWELVE / 4095, atol=1e-6)
    assert np.array_equal(scale.back(values[:, 0].numpy()), TWELVE)


def test_a_missing_pixel_is_masked_and_the_rest_of_its_image_is_seen():
    x = RNG.random((40, 8, 8)).astype(np.float32)
    x[3, 2, 1] = np.nan
    source = split(from_array(x), {}, 0)
    batch = next(source.splits["train"].batches(40))
    assert batch.known[3].sum() == 63 and batch.known.sum() == 40 * 64 - 1
    assert batch.x[3, 0, 2, 1] == 0 and np.allclose(batch.x[3, 0, 4], x[3, 4])
    assert "1 of 2,560 values are missing (NaN)" in source.notes[0]


def test_a_model_trains_on_images_with_missing_pixels(tmp_path):
    x = RNG.random((40, 8, 8)).astype(np.float32)
    x[:, 2, 1] = np.nan
    model = hg.train(x, out=tmp_path / "run", **TINY)
    assert np.isfinite(model.reconstruct(x)).all() and np.isfinite(model.score(x)).all()
    errors = model.errors(x)
    assert np.isnan(errors[:, 2, 1]).all() and np.isnan(errors).sum() == 40
    with pytest.raises(ValueError, match="augment moves pixels"):
        hg.train(x, out=tmp_path / "moved", augment="flip", **TINY)


def test_infinite_pixels_are_refused():
    x = RNG.random((40, 8, 8))
    x[7, 0, 0] = np.inf
    with pytest.raises(ValueError, match="1 of 2,560 values, in samples 7"):
        from_array(x)


@pytest.fixture(scope="module")
def eight(tmp_path_factory) -> hg.Trained:
    return hg.train(EIGHT, out=tmp_path_factory.mktemp("eight") / "run", **TINY)


@pytest.fixture(scope="module")
def twelve(tmp_path_factory) -> hg.Trained:
    return hg.train(TWELVE, out=tmp_path_factory.mktemp("twelve") / "run", **TINY)


@pytest.mark.parametrize("given", [
    EIGHT.astype(float), EIGHT.astype(np.float32), EIGHT / 255, EIGHT.astype(np.int64),
    EIGHT.astype(np.uint16), EIGHT.astype(np.uint16) * 257, torch.from_numpy(EIGHT)])
def test_a_model_of_8_bits_gives_the_same_answer_in_every_type(eight, given):
    for use in (eight.encode, eight.score, eight.reconstruct, eight.restore):
        assert np.allclose(use(given), use(EIGHT), atol=1e-5), use.__name__


@pytest.mark.parametrize("given", [TWELVE.astype(float), TWELVE.astype(np.int32), TWELVE / 4095])
def test_a_model_of_12_bits_gives_the_same_answer_in_every_type(twelve, given):
    for use in (twelve.encode, twelve.score, twelve.reconstruct, twelve.restore):
        assert np.allclose(use(given), use(TWELVE), atol=1e-5), use.__name__


def test_dim_images_are_not_brightened_by_a_model_of_12_bits(twelve):
    dim = (TWELVE // 20).astype(np.uint16)   # which 8 bits would hold
    assert np.allclose(twelve.inputs.read(dim).x[..., 0], dim / 4095, atol=1e-6)


def test_what_lies_outside_the_range_of_training_is_counted_once(twelve, capsys):
    bright = TWELVE.copy()
    bright[0, 0, :3] = 9000
    twelve.score(bright), twelve.encode(bright)
    said = capsys.readouterr().err
    assert said.count("3 of 2,560 values lie outside 0 to 4,095, the range of training") == 1


@pytest.mark.parametrize("given", [SIGNED / 7.3, EIGHT * 9.7, -EIGHT.astype(int), EIGHT * 3000.0])
def test_values_of_another_range_are_refused(eight, given):
    with pytest.raises(ValueError, match="trained on values from 0 to 255, and these are from"):
        eight.score(given)


def test_noise_around_0_to_1_is_still_0_to_1(eight):
    noisy = EIGHT / 255 + 0.3 * RNG.standard_normal(EIGHT.shape)
    assert np.allclose(eight.inputs.read(noisy).x[..., 0], noisy, atol=1e-6)
    assert np.allclose(eight.inputs.read(EIGHT / 250).x[..., 0], EIGHT / 250, atol=1e-6)


def test_images_of_8_bits_keep_their_white_in_a_model_of_12(twelve, capsys):
    assert np.allclose(twelve.inputs.worth(twelve.inputs.read(EIGHT).x), 1 / 255)
    assert "255 is taken as 4,095" in capsys.readouterr().err


def test_a_model_of_floats_takes_8_bit_pixels_for_what_they_are(tmp_path):
    model = hg.train(EIGHT / 255, out=tmp_path / "run", **TINY)
    for given in (EIGHT, EIGHT.astype(float), EIGHT.astype(np.uint16) * 257):
        assert np.allclose(model.encode(given), model.encode(EIGHT / 255), atol=1e-5)


def test_signed_images_train_and_keep_their_scale(tmp_path):
    model = hg.train(SIGNED, out=tmp_path / "run", **TINY)
    again = hg.load(tmp_path / "run")
    assert again.inputs.scale == model.inputs.scale and again.inputs.scale.offset == SIGNED.min()
    assert model.reconstruct(SIGNED).min() >= 0 and model.reconstruct(SIGNED).max() <= 1
    assert np.allclose(again.encode(SIGNED.astype(float)), model.encode(SIGNED), atol=1e-5)


def test_a_model_older_than_scales_works_as_before():
    eight, unit, own = (Description({}, (1, 8, 8), factor, bounded).scale for factor, bounded in (
        (1 / 255, True), (1.0, True), (1.0, False)))
    assert eight.factor == 1 / 255 and eight.bits == 8
    assert unit.bounded
    assert units_of(SIGNED / 7, own).scale.kept


def test_a_run_that_is_older_than_scales_gives_what_it_gave(tmp_path):
    from hourglass.core.tensor_files import load_tensors, save_tensors
    model = hg.train(EIGHT, out=tmp_path / "run", **TINY)
    weights, texts = load_tensors(model.folder.model)
    about = json.loads(texts["hourglass"])
    del about["values"]
    for name in ("range", "depth", "channels", "as_stored"):
        del about["reading"][name]
    save_tensors(model.folder.model, weights, {"hourglass": json.dumps(about)})
    old = hg.load(tmp_path / "run")
    for given in (EIGHT, EIGHT / 255, EIGHT.astype(float)):
        assert np.allclose(old.encode(given), model.encode(EIGHT), atol=1e-5)
    assert np.allclose(old.errors(EIGHT), model.errors(EIGHT.astype(float)), atol=1e-5)


def test_a_run_keeps_its_scale_when_its_data_grows(here, hourglass):
    np.save("deep.npy", TWELVE)
    assert hourglass(f"train deep.npy --out run {FLAGS}")[0] == 0
    np.save("deep.npy", TWELVE * 10)
    assert hg.load("run").source().scale.high == 4095


# files

def test_twelve_bit_tiffs_keep_their_depth(here):
    tiffs("deep", TWELVE)
    found = collect("deep", Reading())
    assert found.x.dtype == np.uint16 and np.array_equal(found.x[..., 0], TWELVE)
    assert split(found, {}, 0).scale.high == 4095


@pytest.mark.parametrize("peak", [1.0, 1.02])
def test_float_tiffs_are_alike_whatever_their_peaks(here, peak):
    images = RNG.random((20, 8, 8)).astype(np.float32)
    images[::2] *= peak / images[::2].max((1, 2), keepdims=True)
    tiffs("floats", images)
    found = collect("floats", Reading())
    assert found.x.dtype == np.float32 and np.allclose(found.x[..., 0], images)
    values = next(split(found, {}, 0).splits["train"].batches(20)).x[:, 0]
    assert np.allclose(values, images / max(images.max(), 1), atol=1e-5)


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.float64, np.uint32])
def test_tiffs_of_other_types_keep_their_values(here, kind):
    images = (SIGNED if np.dtype(kind).kind != "u" else TWELVE).astype(kind)
    tiffs("other", images)
    assert np.array_equal(collect("other", Reading()).x[..., 0], images)


def test_a_tiff_with_a_missing_pixel_is_not_blank(here):
    images = RNG.random((20, 8, 8)).astype(np.float32)
    images[4, 1, 1] = np.nan
    tiffs("gaps", images)
    found = collect("gaps", Reading())
    assert np.isnan(found.x).sum() == 1 and np.allclose(found.x[4, 4, :, 0], images[4, 4])


def test_a_tiff_that_names_its_missing_value_has_it_masked(here):
    images = RNG.random((20, 8, 8)).astype(np.float32)
    images[2, 3] = -9999
    tiffs("nodata", images, extratags=[(42113, "s", 0, "-9999", True)])
    assert np.isnan(collect("nodata", Reading()).x).sum() == 8


def test_a_16_bit_png_keeps_its_depth_and_colour_says_that_it_does_not(here):
    Path("greys").mkdir()
    for i, image in enumerate(TWELVE):
        Image.fromarray(image).save(f"greys/{i}.png")
    found = collect("greys", Reading())
    assert found.x.dtype == np.uint16 and len(np.unique(found.x)) == len(np.unique(TWELVE))


def test_sixteen_bit_colour_tiffs_keep_all_their_bits(here):
    images = RNG.integers(0, 65536, (20, 8, 8, 3)).astype(np.uint16)
    tiffs("colour", images, photometric="rgb")
    assert np.array_equal(collect("colour", Reading()).x, images)


def test_images_of_fewer_bits_among_others_keep_their_white(here):
    tiffs("mixed", TWELVE[:10] * 16)
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save("mixed/white.png")
    found = collect("mixed", Reading())
    assert found.x[found.names.index("white.png")].min() == 65535
    assert "uint8 images are read in the depth of others, uint16" in found.notes[0]


def test_a_deep_image_that_no_header_told_of_is_cut_to_8_bits_with_a_word(
        here, monkeypatch, capsys):
    monkeypatch.setattr("hourglass.data.sources.read_image_folder.SAMPLED", 2)
    Path("late").mkdir()
    for i, image in enumerate(EIGHT[:9]):
        Image.fromarray(image).save(f"late/{i}.png")
    Image.fromarray(TWELVE[0] * 16).save("late/1.png")
    found = collect("late", Reading())
    assert found.x.dtype == np.uint8
    assert np.abs(found.x[1, ..., 0] - TWELVE[0] * 16 / 257).max() <= 1
    assert "1 image of more than 8 bits, such as 1.png, is read" in capsys.readouterr().err


@pytest.mark.parametrize("reading, shape", [
    (Reading(size="4"), (4, 4, 5)), (Reading(size="6x3", fit="stretch"), (6, 3, 5)),
    (Reading(crop="4"), (4, 4, 5)), (Reading(size="6x12", fit="pad"), (6, 12, 5)),
    (Reading(pad="10"), (10, 10, 5))])
def test_deep_images_are_brought_to_size(here, reading, shape):
    tiffs("five", FIVE, photometric="minisblack", planarconfig="contig")
    for found in (collect("five", reading), from_array(FIVE, reading=reading)):
        assert found.x.shape[1:] == shape and found.x.dtype == np.uint16
        assert abs(float(found.x[found.x > 0].mean()) - FIVE.mean()) < 200


def test_resizing_around_a_missing_pixel_loses_one_pixel():
    x = RNG.random((2, 16, 16)).astype(np.float32)
    x[0, 5, 5] = np.nan
    small = from_array(x, reading=Reading(size="8")).x
    assert np.isnan(small).sum() == 0 and small.min() >= 0


def test_grey_of_deep_colour_is_its_luma():
    x = RNG.integers(0, 4000, (4, 8, 8, 3)).astype(np.uint16)
    grey = from_array(x, reading=Reading(grey=True)).x[..., 0]
    assert np.abs(grey - x @ np.array([0.299, 0.587, 0.114])).max() <= 0.51


def test_deep_images_stay_deep_on_disk(here, hourglass, monkeypatch):
    tiffs("deep", TWELVE)
    assert hourglass("data prepare deep -o deep.npy")[0] == 0
    kept = np.load("deep.npy")
    assert kept.dtype == np.uint16 and np.array_equal(kept[..., 0], TWELVE)
    monkeypatch.setattr("hourglass.data.collect.IN_MEMORY", 100)
    source = split(collect("deep.npy", Reading()), {}, 0)
    train = source.splits["train"]
    assert isinstance(train.x, OnDisk) and source.scale.high == 4095
    assert np.allclose(next(train.batches(40)).x[:, 0], TWELVE / 4095, atol=1e-6)
    assert hourglass(f"train deep.npy --out run {FLAGS}")[0] == 0


def test_a_large_deep_array_is_scaled_in_a_file(here, twelve, monkeypatch):
    np.save("deep.npy", TWELVE)
    monkeypatch.setattr("hourglass.data.units.IN_MEMORY", 100)
    found = twelve.inputs.read("deep.npy")
    assert isinstance(found.x, np.memmap) and np.allclose(found.x[..., 0], TWELVE / 4095)


# channels

@pytest.mark.parametrize("channels", [2, 5, 12])
@pytest.mark.parametrize("layout", ["last", "first"])
def test_images_of_any_number_of_channels_are_trained_on(tmp_path, channels, layout):
    x = RNG.integers(0, 4000, (32, 8, 8, channels)).astype(np.uint16)
    given = x if layout == "last" else np.moveaxis(x, -1, 1)
    model = hg.train(given, out=tmp_path / "run", **TINY)
    assert model.shape == (channels, 8, 8) and model.reconstruct(given).shape == x.shape
    assert model.encode(given).shape == (32, 2) and model.score(given).shape == (32,)
    assert np.allclose(model.encode(x), model.encode(given))


@pytest.mark.parametrize("options", [
    {"photometric": "minisblack", "planarconfig": "contig"},
    {"photometric": "minisblack", "planarconfig": "separate"}])
@pytest.mark.parametrize("kind", [np.uint16, np.uint8, np.float32])
def test_multispectral_tiffs_are_read_in_every_layout(here, options, kind):
    images = (FIVE // 16).astype(kind)
    planes = images if options["planarconfig"] == "contig" else np.moveaxis(images, -1, 1)
    tiffs("five", planes, **options)
    found = collect("five", Reading())
    assert found.shape == (5, 8, 8) and np.array_equal(found.x, images)


def test_four_bands_are_four_channels_and_alpha_is_none(here):
    bands = RNG.integers(0, 4000, (8, 8, 8, 4)).astype(np.uint16)
    tiffs("bands", bands, photometric="minisblack", planarconfig="contig")
    tiffs("alpha", bands, photometric="rgb", extrasamples=["unassalpha"])
    assert collect("bands", Reading()).shape == (4, 8, 8)
    assert np.array_equal(collect("alpha", Reading()).x, bands[..., :3])


def test_files_of_other_channels_are_refused_with_their_name(here):
    tiffs("five", FIVE, photometric="minisblack", planarconfig="contig")
    imwrite("five/odd.tif", TWELVE[0])
    with pytest.raises(ValueError, match="1 and 5 channels"):
        collect("five", Reading())


def test_every_command_takes_multispectral_tiffs(here, hourglass):
    tiffs("five", FIVE, photometric="minisblack", planarconfig="contig")
    code, _, err = hourglass(f"train five --out run --show 3,2,1 {FLAGS}")
    assert code == 0 and "16-bit images, values 0 to 4,095, scaled by 1/4,095" in err
    assert hourglass("data show five --show 4,2,1 -o sheet.png")[0] == 0
    for command in ("reconstruct run five -o again", "restore run five -o restored",
                    "embed run five -o codes.csv", "score run five --heatmaps maps",
                    "generate run -n 4 -o drawn.png"):
        assert hourglass(command)[0] in (0, 1), command
    back = imread("again/000.tif.tif")
    assert back.shape == (8, 8, 5) and back.dtype == np.uint16 and back.max() > 255
    assert Image.open("again/000.tif.png").mode == "RGB"
    assert imread("restored/000.tif").shape == (8, 8, 5)


@pytest.mark.parametrize("show, width", [("3,2,1", 8), ("", 40), ("all", 40), ("4", 8)])
def test_pictures_show_three_channels_or_a_panel_each(show, width):
    from hourglass.core.channels import show_channels
    from hourglass.core.image_grid import shown
    images = RNG.random((2, 8, 8, 5))
    show_channels(show)
    try:
        rgb = shown(images)
    finally:
        show_channels("")
    assert rgb.shape == (2, 8, width, 3)
    wanted = {"3,2,1": images[..., [2, 1, 0]], "4": images[..., [3, 3, 3]]}.get(
        show, np.concatenate(list(np.moveaxis(images, -1, 0)), axis=2)[..., None].repeat(3, -1))
    assert np.allclose(rgb, wanted)


def test_a_report_is_drawn_of_two_and_of_many_channels(tmp_path):
    for channels in (2, 7):
        x = RNG.random((40, 8, 8, channels)).astype(np.float32)
        model = hg.train(x, out=tmp_path / str(channels), **{**TINY, "report": True})
        assert model.folder.report.is_file()


def test_channels_that_are_not_there_are_refused(here, hourglass):
    np.save("five.npy", FIVE)
    code, _, err = hourglass(f"train five.npy --show 7,2,1 {FLAGS}")
    assert code == 2 and "channels from 1 to 5" in err
    np.save("grey.npy", EIGHT)
    code, _, err = hourglass(f"train grey.npy --show 1 {FLAGS}")
    assert code == 2 and "other than 1 or 3" in err


@pytest.mark.parametrize("images", [TWELVE[..., None], SIGNED[..., None], FIVE,
                                    (FIVE // 16).astype(np.uint8)],
                         ids=["twelve", "signed", "five", "five of 8 bits"])
def test_deep_images_are_compressed_and_augmented_as_what_they_are(here, hourglass, images):
    pytest.importorskip("constriction")
    np.save("deep.npy", images)
    assert hourglass(f"train deep.npy --out run {FLAGS}")[0] == 0
    code, out, _ = hourglass("compress run deep.npy -o deep.hg")
    assert code == 0 and "PSNR" in out
    assert hourglass("decompress run deep.hg -o back")[0] == 0
    back = imread("back/00000.tif")
    assert back.dtype == images.dtype and back.squeeze().shape == images[0].squeeze().shape
    assert abs(float(back.mean()) - images.mean()) < 0.2 * np.ptp(images)
    assert hourglass("data augment deep.npy -n 5 --augment shift(1) -o more")[0] == 0
    assert imread("more/000000.tif").dtype == images.dtype


def test_pairs_need_the_same_depth(here):
    tiffs("seen", TWELVE)
    tiffs("aims", TWELVE.astype(np.float32))
    with pytest.raises(ValueError, match="the same depth"):
        collect("pairs('seen', 'aims')", Reading())


def test_pairs_of_deep_images_share_one_scale(here, hourglass):
    tiffs("seen", TWELVE // 2)
    tiffs("aims", TWELVE)
    assert hourglass(f"train \"pairs('seen', 'aims')\" --out run {FLAGS}")[0] == 0
    batch = hg.load("run").source().splits["train"].batch(torch.arange(4))
    assert 0.4 < batch.encoder_input.max() < 0.5 and 0.9 < batch.x.max() <= 1


def test_estimators_scale_images_once(tmp_path):
    pytest.importorskip("sklearn")
    from hourglass.sklearn import AutoencoderTransformer
    flat = TWELVE.reshape(40, -1)
    made = AutoencoderTransformer(2, image_shape=(8, 8), epochs=1, random_state=0,
                                  settings={"backbone": "mlp(8)"}).fit(flat)
    assert made.learnt_.trained.inputs.scale.kept
    assert np.allclose(made.transform(flat), made.transform(flat.astype(float)), atol=1e-5)
    back = made.inverse_transform(made.transform(flat.astype(float)))
    assert flat.min() <= back.mean() <= flat.max()


def test_ranges_are_refused_where_they_mean_nothing(here, hourglass):
    np.save("deep.npy", TWELVE)
    code, _, err = hourglass("data prepare deep.npy --range 0,4095 -o kept.npy")
    assert code == 2 and "--range 0,4095" in err
    code, _, err = hourglass(f"train deep.npy --range 0-4095 {FLAGS}")
    assert code == 2 and "such as 0,4095" in err
    Path("table.csv").write_text("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(60)))
    code, _, err = hourglass(f"train table.csv --range 0,9 {FLAGS}")
    assert code == 2 and "each column of a table" in err


# server

@pytest.mark.parametrize("kind", ["tif", "png"])
def test_the_server_scales_what_it_is_sent_as_training_did(twelve, kind):
    testclient = pytest.importorskip("fastapi.testclient")
    from hourglass.serving.app import make_app
    buffer = io.BytesIO()
    if kind == "tif":
        imwrite(buffer, TWELVE[0])
    else:
        Image.fromarray(TWELVE[0]).save(buffer, "png")
    with testclient.TestClient(make_app(twelve), base_url="http://localhost") as client:
        files = [("images", (f"a.{kind}", buffer.getvalue()))]
        answer = client.post("/v1/encode", files=files)
        restored = client.post("/v1/restore", files=files)
    assert answer.status_code == 200 and restored.status_code == 200
    assert np.allclose(json.loads(answer.text)["codes"], twelve.encode(TWELVE[:1]), atol=1e-5)


def test_a_header_tells_depth_and_channels_without_decoding(tmp_path):
    imwrite(tmp_path / "a.tif", FIVE[0], photometric="minisblack", planarconfig="contig")
    Image.fromarray(EIGHT[0]).save(tmp_path / "b.png")
    with open(tmp_path / "a.tif", "rb") as deep, open(tmp_path / "b.png", "rb") as plain:
        assert look(deep)[:4] == (8, 8, 5, "uint16") and look(plain)[:4] == (8, 8, 1, "uint8")
        deep.seek(0)
        assert np.array_equal(read_whole(deep, Reading()), FIVE[0])


def test_each_page_of_a_deep_tiff_can_be_read(tmp_path):
    imwrite(tmp_path / "pages.tif", TWELVE[:3], photometric="minisblack")
    with open(tmp_path / "pages.tif", "rb") as file:
        for page in range(3):
            file.seek(0)
            assert look(file, page=page).depth == "uint16"
            file.seek(0)
            found = read_deep(file, Reading(depth="uint16"), page)
            assert np.array_equal(found[..., 0], TWELVE[page])


# whole numbers far below 255

SIXTEENTHS = RNG.integers(0, 17, (40, 8, 8)).astype(np.uint8)   # as load_digits().images are
SIXTEENTHS[0, 0, 0] = 16


@pytest.mark.parametrize("kind", [float, np.float32, np.int64, np.int32, np.uint16, np.int8])
def test_whole_numbers_to_16_are_scaled_by_16_and_that_is_said_even_if_quiet(
        kind, capsys, tmp_path):
    model = hg.train(SIXTEENTHS.astype(kind), out=tmp_path / "run", **TINY)
    said = capsys.readouterr().err
    assert model.splits["train"].images.max() == 1 and "range='0,255'" in said
    assert said.count("whole numbers from 0 to 16 are scaled by 1/16") == 1
    for given in (SIXTEENTHS, SIXTEENTHS.astype(float), SIXTEENTHS.astype(int)):
        assert np.allclose(model.encode(given), model.encode(SIXTEENTHS.astype(kind)), atol=1e-5)


def test_eight_bit_images_stay_eight_bits_however_dark_and_that_is_said(tmp_path, capsys):
    model = hg.train(SIXTEENTHS, out=tmp_path / "run", **TINY)
    assert model.trained.inputs.scale.factor == 1 / 255
    assert "use only 0 to 16 of 0 to 255" in capsys.readouterr().err
    hg.train(SIXTEENTHS, out=tmp_path / "asked", range="0,16", **TINY)
    hg.train(EIGHT, out=tmp_path / "bright", **TINY)
    hg.train(EIGHT > 99, out=tmp_path / "binary", **TINY)
    assert capsys.readouterr().err == ""


def test_files_of_8_bits_stay_8_bits_however_dark(here):
    Path("dark").mkdir()
    for i, image in enumerate(SIXTEENTHS):
        Image.fromarray(image).save(f"dark/{i}.png")
    assert split(collect("dark", Reading()), {}, 0).scale.factor == 1 / 255


@pytest.mark.parametrize("peak", [63, 64, 200])
def test_the_greatest_value_of_the_whole_set_decides(peak):
    x = SIXTEENTHS.astype(float)
    x[-1, 0, 0] = peak
    assert seen(x)[1].high == (63 if peak == 63 else 255)
    assert seen(x.astype(int))[1].high == (63 if peak == 63 else 255)


@pytest.mark.parametrize("peaks", [(16, 200), (200, 16), (16, 9)])
def test_own_validation_data_has_the_scale_of_the_whole(peaks, tmp_path):
    x, val = SIXTEENTHS.astype(float), SIXTEENTHS[:9].astype(float)
    x, val = x.clip(0, peaks[0]), val.clip(0, peaks[1])
    x[0, 0, 0], val[0, 0, 0] = peaks
    model = hg.train(x, val=val, out=tmp_path / "run", **TINY)
    assert model.trained.inputs.scale.high == (16 if max(peaks) == 16 else 255)


@pytest.mark.parametrize("x", [SIXTEENTHS.astype(float), TWELVE / 4 + 0.1])
def test_a_models_own_images_can_be_given_to_it(x, tmp_path, capsys):
    model = hg.train(x, out=tmp_path / "run", **TINY)
    test = model.splits["test"]
    assert np.allclose(model.encode(test.images), model.encode(x[test.index]), atol=1e-5)
    assert "are taken as scaled to [0, 1]" in capsys.readouterr().err
