"""Codes as tables, what is nearest to what, what is there twice, and halves as ONNX files."""

import csv
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from conftest import stripes, train
from PIL import Image

import hourglass as hg
from hourglass.core.contracts import Collection
from hourglass.inference import batches
from hourglass.inference.encoder_decoder import load_half
from hourglass.tasks import embed as embedding
from hourglass.tasks.duplicates import find_doubles
from hourglass.tasks.embed import Embedded, codes_of
from hourglass.tasks.find_similar import nearest_to

FAST = {"epochs": 3, "batch_size": 16}
KINDS = {   # what halves are exported of
    "conv": (lambda: stripes(), {"model": "ae(3)", "backbone": "conv(filters=(4, 2))"}),
    "told": (lambda: "digits", {"model": "cvae(3)"}),
    "gaussian": (lambda: stripes(), {"model": "vae(3)", "backbone": "mlp(16)"}),
    "maps": (lambda: stripes(), {"backbone": "conv(filters=(4, 2))", "bottleneck": "identity"}),
    "unet": (lambda: stripes(), {"model": "ae(3)", "backbone": "unet(filters=(4, 4))"}),
    "vectors": (lambda: np.random.default_rng(0).normal(size=(60, 5)), {"model": "ae(2)"}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("embed")


@pytest.fixture(scope="module")
def run(folder):
    """Trains a kind of model at its first use, and gives its folder."""
    def trained_there(kind: str) -> str:
        make, settings = KINDS[kind]
        if not (folder / kind).is_dir():
            train(make(), out=folder / kind, quiet=True, **settings, **FAST)
        return str(folder / kind)
    return trained_there


@pytest.fixture
def photos(here, hourglass) -> str:
    """A model of photos/, in which 40 bars lie or stand."""
    train("photos", out="run", model="ae(4)", backbone="mlp(32)", epochs=60, batch_size=8)
    return "run"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_has_names_classes_and_codes_to_the_last_bit(photos, hourglass, suffix):
    code, out, _ = hourglass(f"embed {photos} photos -o new/codes{suffix}")
    assert code == 0 and out == f"40 codes of 4 numbers\nnew/codes{suffix}\n"
    path = f"new/codes{suffix}"
    table = pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path)
    assert list(table) == ["name", "class", "z_1", "z_2", "z_3", "z_4"]
    files = sorted(Path("photos").rglob("*.png"))
    assert list(table["name"]) == [str(f.relative_to("photos")) for f in files]
    assert list(table["class"]) == [f.parent.name for f in files]
    right = hg.load(photos).encode("photos")
    assert np.array_equal(table.iloc[:, 2:].to_numpy(np.float32), right)


def test_an_array_is_the_codes_alone_and_rows_without_names_have_numbers(run, here, hourglass):
    np.save("stripes.npy", stripes(7))
    assert hourglass(f"embed {run('maps')} stripes.npy -o codes.npy")[0] == 0
    codes = np.load("codes.npy")
    assert np.array_equal(codes, hg.load(run("maps")).encode("stripes.npy")) and codes.ndim == 4
    assert hourglass(f"embed {run('maps')} stripes.npy -o codes.csv")[0] == 0
    rows = list(csv.DictReader(open("codes.csv")))
    assert [row["name"] for row in rows] == [str(i) for i in range(7)]
    assert list(rows[0])[1:] == [f"z_{i}" for i in range(1, codes[0].size + 1)]


def test_splits_of_a_set_are_told(run, here):
    x = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    np.savez("split.npz", x_train=x[:6], x_test=x[6:])
    embedding.embed(hg.load(run("vectors")), "split.npz", Path("codes.csv"))
    assert list(pd.read_csv("codes.csv")["split"]) == ["train"] * 6 + ["test"] * 3


@pytest.mark.parametrize("kind", ["conv", "gaussian", "vectors", "told"])
@pytest.mark.parametrize("size", [16, 1000])
def test_codes_do_not_depend_on_what_stands_beside_them(run, kind, size, here, monkeypatch):
    model = hg.load(run(kind))
    if kind == "told":
        data = "digits"
    else:
        np.save("data.npy", np.concatenate([KINDS[kind][0]()] * 5))
        data = "data.npy"
    whole = codes_of(model, data).z
    assert np.array_equal(whole, codes_of(model, data).z)
    monkeypatch.setattr(batches, "BATCH", size)
    monkeypatch.setattr(embedding, "CHUNK", 77)
    assert np.abs(codes_of(model, data).z - whole).max() < 1e-5 * max(1, np.abs(whole).max())


def test_the_nearest_are_those_of_a_search_through_all():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 6)).astype(np.float32)
    embedded = Embedded(Collection(z), z)
    distances, rows = nearest_to(embedded, z[:5] + 0.1, 7)
    right = np.linalg.norm(z[None] - z[:5, None] - 0.1, axis=2)
    assert np.array_equal(rows, np.argsort(right, axis=1)[:, :7])
    assert np.allclose(distances, np.sort(right, axis=1)[:, :7], atol=1e-6)


