"""Files of other kinds and encodings are read, or refused with what to do."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import savemat

from hourglass.data.collect import collect
from hourglass.data.data_by_kind import as_kind
from hourglass.data.read_image import Reading

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 3))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(path: str):
    return collect(path, Reading())


def notes(found) -> str:
    return " | ".join(found.notes)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_tables_in_utf_16_are_read_and_said(encoding):
    text = "length;kind\n" + "".join(f"{i * i},5;{'äb'[i % 2]}\n" for i in range(30))
    Path("a.csv").write_bytes(text.encode(encoding))
    found = read("a.csv")
    assert [column["name"] for column in found.encoding["columns"]] == ["length", "kind"]
    assert found.encoding["columns"][1]["values"] == ["b", "ä"] and "UTF-16" in notes(found)


@pytest.mark.parametrize("name, words", [
    ("a.xlsx", "a spreadsheet; save its sheet"), ("a.JSONL", "pandas.read_json"),
    ("a.feather", "pandas.read_feather"), ("a.pkl", "which may run code"), ("a.pt", "save it as"),
    ("a.h5", "h5py"), ("a.h5ad", "anndata.read_h5ad"), ("a.mtx", "scipy.io.mmread"),
    ("a.nii.gz", "nibabel"), ("a.mp4", "ffmpeg -i"), ("a.wav", r"series\('sound.npy'"),
    ("a.heic", "save it as PNG"), ("a.7z", "unpack it"), ("a.db", "pandas.read_sql")])
def test_other_kinds_of_files_say_what_to_do(name, words):
    Path(name).write_bytes(b"x")
    with pytest.raises(ValueError, match=words):
        read(name)


def test_a_place_without_images_says_what_it_holds():
    for place in ("tables", "nothing"):
        Path(place).mkdir()
    for name in "ab":
        Path(f"tables/{name}.csv").write_text("a,b\n1,2\n")
    with zipfile.ZipFile("t.csv.zip", "w") as archive:
        archive.write("tables/a.csv", "a.csv")
    with pytest.raises(ValueError, match=r"2 files are tables or arrays, such as a\.csv: pass one"):
        read("tables")
    with pytest.raises(ValueError, match=r"1 file is a table .*: unpack it"):
        read("t.csv.zip")
    with pytest.raises(ValueError, match=r"nothing holds no images \([^;]*\)$"):
        read("nothing")


def test_matlabs_arrays_are_samples_with_labels():
    savemat("a.mat", {"X": X, "y": (np.arange(20) % 2)[:, None], "info": "text"})
    found = read("a.mat")
    np.testing.assert_allclose(found.x, X, rtol=1e-6)
    assert found.y.tolist() == [0, 1] * 10
    images = RANDOM.integers(0, 256, (8, 6, 3, 11), np.uint8)
    savemat("svhn.mat", {"X": images, "y": np.arange(11)[:, None]})
    np.testing.assert_array_equal(read("svhn.mat").x, np.moveaxis(images, -1, 0))
    Path("b.mat").write_bytes(b"hello" * 40)
    with pytest.raises(ValueError, match=r"cannot be read as a \.mat file"):
        read("b.mat")
    savemat("c.mat", {"name": "text"})
    with pytest.raises(ValueError, match="holds no array of numbers"):
        read("c.mat")


def test_real_outlier_sets_of_matlab_are_read(real):
    files = sorted((real / "tables/odds").glob("*.mat"))
    assert files and all(read(str(file)).y.max() == 1 for file in files)


def test_arrays_of_an_archive_have_usual_names_in_any_case_or_are_alone():
    np.savez("a.npz", X=X, Y=np.arange(20) % 2)
    assert read("a.npz").y is not None
    np.savez("b.npz", signal=X)
    assert "'signal' is read as the samples" in notes(read("b.npz"))
    np.savez("c.npz", left=X, right=X)
    with pytest.raises(ValueError, match="holds left, right; name the array x"):
        read("c.npz")
    np.save("d.npy", np.zeros(9, [("a", "f4"), ("b", "i4")]))
    with pytest.raises(ValueError, match=r"records with the columns a, b; .*to_csv"):
        read("d.npy")


def test_columns_of_lists_become_columns_and_objects_are_left_out():
    lists = [list(row) for row in X]
    lists[4] = None
    pd.DataFrame({"v": lists, "a": RANDOM.normal(size=20)}).to_parquet("a.parquet")
    found = read("a.parquet")
    assert [column["name"] for column in found.encoding["columns"]] == ["v_1", "v_2", "v_3", "a"]
    np.testing.assert_allclose(found.raw.frame["v_2"].drop(4), np.delete(X[:, 1], 4))
    assert np.isnan(found.x[4, :3]).all() and "'v' of lists is read as 3 columns" in notes(found)
    odd = pd.DataFrame({"v": [[1.0] * (i % 3) for i in range(20)], "a": RANDOM.normal(size=20),
                        "o": [{"k": i} for i in range(20)]})
    found = collect(odd, Reading())
    assert len(found.encoding["columns"]) == 1 and notes(found).count("is left out") == 2
    with pytest.raises(ValueError, match="no column of numbers or texts"):
        collect(odd[["o"]], Reading())


def test_images_in_a_table_name_what_reads_them():
    buffer = io.BytesIO()
    Image.new("L", (5, 5)).save(buffer, "PNG")
    frame = pd.DataFrame({"image": [{"bytes": buffer.getvalue(), "path": None}] * 9,
                          "label": [0, 1, 2] * 3})
    frame.to_parquet("a.parquet")
    for data in ("a.parquet", frame):
        with pytest.raises(ValueError, match=r"'image' of .* holds encoded files.*load_dataset"):
            collect(data, Reading())


def test_times_of_a_zone_are_said_to_be_brought_to_utc():
    times = pd.date_range("2024-03-30 22:00", periods=60, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"when": times, "v": np.sin(np.arange(60) / 3)})
    frame.to_csv("a.csv", index=False)
    indexed = frame.set_index("when")
    for found in (read("series('a.csv', window=8)"),
                  as_kind(frame, "series", None, {"window": 8}),
                  as_kind(indexed, "series", None, {"window": 8}),
                  as_kind(indexed["v"], "series", None, {"window": 8})):
        assert found.raw.times[0] == np.datetime64("2024-03-30T21:00") and "UTC" in notes(found)
        assert (np.diff(found.raw.times) == np.timedelta64(1, "h")).all()
    frame.assign(when=times.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv("b.csv")
    assert "UTC" not in notes(read("series('b.csv', window=8)"))


def test_a_column_with_an_index_of_periods_is_a_series():
    index = pd.period_range("2024-01-01", periods=40, freq="D")
    values = np.sin(np.arange(40))
    for data in (pd.Series(values, index), pd.DataFrame({"v": values}, index)):
        found = as_kind(data, "series", None, {"window": 8})
        assert found.raw.times[1] == np.datetime64("2024-01-02")
