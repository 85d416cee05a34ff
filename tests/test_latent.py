"""The latent laboratory as people use it: generate, morph, vary, compare."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Started
from PIL import Image

import hourglass as hg
from hourglass.analysis.snapshot import load_snapshot
from hourglass.data.collect import split
from hourglass.data.measures import MEASURED, slant, width
from hourglass.data.sources.arrays import from_array
from hourglass.inference.latent_directions import find_attribute
from hourglass.inference.latents import TrainingCodes
from hourglass.tasks.edit_attribute import chosen_attributes
from hourglass.tasks.morph import step


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A plain, a variational and a conditional autoencoder of two kinds of bars."""
    folder = tmp_path_factory.mktemp("latent")
    random = np.random.default_rng(0)
    y = np.arange(200) % 2
    x = np.zeros((200, 12, 12), np.uint8)
    for i, kind in enumerate(y):
        place = random.integers(0, 9)
        x[i][(slice(place, place + 3),) if kind else (slice(None), slice(place, place + 3))] = 220
    np.savez(folder / "bars.npz", x=x, y=np.array(["upright", "lying"])[y])
    settings = {"epochs": 40, "quiet": True, "val": 0.1, "test": 0.2, "stop": "none",
                "report": False}
    hg.train(folder / "bars.npz", model="ae(4)", out=folder / "ae", **settings)
    hg.train(folder / "bars.npz", model="vae(4)", out=folder / "vae", **settings)
    hg.train(folder / "bars.npz", model="cvae(3)", out=folder / "cvae", **settings)
    return folder


@pytest.fixture
def at(runs, monkeypatch):
    monkeypatch.chdir(runs)
    return runs


def lying(images: np.ndarray) -> np.ndarray:
    """Whether bars lie: rows differ more than columns."""
    return images.mean((2, 3)).var(1) > images.mean((1, 3)).var(1)


@pytest.mark.parametrize("prior", ["kde", "mixture"])
def test_a_class_is_drawn_from_a_model_that_was_never_told_any(at, prior):
    model = hg.load("ae")
    assert lying(model.sample(100, "lying", prior=prior)).mean() > 0.7
    assert lying(model.sample(100, "upright", prior=prior)).mean() < 0.3


def test_samples_are_a_sheet_files_by_class_or_an_array(at, hourglass, tmp_path):
    code, out, err = hourglass(f"generate vae -n 9 -o {tmp_path}/s.png")
    assert code == 0 and "prior own" in out, err
    assert Image.open(tmp_path / "s.png").size == (5 * 3 * 14, 5 * 3 * 14)   # to be seen
    assert hourglass(f"generate ae -n 30 -o {tmp_path}/files")[0] == 0
    assert {p.parent.name for p in (tmp_path / "files").rglob("*.png")} == {"lying", "upright"}
    assert hourglass(f"generate ae --class lying --prior kde -n 30 -o {tmp_path}/s.npy")[0] == 0
    drawn = np.load(tmp_path / "s.npy")
    assert drawn.shape == (30, 12, 12, 1) and lying(drawn).mean() > 0.7


def test_a_plain_autoencoder_is_drawn_from_where_its_codes_are(at, hourglass, tmp_path):
    _, out, err = hourglass(f"generate ae -n 4 -o {tmp_path}/s.png")
    assert "prior mixture" in out and "no prior of its own" in err


def test_what_matters_in_drawing_alone_is_not_fitted_anew(at):
    model = hg.load("ae")
    wide, narrow = (model.prior(f"per_class(scale={scale})").sample(200, seed=1)[0]
                    for scale in (1.0, 0.25))
    assert len(list(Path("ae/priors").glob("per_class*"))) == 1
    assert narrow.std(0).sum() < wide.std(0).sum()
    assert model.prior("per_class(scale=0.25)").text == "per_class(scale=0.25)"


def test_a_seed_and_a_temperature_matter(at):
    model = hg.load("vae")
    assert np.array_equal(model.sample(5, seed=1), model.sample(5, seed=1))
    assert not np.array_equal(model.sample(5, seed=1), model.sample(5, seed=2))
    assert model.sample(60, temperature=0.1).var(0).sum() < model.sample(60).var(0).sum()


def test_sharpening_is_pillows(at, hourglass, tmp_path):
    for name, more in (("a", ""), ("b", "--sharpen 1"), ("c", "--sharpen 4")):
        hourglass(f"generate vae -n 9 {more} -o {tmp_path}/{name}.png")
    a, b, c = (np.asarray(Image.open(tmp_path / f"{name}.png"), float) for name in "abc")
    assert np.abs(a - b).max() <= 1 and np.abs(a - c).max() > 10


