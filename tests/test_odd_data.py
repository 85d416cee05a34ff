"""Data as people have it, in unusual forms: each is understood, or refused with what to do."""

import zipfile

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import hourglass as hg
from hourglass.core.contracts import Scale
from hourglass.data.choosing import chosen
from hourglass.data.collect import split
from hourglass.data.data_by_kind import as_kind, kind_of
from hourglass.data.data_frames import read_frame
from hourglass.data.dates import read_times
from hourglass.data.find_images import files_in, opened_archive
from hourglass.data.in_memory import gather
from hourglass.data.labels import check_known
from hourglass.data.read_image import Reading
from hourglass.data.scales import find_scale
from hourglass.data.sources.arrays import from_array
from hourglass.data.timeline import rhythm
from hourglass.data.units import outside, units_of
from hourglass.data.x_and_label import batch
from hourglass.inference.any_size import changes
from tests.conftest import TINY, draw, train

pandas = pytest.importorskip("pandas")
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 255, (40, 8, 8), np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny model of images with a missing pixel, and one image of which nothing is known."""
    x = IMAGES.astype(np.float32)
    x[3, 2, 2], x[5] = np.nan, np.nan
    return train(x, out=tmp_path_factory.mktemp("odd") / "run", **TINY), x


def test_an_image_of_which_nothing_is_known_is_counted_and_scored_without_a_warning(
        model, capfd, recwarn):
    trained, x = model
    _, notes = find_scale(x[..., None])
    assert "65 of 2,560 values" in notes[0] and "nothing is known of 1 sample" in notes[0]
    assert np.isfinite(trained.score(x)).all()
    said = capfd.readouterr().err
    assert "nothing is known of 1 sample, such as number 5" in said and "nan" not in said
    assert not [warning for warning in recwarn if "empty slice" in str(warning.message)]


def test_one_image_is_told_how_to_be_passed(model):
    with pytest.raises(ValueError, match=r"for one sample pass x\[None\]"):
        model[0].encode(IMAGES[0].astype(np.float32))
    assert model[0].encode(IMAGES[0].astype(np.float32)[None]).shape == (1, 2)


@pytest.mark.parametrize("x, words", [
    (IMAGES.astype(np.int16) - 128, "8-bit images"), (IMAGES.astype(np.uint16) * 9, "16-bit"),
    (IMAGES.astype(np.int16) * 9 - 99, "16-bit images"), (IMAGES / 7 - 3, "float images")])
def test_the_depth_is_named_as_it_is(x, words):
    assert words in find_scale(x[..., None])[0].what


def test_floats_near_1_are_told_what_they_stand_for():
    kept, x = Scale(0, 1 / 4095, 0, 4095, 12), np.full((2, 4, 4, 1), 1.02, np.float32)
    assert "outside 0 to 1, which stands for 0 to 4,095 in training" in outside(
        x, units_of(x, kept), kept)


@pytest.mark.parametrize("channels", [2, 5, 12])
def test_channels_first_or_last_is_said_and_their_size_is_right(channels):
    first = RNG.random((9, channels, 16, 16)).astype(np.float32)
    assert f"{channels} channels, which come first" in " ".join(from_array(first).notes)
    last = np.moveaxis(first, 1, -1)
    assert f"{channels} channels, which come last" in " ".join(from_array(last).notes)
    for x in (first, last):
        assert changes(x, {}, (channels, 16, 16)) == []


def test_a_loader_that_collates_to_a_list_gives_its_samples():
    loader = DataLoader(torch.tensor(IMAGES).float(), 8, collate_fn=lambda samples: samples)
    found = gather(loader)
    assert found.values.shape == (40, 8, 8) and np.array_equal(found.values, IMAGES)
    x, labels = torch.rand(8, 4, 4), torch.arange(8)
    assert len(batch([x, labels]).x) == 8 and batch([x, labels]).labels == [*range(8)]


def test_a_second_array_of_each_sample_is_not_called_a_label():
    found = gather([(image, image) for image in IMAGES])
    assert "the values after x in each sample (1 more) are not used" in found.notes


@pytest.mark.parametrize("absent", ["", "nan", "None", "?", "N/A"])
def test_a_text_for_no_label_is_a_class_and_is_said_to_be_one(absent):
    y = np.array([0, 1] * 4)
    words = check_known(y, (absent, "cat"), {}, False)
    assert "is a class like the others; a missing label must be None or NaN" in words[0]
    assert check_known(y, ("dog", "cat"), {}, False) == []


def test_sparse_columns_of_a_data_frame_are_read():
    sparse = pytest.importorskip("scipy.sparse")
    frame = pandas.DataFrame.sparse.from_spmatrix(sparse.random(60, 4, 0.4, random_state=0))
    dense = train(frame, **TINY).encode(frame)
    assert dense.shape == (60, 2)


@pytest.mark.parametrize("options, columns", [
    ({"label": "kind"}, ["a", "zip"]), ({"label": "kind", "drop": "a"}, ["zip"]),
    ({"drop": ["a", "kind"], "categories": "zip"}, ["zip"])])
def test_columns_of_a_table_in_memory_have_their_parts(options, columns, tmp_path):
    frame = pandas.DataFrame({"a": RNG.random(60), "zip": RNG.integers(1, 4, 60),
                              "kind": ["x", "y"] * 30})
    for rows in (frame, frame.to_dict("list")):
        assert kind_of(rows, "", options) == "table"
        found = as_kind(rows, "table", None, dict(options))
        assert [column["name"] for column in found.encoding["columns"]] == columns
        assert (found.classes == ("x", "y")) == ("label" in options)
    frame.to_csv(tmp_path / "x.csv", index=False)
    assert as_kind(tmp_path / "x.csv", "table", None, {"label": "kind"}).startswith("table(")
    with pytest.raises(ValueError, match="leave one out"):
        as_kind(frame, "table", ["x", "y"] * 30, {"label": "kind"})
    with pytest.raises(ValueError, match="label='kind'"):
        hg.train(frame, "kind")


def test_a_table_model_takes_the_training_columns_as_a_file_of_numbers(tmp_path, hourglass):
    frame = pandas.DataFrame({"a": RNG.random(60), "b": RNG.random(60) * 9})
    run = train(frame, out=tmp_path / "run", **TINY).folder.path
    np.save(tmp_path / "x.npy", frame.to_numpy())
    code, _, err = hourglass(f"score {run} {tmp_path}/x.npy -o {tmp_path}/s.csv")
    assert code in (0, 1) and "all columns of the training table, in order: a, b" in err
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 61


@pytest.mark.parametrize("prefix, count", [("/abs/", 4), ("C:\\photos\\", 4), ("../../", 0)])
def test_absolute_names_of_an_archive_lie_below_it_and_others_are_said_to_lead_out(
        prefix, count, tmp_path):
    draw("lying", 1).save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for i in range(4):
            archive.writestr(zipfile.ZipInfo(f"{prefix}{i}.png"), (tmp_path / "a.png").read_bytes())
    with opened_archive(tmp_path / "x.zip") as files:
        assert len(files.sizes) == count and not any(name[0] == "/" for name in files.sizes)
        assert ("names lead out of the archive" in " ".join(files.notes)) == (count == 0)
    assert len(files_in(tmp_path).sizes) == 1


def test_dates_of_two_days_are_read_so_that_they_follow_one_another():
    days = pandas.Series(["01/01/2024"] * 50 + ["02/01/2024"] * 50)
    assert read_times(days, "", True).order == "day"
    days = pandas.Series(["01/01/2024"] * 50 + ["01/02/2024"] * 50)
    assert read_times(days, "", True).order == "month"


@pytest.mark.parametrize("second, unit", [(1, "seconds"), (1000, "milliseconds")])
def test_numbers_since_1970_are_times_and_no_channel(second, unit):
    from hourglass.data.sources.series import from_frame
    frame = pandas.DataFrame({"epoch": (1_700_000_000 + 600 * np.arange(300)) * second,
                              "heat": RNG.random(300)})
    found = from_frame(frame, 12)
    assert [*found.columns] == ["heat"]
    assert any(f"are read as times, in {unit} since 1970" in note for note in found.notes)


def test_many_equal_times_have_no_usual_step_of_nothing():
    assert len(rhythm(np.repeat(np.arange(20.0), 3), "time")) == 1


def test_a_new_text_in_a_channel_of_a_series_is_named():
    from hourglass.data.sources.series import from_frame
    frame = pandas.DataFrame({"valve": ["on", "off"] * 20 + ["broken"]})
    with pytest.raises(ValueError, match="'valve' holds no numbers but texts, such as 'brok"):
        from_frame(frame, 4, columns=("valve",))


def test_gaps_of_windows_are_said_once():
    x = np.where(RNG.random((40, 12, 2)) < 0.1, np.nan, 1) * RNG.random((40, 12, 2))
    notes = split(as_kind(x, "series", None, {}), {}, 0).notes
    assert sum("missing" in note for note in notes) == 1


def test_images_that_become_smaller_are_said_to_from_every_kind_of_file(model, tmp_path, hourglass):
    run = model[0].folder.path
    np.save(tmp_path / "large.npy", RNG.integers(0, 255, (4, 12, 20), np.uint8))
    code, _, err = hourglass(f"embed {run} {tmp_path}/large.npy -o {tmp_path}/codes.csv")
    assert code == 0 and "images of 12x20 pixels are brought to 8x8" in err
    model[0].restore(np.load(tmp_path / "large.npy"))


def test_restoring_in_tiles_is_said(model, capsys):
    large = np.tile(IMAGES[:2], (1, 2, 3)).astype(np.float32)
    assert model[0].restore(large).shape[1:3] == (16, 24)
    assert "16x24 pixels are restored in tiles of 8x8 that overlap" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["reconstruct {run} x.npy", "restore {run} x"])
def test_a_folder_of_images_is_not_named_like_a_file(command, model, hourglass):
    run = model[0].folder.path
    code, _, err = hourglass(f"{command.format(run=run)} -o out.npy")
    assert code == 2 and "give a folder, such as -o out" in err


def test_flags_may_have_underscores(hourglass, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = hourglass("train digits --batch_size=0 --latent_dim 3")
    assert code == 2 and "batch_size must be a whole number from 1" in err


def test_a_tiff_whose_rows_are_pages_may_be_one_of_many_channels(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    for name, shape in (("image", (16, 16, 5)), ("stack", (6, 16, 16))):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", np.zeros(shape, np.uint8),
                         photometric="minisblack")
        note = " ".join(chosen(files_in(tmp_path / name), Reading()).notes)
        assert "--pages reads them all" in note
        assert ("one image of 5 channels, write it with tifffile" in note) == (name == "image")


def test_a_row_with_too_many_cells_is_named(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n" + "1,2\n" * 50 + "1,2,3\n" + "1,2\n" * 50)
    with pytest.raises(ValueError, match="row 51 has 3 cells, and the rows before have 2; put"):
        read_frame(tmp_path / "x.csv")


def test_a_table_of_one_column_does_not_say_that_nothing_was_filled_in(capsys):
    trained = train(pandas.DataFrame({"a": RNG.random(60)}), **{**TINY, "quiet": False})
    said = capsys.readouterr().err
    assert "0 observed cells" not in said and "No cell of test rows could be hidden" in said
    assert trained.shape == (1,)


def test_a_grid_has_a_size(model):
    with pytest.raises(ValueError, match="limit must be a number above 0"):
        model[0].grid(limit=0)
