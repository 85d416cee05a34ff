"""Every command does its work, as a person types it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import draw
from PIL import Image

FAST = "--epochs 2 --batch-size 16 --model 'ae(4)'"


def test_help_has_an_example_for_every_command(hourglass):
    assert "hourglass train digits" in hourglass("--help")[1]
    for command in ("train", "summary", "report", "reconstruct", "generate", "explore", "list",
                    "data prepare", "data augment", "data show"):
        assert f"hourglass {command}" in hourglass(f"{command} --help")[1]


def test_the_version_is_told_and_no_command_gets_the_help(hourglass):
    assert re.match(r"\d+\.\d+", hourglass("--version")[1])
    code, out, _ = hourglass("")
    assert code == 0 and "Commands:" in out and out.count("\n") > 8


def test_train_leaves_everything_a_person_looks_for(here, hourglass):
    code, out, err = hourglass(f"train photos/ --out run {FAST}")
    assert code == 0 and out.strip() == "run/report.html"
    assert re.search(r"epoch 2/2 .*val loss .*samples/s", err)
    assert {p.name for p in Path("run").iterdir()} >= {
        "settings.toml", "run.json", "history.csv", "model.safetensors", "checkpoint.safetensors",
        "report.html", "figures", "snapshot.npz", "frames"}
    record = json.loads(Path("run/run.json").read_text())
    assert record["data"]["splits"] == {"train": 32, "val": 4, "test": 4}
    assert record["environment"]["versions"]["torch"] and record["metrics"]["mse"] > 0
    with Image.open("run/figures/training.gif") as moving:
        assert moving.n_frames == 2
    _stands_alone()


def _stands_alone() -> None:
    """The report."""
    page = Path("run/report.html").read_text()
    assert page.count("data:image/png;base64,") >= 4 and "data:image/gif;base64," in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
    for word in ("Did it learn?", "Does it reconstruct?", "How to repeat it", "settings.toml"):
        assert word in page


def test_a_report_is_drawn_again_without_model_and_data(here, hourglass, few_figures):
    hourglass(f"train photos/ --out run {FAST}")
    first = Path("run/figures/reconstructions.png").read_bytes()
    for gone in ("run/model.safetensors", "run/checkpoint.safetensors", "run/report.html"):
        Path(gone).unlink()
    for file in Path("photos").rglob("*.png"):
        file.unlink()
    assert hourglass("report run")[0] == 0
    assert Path("run/report.html").exists()
    assert Path("run/figures/reconstructions.png").stat().st_size == pytest.approx(
        len(first), rel=0.1)


def test_a_run_that_was_killed_before_its_report_gets_it_from_weights_and_data(here, hourglass,
                                                                              few_figures):
    hourglass(f"train --no-report photos/ --out run {FAST}")
    assert not Path("run/snapshot.npz").exists()
    assert hourglass("report run")[0] == 0 and Path("run/snapshot.npz").exists()


def test_a_snapshot_of_an_older_version_is_taken_anew(here, hourglass, few_figures):
    hourglass(f"train --no-report photos/ --out run {FAST}")
    np.savez("run/snapshot.npz", x=np.zeros((2, 16, 16, 3)), samples=np.zeros(3))
    assert hourglass("report run")[0] == 0
    assert "recon" in np.load("run/snapshot.npz")


def test_runs_are_numbered(here, hourglass):
    assert [hourglass(f"train --no-report images.npy {FAST}")[1].strip() for _ in range(2)] == [
        "runs/1", "runs/2"]


def test_a_run_is_repeated_from_its_own_settings(here, hourglass):
    hourglass(f"train --no-report photos/ --out a {FAST}")
    hourglass("train --no-report --recipe a/settings.toml --out b")
    a, b = (Path(p, "model.safetensors").read_bytes() for p in "ab")
    assert a == b


def test_flags_override_a_recipe(here, hourglass):
    Path("r.toml").write_text('data = "images.npy"\nepochs = 50\nmodel = "vae(2)"\n')
    hourglass("train --no-report --recipe r.toml --epochs 1 --out run")
    settings = Path("run/settings.toml").read_text()
    assert "epochs = 1\n" in settings and 'bottleneck = "gaussian(2)"' in settings


def test_resume_goes_on_for_more_epochs(here, hourglass):
    hourglass(f"train --no-report photos/ --out run {FAST}")
    assert hourglass("train --no-report run --resume")[0] == 2
    code, _, err = hourglass("train --no-report run --resume --epochs 3")
    assert code == 0 and "epoch 3/3" in err and "epoch 2/3" not in err


def test_reconstruct_writes_a_picture_for_every_image(here, hourglass):
    hourglass(f"train --no-report photos/ --out run {FAST}")
    draw("lying", 3, size=50).save("photos/other.jpg")
    code, out, _ = hourglass("reconstruct run photos/ -o again/")
    assert code == 0 and out.startswith("41 images in again")
    assert Image.open("again/upright/000.png").size == (16, 16)
    assert Image.open("again/other.jpg.png").size == (16, 16)
    assert hourglass("reconstruct run photos.zip -o zipped")[0] == 0
    assert hourglass("reconstruct run photos/other.jpg -o one")[0] == 0
    assert Image.open("one/other.jpg.png").size == (16, 16)


def test_summary_takes_what_train_takes(here, hourglass):
    code, out, _ = hourglass("summary photos/ --size 8 --model 'vae(3)' --batch-size 7")
    assert code == 0 and "encoder in total" in out and "batch 7" in out


def test_an_option_that_is_given_again_is_said(here, hourglass):
    code, _, said = hourglass("summary digits --backbone mlp --backbone conv --dim 2 --dim=3")
    assert code == 0 and "--dim is given 2 times, and the last one counts" in said
    assert said.count("is given 2 times") == 2
    _, _, said = hourglass("data show digits --range 0,1 --range=0,1")
    assert "--range is given 2 times" in said


def test_summary_of_a_run_is_that_of_its_model(here, hourglass):
    hourglass(f"train --no-report photos/ --out run {FAST}")
    code, out, _ = hourglass("summary run")
    assert code == 0 and "bottleneck.reduce" in out and "3x16x16" in out


def test_list_names_every_part_with_its_arguments(hourglass):
    out = hourglass("list")[1]
    for text in ("gaussian(dim=16, ", "keras_conv_ae", "one_cycle(", "digits", "reconstructions"):
        assert text in out
    assert hourglass("list model")[1] == hourglass("list models")[1]


def test_vectors_train_too(here, hourglass):
    np.save("v.npy", np.random.default_rng(0).normal(size=(80, 6)))
    code, _, err = hourglass(f"train --no-report v.npy --out run {FAST}")
    assert code == 0 and "mlp" in err and "normal" in err
    assert hourglass("reconstruct run v.npy -o again.npy")[0] == 0
    assert np.load("again.npy").shape == (80, 6)


def test_tensorboard_gets_the_losses(here, hourglass):
    assert hourglass(f"train --no-report images.npy --out run --tensorboard {FAST}")[0] == 0
    assert list(Path("run/tensorboard").glob("events*"))


@pytest.mark.parametrize("data, colour", [("odd", True), ("odd", False)])
def test_odd_sizes_and_one_image_train(data, colour, here, hourglass):
    Path(data).mkdir()
    draw("lying", 1, size=31, colour=colour).crop((0, 0, 31, 17)).save("odd/a.png")
    code, _, err = hourglass(f"train --no-report {data} --out run {FAST}")
    assert code == 0 and f"{3 if colour else 1}x17x31" in err


def test_what_trains_nothing_does_not_wait_for_what_trains():
    code = ("import sys, hourglass.cli.main, hourglass.analysis.report, hourglass.tasks.generate\n"
            "assert 'lightning_fabric' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("command", ["score RUN x.npy", "embed RUN x.npy", "generate RUN",
                                     "explore RUN", "compress RUN x.npy", "data show x.npy",
                                     "data prepare x.npy", "data augment x.npy"])
def test_an_output_that_cannot_be_written_is_refused_before_any_work(here, hourglass, command):
    Path("file").write_text("no folder")
    code, out, err = hourglass(f"{command} -o file/deep/result.csv")   # there is not even a RUN
    assert code == 2 and not out
    assert err.startswith("hourglass: ") and "file is a file, so file/deep/result.csv" in err
