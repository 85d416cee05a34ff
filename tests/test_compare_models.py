"""Models trained alike and ranked: each a run, what is there kept, what was interrupted resumed."""

import signal
import statistics
from pathlib import Path

import numpy as np
import pytest
from conftest import Started, stripes
from safetensors.torch import load_file

from hourglass.core.registry import models
from hourglass.run.folder import RunFolder
from hourglass.tasks.compare_arguments import every_model
from hourglass.tasks.ranking import COLUMNS, Measured

FAST = "--epochs 2 --batch-size 32 --backbone mlp(8) --test 0.4"
EPOCHS = 12


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("stripes.npy", stripes())
    return tmp_path


def metrics(run: str) -> dict[str, float]:
    return RunFolder(Path(run)).read_record()["metrics"]


def test_models_are_trained_alike_and_ranked(data, hourglass):
    command = (f"compare 'ae(3)' 'cvae(3)' 'vae(3)' --data stripes.npy {FAST} --seeds 0,1 "
               f"--sort mse -o out")
    code, out, err = hourglass(command)
    assert code == 0, err
    assert "cvae(3) is left out: condition 'label' needs data" in err
    head, *rows, refused, page = out.splitlines()
    assert refused.startswith("cvae(3): condition 'label' needs") and page == "out/comparison.html"
    means = {text: statistics.fmean(metrics(f"out/{run}-seed-{seed}")["mse"] for seed in (0, 1))
             for text, run in (("ae(3)", "ae-3"), ("vae(3)", "vae-3"))}
    assert [row.split()[0] for row in rows] == sorted(means, key=means.get)
    assert all(f"{means[row.split()[0]]:.4g} ±" in row for row in rows)
    assert "Frechet" in head and "active" in head and "s an epoch" in head
    settings = [Path(f"out/{run}-seed-{seed}/settings.toml").read_text()
                for run in ("ae-3", "vae-3") for seed in (0, 1)]
    assert all('backbone = "mlp(8)"' in text and "epochs = 2" in text for text in settings)
    written = Path("out/table.csv").read_text().splitlines()
    assert len(written) == 5 and written[0].startswith("model,seed,prior,mse,bce")
    page = Path("out/comparison.html").read_text()
    assert page.count("<img") >= 5 and "src=\"http" not in page and "cvae(3)" in page
    before = [load_file(f"out/ae-3-seed-{seed}/model.safetensors") for seed in (0, 1)]
    assert any((before[0][name] != before[1][name]).any() for name in before[0])

    code, out, err = hourglass(command.replace("'cvae(3)'", "'beta_vae(3)'"))
    assert code == 0, err
    assert err.count("it is finished already") == 4 and len(out.splitlines()) == 5
    code, _, err = hourglass(command.replace("--epochs 2", "--epochs 3"))
    assert code == 2 and "trained with epochs = 2, not 3; choose another -o" in err
    code, out, _ = hourglass("compare out/ae-3-seed-0 out/vae-3-seed-0 -o page.html")
    assert code == 0 and "page.html" in out, "they are runs like any other"


def test_ctrl_c_loses_nothing(data, hourglass):
    flags = (f"--data stripes.npy --epochs {EPOCHS} --stop none --batch-size 4 --backbone mlp(8) "
             f"--precision 32-true")
    command = ["compare", "ae(2)", "vae(2)", *flags.split(), "-o", "out"]
    started = Started(*command)
    started.wait_for("2 of 2: vae(2)")
    started.wait_for("epoch ")
    code, said = started.end(signal.SIGINT)
    assert code == 130 and "give the same command again" in said, said
    stopped = RunFolder(Path("out/vae-2-seed-0"))
    assert "metrics" not in stopped.read_record() and len(stopped.read_history()) < EPOCHS
    code, _, err = hourglass(f"compare 'ae(2)' 'vae(2)' {flags} -o out")
    assert code == 0 and err.count("it is finished already") == 1, err
    assert len(stopped.read_history()) == EPOCHS
    apart = flags.removeprefix("--data ")   # and the same by itself, never interrupted
    assert hourglass(f"train {apart} --model 'vae(2)' --no-report --out apart")[0] == 0
    a, b = (load_file(f"{run}/model.safetensors") for run in (stopped.path, "apart"))
    assert all((a[name] == b[name]).all() for name in a)


