"""A training is driven to its end in one way, from the shell, from Python and by estimators."""

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

import hourglass as hg
from hourglass.core.contracts import Progress
from hourglass.run.settings import make_settings
from hourglass.sklearn import AutoencoderTransformer
from hourglass.tasks.compare_models import ComparisonPlan, compare_models
from hourglass.tasks.python_words import in_python
from hourglass.tasks.run_training import driven
from hourglass.training.setup import prepare
from hourglass.training.train import run

SMALL = {"model": "ae(2)", "backbone": "mlp(8)", "epochs": 2, "batch_size": 16}
FLAGS = "--model ae(2) --backbone mlp(8) --epochs 2 --batch-size 16"


@pytest.fixture
def data(here) -> str:
    np.save("small.npy", np.random.default_rng(0).random((40, 8, 8)).astype(np.float32))
    return "small.npy"


def plain(said: str) -> list[str]:
    """Lines without what differs from run to run: how far something is, and folders."""
    lines = [re.sub(r"by_\w+", "...", line) for line in said.splitlines()]
    return [line for line in lines if not line.startswith(("reading ", "epoch "))
            and not re.search(r": [\d,]+ of [\d,]+$", line)]


@pytest.mark.parametrize("report", [True, False])
def test_the_shell_and_python_say_the_same(report, data, hourglass, capsys, few_figures):
    flag = "" if report else " --no-report"
    code, out, by_shell = hourglass(f"train {data} {FLAGS} --out by_shell{flag}")
    assert code == 0 and out.strip() == "by_shell" + "/report.html" * report
    capsys.readouterr()
    hg.train(data, out="by_python", report=report, **SMALL)
    by_python = capsys.readouterr().err
    assert list(map(in_python, plain(by_shell))) == plain(by_python)
    assert ("writing the report ..." in by_shell) == report and "PCA" in by_shell


def test_quiet_says_nothing(data, capsys):
    hg.train(data, out="run", quiet=True, report=False, **SMALL)
    assert capsys.readouterr() == ("", "")


def test_models_that_are_compared_say_what_one_alone_does(data, hourglass, capsys):
    said = hourglass(f"train {data} {FLAGS} --out by_shell --no-report")[2]
    capsys.readouterr()
    settings = make_settings({**SMALL, "data": data})
    compare_models(ComparisonPlan(["ae(2)"], [0], settings, Path("all")))
    compared = plain(capsys.readouterr().err)
    notes = [line for line in plain(said) if "PCA" not in line and "MSE" not in line.upper()]
    assert notes and set(notes) <= set(compared)


def test_an_estimator_says_what_the_shell_does_if_it_is_verbose_alone(here, capsys):
    x = np.random.default_rng(0).normal(size=(40, 4))
    AutoencoderTransformer(2, epochs=2, verbose=1).fit(x)
    said = capsys.readouterr().err
    assert "parameters" in said and "epoch 2/2" in said
    AutoencoderTransformer(2, epochs=2).fit(x)
    assert capsys.readouterr().err == ""


def test_ctrl_c_in_python_ends_a_loop_once_the_model_is_saved(data, capsys):
    done = []
    with pytest.raises(KeyboardInterrupt):
        for name in ("first", "second"):
            hg.train(data, out=name, report=False, **{**SMALL, "epochs": 50},
                     callbacks=lambda epoch, row: os.kill(os.getpid(), signal.SIGINT))
            done.append(name)
    assert not done and not Path("second").exists()
    assert "To continue: hg.resume('first')" in capsys.readouterr().err
    model = hg.load("first")
    assert model.encode(data).shape == (40, 2) and model.codes().z.shape[1:] == (2,)
    hg.resume("first", epochs=2, quiet=True, report=False)
    assert hg.load("first").folder.read_record()["ended"] != "interrupted"


def test_events_are_lines_and_progress_in_order(data):
    training = prepare(make_settings({**SMALL, "data": data}), out="run")
    events = list(driven(training, run(training), "weights"))
    kinds = [type(event) for event in events]
    first, last = kinds.index(Progress), len(kinds) - 1 - kinds[::-1].index(Progress)
    assert first > 0 and set(kinds[first:last + 1]) == {Progress}
    assert events[:first] == training.notes and events[last].epoch == 2
    assert Path("run/model.safetensors").is_file() and not Path("run/codes.safetensors").exists()


@pytest.mark.parametrize("looks, files", [
    ("codes", {"codes.safetensors"}), ("comparison", {"codes.safetensors"}),
    ("metrics", {"codes.safetensors", "snapshot.npz"}),
    ("report", {"codes.safetensors", "snapshot.npz", "report.html"})])
def test_a_training_is_looked_at_as_far_as_is_asked(looks, files, data, few_figures):
    training = prepare(make_settings({**SMALL, "data": data}), out="run")
    lines = [event for event in driven(training, run(training), looks) if isinstance(event, str)]
    there = {path.name for path in Path("run").iterdir()}
    assert files == there & {"codes.safetensors", "snapshot.npz", "report.html"}
    assert any("PCA" in line for line in lines) == (looks != "codes")