def test_a_query_finds_itself_first_and_those_like_it(photos, hourglass):
    query = "photos/lying/003.png"
    code, out, _ = hourglass(f"embed {photos} photos --nearest {query} --nearest 1 -n 3")
    assert code == 0 and Image.open("nearest.png").size[0] > 100
    lines = out.splitlines()
    assert lines[0] == f"nearest to {query}:" and lines[1].split()[0] == "lying/003.png"
    assert lines[1].split()[2] == "lying" and lines[4] == "nearest to 1:" and len(lines) == 9
    code, _, err = hourglass(f"embed {photos} photos --nearest {query} -n 1000 -o near.csv")
    assert code == 0 and "1,000 nearest samples were asked for, and there are" in err
    _, _, err = hourglass(f"embed {photos} photos --nearest {query} -n 21 -o near.png")
    assert "a picture has the 20 nearest of each; a table has all 21" in err
    table = pd.read_csv("near.csv")
    assert len(table) == 40 and (table["distance"].diff()[1:] >= 0).all()
    assert list(table["rank"]) == list(range(1, 41))


def test_a_conditional_model_is_told_the_class(run, here, hourglass, monkeypatch):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("dark.png")
    model = run("told")
    code, _, err = hourglass(f"embed {model} digits --nearest dark.png")
    assert code == 2 and "pass the class with --class" in err
    assert hourglass(f"embed {model} digits --nearest dark.png --class 3 -o a.png")[0] == 0
    whole = codes_of(hg.load(model), "digits", "3").z
    monkeypatch.setattr(embedding, "CHUNK", 500)
    assert np.allclose(codes_of(hg.load(model), "digits", "3").z, whole, atol=1e-5)


def test_doubles_are_found_and_others_are_not(here):
    rng = np.random.default_rng(0)
    images = (255 * rng.random((60, 8, 8))).astype(np.uint8)
    planted = np.concatenate([images, images[3:4], images[3:4], np.clip(
        images[5:6].astype(int) + 3, 0, 255).astype(np.uint8), 255 - images[9:10]])
    np.save("planted.npy", planted)
    train(planted, out="run", model="ae(8)", backbone="mlp(32)", epochs=40, batch_size=16)
    found = find_doubles(codes_of(hg.load("run"), "planted.npy"), 0.3)
    assert [g.tolist() for g in found.groups] == [[3, 60, 61], [5, 62]]
    assert found.apart[0].tolist() == [0, 0, 0] and 0 < found.apart[1][1] < 4 / 255


def test_the_pixels_have_the_last_word():
    """Codes that are all the same make nothing a double that is none."""
    x = np.random.default_rng(0).integers(0, 255, (20, 6, 6, 1), np.uint8)
    x[7] = x[2]
    same = Embedded(Collection(x), np.zeros((20, 3), np.float32), 1 / 255)
    assert [g.tolist() for g in find_doubles(same, 0.4).groups] == [[2, 7]]


@pytest.mark.parametrize("x, groups", [
    (np.zeros((30, 4, 4, 1), np.uint8), [list(range(30))]),   # all the same
    (np.zeros((2, 4, 4, 1), np.uint8), [[0, 1]]),
    (np.arange(2 * 16, dtype=np.uint8).reshape(2, 4, 4, 1), []),
], ids=["blank", "two alike", "two that differ"])
def test_odd_sets_have_their_doubles_too(x, groups):
    z = x.reshape(len(x), -1).astype(np.float32)
    assert [g.tolist() for g in find_doubles(Embedded(Collection(x), z), 0.4).groups] == groups