def test_the_nearest_training_sample_of_a_training_sample_is_itself(at):
    from hourglass.tasks.nearest_training import nearest
    source = hg.load("ae").source()
    x = source.splits["train"].batch(torch.arange(3)).x
    found = nearest(source, np.moveaxis(x.numpy(), 1, -1))
    assert found.distance.max() < 1e-3 and "copies" in found.words
    np.testing.assert_allclose(found.x, np.moveaxis(x.numpy(), 1, -1), atol=1e-6)


@pytest.mark.parametrize("more", ["--nearest", "--radius 0.5,1,2", "--prior 'uniform(3)'"])
def test_other_sheets_are_drawn(at, hourglass, tmp_path, more):
    code, _, err = hourglass(f"generate vae -n 12 {more} -o {tmp_path}/s.png")
    assert code == 0 and Image.open(tmp_path / "s.png").size[0] > 50, err


def test_a_morph_begins_and_ends_with_its_images(at):
    model = hg.load("vae")
    x = np.stack([model.sample(1, seed=i)[0] for i in range(2)])
    z = model.encode(x)
    for way in ("linear", "spherical"):
        np.testing.assert_allclose(step(z[0], z[1], 0.0, way), z[0], atol=1e-6)
        np.testing.assert_allclose(step(z[0], z[1], 1.0, way), z[1], atol=1e-5)


def test_the_arc_keeps_its_length_and_halves_the_angle():
    a, b = np.array([2.0, 0.0]), np.array([0.0, 2.0])
    middle = step(a, b, 0.5, "spherical")
    np.testing.assert_allclose(middle, [2 / np.sqrt(2)] * 2)
    assert np.linalg.norm(step(a, 2 * b, 0.5, "spherical")) == pytest.approx(3)
    np.testing.assert_allclose(step(a, -a, 0.5, "spherical"), [0, 0], atol=1e-9)   # no one arc


def test_a_morph_is_an_animation_or_a_strip(at, hourglass, tmp_path):
    Image.fromarray(np.full((12, 12), 90, np.uint8)).save(tmp_path / "a.png")
    for suffix in ("gif", "webp"):
        code, _, err = hourglass(f"morph vae 0 {tmp_path}/a.png 5 --frames 4 --hold 2 "
                                 f"-o {tmp_path}/m.{suffix}")
        assert code == 0, err
        with Image.open(tmp_path / f"m.{suffix}") as moving:
            assert moving.n_frames > 8 and min(moving.size) >= 256
    code, out, _ = hourglass(f"morph vae 0 5 --frames 4 --way spherical -o {tmp_path}/m.png")
    assert "6 pictures" in out and Image.open(tmp_path / "m.png").size == (5 * 6 * 14, 5 * 14)


def test_a_morph_is_a_film(at, hourglass, tmp_path):
    av = pytest.importorskip("av")
    assert hourglass(f"morph vae 0 5 --frames 4 --hold 2 -o {tmp_path}/m.mp4")[0] == 0
    with av.open(str(tmp_path / "m.mp4")) as film:
        assert len(list(film.decode(video=0))) == 12


def test_a_direction_is_from_the_mean_without_to_the_mean_with(at):
    z, y = torch.randn(90, 3), torch.arange(90) % 3
    z[:, 0] = torch.linspace(-1, 1, 90)
    x = (torch.linspace(0, 255, 90).to(torch.uint8)[:, None, None, None].expand(90, 4, 4, 1))
    source = split(from_array(x.numpy()), {}, 0)
    codes = TrainingCodes(z, y, torch.arange(90))
    found = find_attribute("b", codes, ("a", "b", "c"), lambda: source)
    truth = z[y == 1].mean(0) - z[y != 1].mean(0)
    np.testing.assert_allclose(found.direction, truth.numpy(), atol=1e-6)
    brighter = find_attribute("brightness", codes, ("a", "b", "c"), lambda: source).direction
    assert brighter[0] == pytest.approx(1.5, abs=0.05)   # the last quarter less the first one
    model = hg.load("vae")
    images = model.decode(np.stack([-1, 1]).reshape(2, 1) * chosen_attributes(
        model, ["lying"])[0].direction)
    upright, lies = images.mean((2, 3)).var(1) - images.mean((1, 3)).var(1)
    assert lies > upright   # rows differ more than columns