def test_what_was_trained_and_not_looked_at_is_looked_at(data, hourglass):
    command = f"compare 'ae(2)' --data stripes.npy {FAST} -o out"
    assert hourglass(command)[0] == 0
    run = RunFolder(Path("out/ae-2-seed-0"))
    record = run.read_record()
    found = record.pop("metrics")
    run.write_record(record)
    code, _, err = hourglass(command)
    assert code == 0 and "it is finished already" not in err, err
    assert run.read_record()["metrics"]["mse"] == pytest.approx(found["mse"], rel=1e-5)
    assert run.read_record()["ended"] == record["ended"]


def test_a_loss_that_is_not_finite_stops_no_other_model(data, hourglass):
    command = f"compare 'beta_vae(2, 1e39)' 'ae(2)' --data stripes.npy {FAST} -o out"
    code, out, err = hourglass(command)
    assert code == 0 and "beta_vae(2, 1e+39) is left out: the loss" in err, err
    assert out.splitlines()[1].startswith("ae(2)") and "beta_vae(2, 1e+39): the loss" in out


@pytest.mark.parametrize("command, words", [
    ("compare 'vea(16)' 'ae(16)'", "no model is named 'vea'; did you mean"),
    ("compare 'vae(dims=16)' 'ae(16)'", "vae takes no 'dims'; did you mean 'dim'?"),
    ("compare 'vae(0)'", "vae: dim must be a whole number from 1"),
    ("compare", "name two runs or more"),
    ("compare 'ae(2)' 'ae(2)'", "named twice"),
    ("compare 'ae(2)' --seeds 0,0", "such as 0,1,2, not '0,0'"),
    ("compare 'ae(2)' --seeds a", "such as 0,1,2, not 'a'"),
    ("compare 'ae(2)' --sort msee", "did you mean 'mse'"),
    ("compare 'ae(2)' --epochs 0", "epochs must be a whole number from 1"),
    ("compare 'ae(2)' --backbone cnn", "no backbone is named 'cnn'"),
    ("compare 'ae(2)' --data nothing.npy", "nothing.npy"),
    ("compare 'ae(2)' -o .", "exists and is not empty"),
    ("compare 'ae(2)' -o page.html", "a folder"),
    ("compare --models all 'ae(2)'", "leave out the others"),
    ("compare 'cvae(2)'", "no model could be trained: condition 'label' needs"),
    ("compare runs/1 'ae(2)'", "runs/1 is not a run folder"),
    ("compare run 'ae(2)'", "run is a run, but ae(2) is a model to train"),
    ("compare run run2 --epochs 3", "--epochs applies only when models"),
    ("compare run nothing", "nothing is not a run folder")])
def test_what_cannot_be_compared_says_why(command, words, data, hourglass):
    for name in ("run", "run2"):
        Path(name).mkdir()
        for file in ("settings.toml", "run.json"):
            (Path(name) / file).write_text("")
    if "--data" not in command and "run" not in command and "compare '" in command:
        command += " --data stripes.npy"
    code, _, err = hourglass(command)
    last = err.strip().splitlines()[-1]
    assert code == 2 and words in last and "Traceback" not in err, err
    assert not list(Path().glob("comparison/*/model.safetensors"))


def test_all_means_every_registered_model():
    texts = every_model(5)
    assert [text.partition("(")[0] for text in texts] == list(models.parts)
    assert {"ae(5)", "vae(5)"} <= set(texts)
    for text in texts:
        models.make(text)


def test_figures_over_seeds_are_means_and_standard_deviations():
    assert str(Measured((1.0, 2.0, 4.0))) == "2.333 ±1.5"
    assert str(Measured((12345.0, 12345.0))) == "12,345" and str(Measured(())) == "-"
    assert all(column.title and column.about for column in COLUMNS.values())