def test_groups_are_written_and_drawn(photos, hourglass):
    for i in range(3):
        shutil.copy("photos/lying/000.png", f"photos/upright/again{i}.png")
    code, out, err = hourglass(f"embed {photos} photos --duplicates -o groups.csv")
    assert code == 0 and "groups.png" in err and Path("groups.png").is_file()
    table = pd.read_csv("groups.csv")
    of = table.set_index("name")["group"]
    assert of["lying/000.png"] == of["upright/again0.png"] == of["upright/again2.png"]
    assert "samples are in" in out.splitlines()[0]


def test_a_set_without_doubles_says_so(run, here, hourglass):
    np.save("table.npy", np.random.default_rng(1).normal(size=(50, 5)))
    code, out, _ = hourglass(f"embed {run('vectors')} table.npy --duplicates -o none.csv")
    assert code == 0 and out.startswith("no duplicates among 50 samples")
    assert Path("none.csv").read_text() == "group,name,class,distance\n"
    assert not Path("none.png").exists()


@pytest.mark.parametrize("command, says", [
    ("photos -o codes.txt", "end it in one of .parquet, .csv, .npy"),
    ("nowhere", "nor is there such a file"), ("empty", "holds no images"),
    ("photos --nearest a.png --duplicates", "cannot be combined"),
    ("photos --nearest gone.png", "there is no file gone.png"),
    ("photos --nearest photos", "there is no file photos"),
    ("photos --nearest 999", "in memory, which is gone"), ("photos --duplicates -o g.png", ".csv"),
    ("photos --nearest a.png -o n.txt", "end it in one of"), ("photos --nearest a.png -n 0", "-n"),
    ("a.png --duplicates", "one sample"), ("photos --duplicates --within 2", "within"),
    ("photos --nearest a.png --class x", "is not conditional"),
])
def test_what_cannot_be_is_said_in_a_line(here, hourglass, run, command, says):
    Path("empty").mkdir()
    model = run("conv")
    code, _, err = hourglass(f"embed {model} {command}")
    assert code == 2 and says in err and err.count("\n") <= 2, err


def test_what_cannot_be_read_is_left_out_and_said(photos, hourglass):
    Path("photos/lying/torn.png").write_bytes(b"no image")
    code, out, err = hourglass(f"embed {photos} photos -o codes.csv")
    assert code == 0 and out.startswith("40 codes") and "torn.png" in err


def test_without_pyarrow_it_is_said_what_to_install(run, here, hourglass, monkeypatch):
    class NotInstalled:
        """A finder that comes first and finds no pyarrow."""

        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "pyarrow":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for name in [*sys.modules]:
        if name.partition(".")[0] == "pyarrow":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NotInstalled(), *sys.meta_path])
    code, _, err = hourglass(f"embed {run('conv')} photos -o codes.parquet")
    assert code == 2 and "pip install 'hourglass[tabular]'" in err


@pytest.mark.parametrize(("kind", "half"), [   # test_explorer has the others
    ("conv", "decoder"), ("gaussian", "encoder"), ("unet", "encoder"), ("unet", "decoder")])
def test_a_half_as_onnx_gives_what_torch_gives_in_batches_of_any_size(
        kind, half, run, here, hourglass):
    code, out, err = hourglass(f"export {run(kind)} --half {half} -o new/{half}.onnx")
    assert code == 0, err
    assert "difference from the model" in out and out.endswith(f"new/{half}.onnx\n")
    session = onnxruntime.InferenceSession(f"new/{half}.onnx")
    (first,) = session.get_inputs()
    module = load_half(run(kind), half)
    for count in (1, 2, 7):
        t = torch.rand(count, *first.shape[1:])
        with torch.no_grad():
            right = module(t).numpy()
        assert np.abs(session.run(None, {first.name: t.numpy()})[0] - right).max() < 1e-5


@pytest.mark.parametrize("options, says", [
    ("--half middle", "an encoder and a decoder"), ("-o net.txt", "end it in one of .onnx")])
def test_a_wrong_export_says_what_is_right(run, here, hourglass, options, says):
    code, _, err = hourglass(f"export {run('conv')} {options}")
    assert code == 2 and says in err
    code, _, err = hourglass("export photos")
    assert code == 2 and "not a run folder" in err and not list(Path().glob("*.onnx"))