def test_measures_measure_what_they_are_called():
    leaning = torch.zeros(2, 1, 20, 20)
    for row in range(20):
        leaning[0, 0, row, 19 - row] = 1       # towards the top right
        leaning[1, 0, row, row] = 1
    assert slant(leaning)[0] > 0 > slant(leaning)[1]
    wide = torch.zeros(2, 1, 20, 20)
    wide[0, 0, 10, 2:18] = 1
    wide[1, 0, 10, 9:11] = 1
    assert width(wide)[0] > width(wide)[1]
    assert set(MEASURED) >= {"brightness", "contrast", "width", "slant", "warmth"}


@pytest.mark.parametrize("more", ["", "--attribute brightness,slant", "--attribute lying -o {}.gif",
                                  "--having photos/upright --lacking photos/lying"])
def test_an_image_is_varied(runs, here, hourglass, tmp_path, more):
    out = f"{tmp_path}/v"
    more = more.format(out) if "-o" in more else f"{more} -o {out}.png"
    code, _, err = hourglass(f"vary {runs}/vae 3 {more}")
    assert code == 0, err
    assert Image.open(f"{out}.{'gif' if 'gif' in more else 'png'}").size[0] > 50


def test_runs_are_compared_on_the_same_samples(at, hourglass, tmp_path):
    code, out, err = hourglass(f"compare ae vae -o {tmp_path}/c.html")
    assert code == 0, err
    row = next(line for line in out.splitlines() if line.startswith("mse"))
    page = (tmp_path / "c.html").read_text()
    assert len(row.split()) == 3 and page.count("<img") > 8 and "src=\"http" not in page


def test_a_report_with_other_priors_looks_again(at, hourglass, few_figures):
    code, _, err = hourglass("report cvae --priors own;per_class(scale=0.5)")
    assert code == 0, err
    metrics = hg.load("cvae").folder.read_record()["metrics"]
    assert "per_class(scale=0.5)/frechet" in metrics and "kde/frechet" not in metrics


def test_draws_are_judged_by_the_features_of_an_onnx_file(at, hourglass, few_figures):
    from hourglass.inference.onnx_export import export
    Path("net.onnx").write_bytes(export("vae", "encoder"))   # any network of images will do
    code, _, err = hourglass("report cvae --priors own --features net.onnx")
    assert code == 0, err
    kept = hg.load("cvae").folder.snapshot
    snapshot = load_snapshot(kept)
    assert snapshot.judge.startswith("net: ") and "12x12" in snapshot.judge
    codes = hg.load("vae").encode(snapshot.x)
    np.testing.assert_allclose(snapshot.features, codes, atol=2e-2)   # kept in 16 bits
    Path("bad.onnx").write_bytes(b"no network")
    for name, words in (("bad.onnx", "is not an ONNX network"), ("gone.onnx", "there is no file")):
        code, _, err = hourglass(f"report cvae --features {name}")
        assert code == 2 and words in err, err


BAD = [
    ("generate vae --class sitting --prior kde", "not trained on a class 'sitting'"),
    ("generate vae --prior own --class lying", "has classes"),
    ("generate vae --prior mixtur", "did you mean 'mixture'"),
    ("generate vae --prior kde(0)", "above 0"),
    ("generate vae -o s.xyz", "neither a picture"),
    ("generate vae --nearest -o s.npy", "--nearest makes one picture"),
    ("generate vae --radius a,b", "0.5,1,2"),
    ("generate vae --radius -1", "0.5,1,2"),
    ("generate nowhere", "is not a run folder"),
    ("morph vae 0", "two images or more"),
    ("morph vae 0 999", "numbers from 0 to 39"),
    ("morph vae 0 nothing.png", "nothing.png"),
    ("morph vae 0 1 --way spheric", "did you mean 'spherical'"),
    ("morph vae 0 1 -o m.xyz", ".gif, .webp, .mp4, .png"),
    ("vary vae 0 -o m.xyz", ".gif"),
    ("generate vae --radius 1 --nearest", "--radius samples boxes"),
    ("generate ae --radius 1 --class lying", "not conditional"),
    ("generate vae --temperature inf", "100"),
    ("compare ae ae", "named twice"),
    ("morph cvae 0 1", "--class"),
    ("vary vae 0 --attribute smile", "no class and no measurement is named 'smile'"),
    ("vary vae 0 --attribute warmth", "colour"),
    ("vary vae 0 --having photos", "need each other"),
    ("vary vae 0 -o v.gif", "shows one --attribute"),
    ("compare ae", "two runs or more"),
    ("compare ae vae -o c.png", ".html"),
    ("report ae --priors nothing", "no prior is named"),
]


@pytest.mark.parametrize("command, words", BAD)
def test_what_cannot_be_done_says_why(at, hourglass, command, words):
    code, _, err = hourglass(command)
    assert code == 2 and words in err and len(err.strip().splitlines()) <= 3, err


def test_two_sets_are_not_compared(at, hourglass, tmp_path, few_figures):
    x = np.random.default_rng(0).integers(0, 255, (60, 12, 12), np.uint8)
    hg.train(x, model="ae(3)", epochs=1, out=tmp_path / "other", quiet=True)
    code, _, err = hourglass(f"compare ae {tmp_path}/other")
    assert code == 2 and "same samples" in err


def test_ctrl_c_while_a_prior_is_fitted_is_answered_in_a_line(at):
    started = Started("generate", "ae", "--prior", "flow(hidden=400)")
    started.wait_for("")   # that fitting has begun
    code, said = started.end(signal.SIGINT)
    assert code == 130 and said.strip().endswith("hourglass: interrupted")


def test_what_is_damaged_is_made_again(at, hourglass, few_figures):
    model = hg.load("ae")
    first = model.sample(3, prior="kde")
    for file in ("codes.safetensors", "snapshot.npz"):
        whole = (at / "ae" / file).read_bytes()
        (at / "ae" / file).write_bytes(whole[:len(whole) // 2])
    for file in (at / "ae" / "priors").glob("kde*"):
        file.write_bytes(b"no prior")
    assert np.array_equal(hg.load("ae").sample(3, prior="kde"), first)
    code, _, err = hourglass("report ae")
    assert code == 0, err


def test_codes_that_are_maps_decode_morph_and_vary(at, hourglass, tmp_path):
    model = hg.train(at / "bars.npz", bottleneck="identity", backbone="conv(filters=(4, 2))",
                     epochs=1, out=tmp_path / "maps", quiet=True, report=False)
    x = model.sample(3, prior="normal")
    z = model.encode(x)
    assert z.shape[1:] == model.codes().z.shape[1:] and model.decode(z).shape == x.shape
    for command in ("morph {}/maps 0 1 --way spherical", "vary {}/maps 0 --attribute slant"):
        code, _, err = hourglass(f"{command.format(tmp_path)} -o {tmp_path}/m.png")
        assert code == 0, err
    with pytest.raises(ValueError, match="codes have shape"):
        model.decode(np.zeros((2, 5)))


def test_vectors_are_drawn_and_measured(tmp_path, hourglass, few_figures):
    x = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    model = hg.train(x, model="vae(2)", epochs=1, test=0.3, out=tmp_path / "run", quiet=True)
    assert model.sample(4).shape == (4, 6)
    assert "What does it generate?" in (tmp_path / "run" / "report.html").read_text()
    code, _, err = hourglass(f"vary {tmp_path}/run 0")
    assert code == 2 and "trained on vectors" in err


@pytest.mark.parametrize("counts", [{"one": 12}, {"common": 30, "rare": 1, "two": 2}], ids=str)
def test_few_images_and_rare_classes_still_get_a_report(tmp_path, counts, monkeypatch, hourglass):
    monkeypatch.chdir(tmp_path)
    for kind, count in counts.items():
        (tmp_path / "few" / kind).mkdir(parents=True)
        for i in range(count):
            noise = np.random.default_rng(i).integers(0, 255, (8, 8, 3), np.uint8)
            Image.fromarray(noise).save(tmp_path / "few" / kind / f"{i}.png")
    for model in ("vae(3)", "ae(1)"):
        code, out, err = hourglass(f"train few --epochs 1 --model '{model}'")
        assert code == 0 and Path(out.strip()).is_file(), err


def test_codes_outlive_the_data(tmp_path, few_figures):
    x = np.random.default_rng(0).integers(0, 255, (60, 12, 12), np.uint8)
    model = hg.train(x, model="ae(3)", epochs=1, out=tmp_path / "run", quiet=True)
    assert model.sample(4, prior="mixture(2)").shape == (4, 12, 12, 1)
    (tmp_path / "run" / "codes.safetensors").unlink()
    assert model.sample(4, prior="mixture(3)").shape == (4, 12, 12, 1)   # it has the array still
    (tmp_path / "run" / "codes.safetensors").unlink()
    with pytest.raises(ValueError, match="array in memory"):
        hg.load(tmp_path / "run").sample(4, prior="mixture(4)")
