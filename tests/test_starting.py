"""What a command imports: no more than it needs, for imports are most of a short command's time."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SLOW, stripes, train
from typer.main import get_command

from hourglass.cli.main import app
from hourglass.cli.named_command import with_named_command
from hourglass.data.read_image import Reading
from hourglass.data.sources.standard_sets import digits
from hourglass.run.settings import Settings, make_settings

HEAVY = {"torch", "numpy", "pydantic", "sklearn", "scipy", "pandas", "matplotlib", "PIL", "rich",
         "lightning_fabric", "safetensors", "zuko", "jinja2"}
UNUSED = {"sklearn", "pandas", "matplotlib", "lightning_fabric", "zuko", "jinja2", "tensorboardX",
          "torch._dynamo", "torch._inductor", "scipy.stats"}   # by what only applies a model
DRAWS = {"sklearn", "pandas", "matplotlib", "scipy.stats"}   # or compares with classifiers
WATCH = """
import json, sys
from hourglass.__main__ import main
imported = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["hourglass", *words]
    try:
        main()
    except SystemExit as end:
        assert end.code in (None, 0, 1), (words, end.code)   # score: 1 where some are abnormal
    imported.append(sorted(sys.modules))
print(json.dumps(imported))
"""


def modules_after(*commands: str) -> list[set[str]]:
    """What a new process has imported after each of these commands in turn."""
    words = json.dumps([shlex.split(command) for command in commands])
    done = subprocess.run([sys.executable, "-c", WATCH, words], capture_output=True, text=True,
                          check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return [set(names) for names in json.loads(done.stdout.splitlines()[-1])]


def test_the_help_imports_nothing_heavy():
    top, train_help = modules_after("--help", "train --help")
    assert not HEAVY & top
    assert not (HEAVY - {"pydantic"}) & train_help   # typer's own use of it


def test_the_package_imports_nothing_but_itself():
    script = ("import sys; before = set(sys.modules); import hourglass; "
              "print(*{name.partition('.')[0] for name in set(sys.modules) - before})")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          check=True)
    assert set(done.stdout.split()) - sys.stdlib_module_names == {"hourglass"}


def test_training_and_applying_a_small_model_import_neither_scikit_learn_nor_matplotlib(
        tmp_path, monkeypatch, hourglass):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", stripes(40))
    train("x.npy", model="ae(2)", backbone="mlp(8)", epochs=1, out="run")
    commands = ["embed run x.npy", "reconstruct run x.npy -o again", "score run x.npy",
                "generate run -n 2 -o drawn.png",
                "train x.npy --model ae(2) --backbone mlp(8) --epochs 1 --no-report -o second"]
    for command in commands[2:4]:
        hourglass(command)   # which fits a detector and a prior, and keeps them with the run
    for command, modules in zip(commands, modules_after(*commands), strict=True):
        assert not (DRAWS if command.startswith("train") else UNUSED) & modules, command


def commands_of(group) -> dict:
    """Every command of the app by the words that name it."""
    found = {}
    for name, command in group.commands.items():
        found[name] = command
        found |= {f"{name} {inner}": c for inner, c in getattr(command, "commands", {}).items()}
    return found


@pytest.mark.parametrize("words", ["", *commands_of(get_command(app))])
def test_the_help_is_that_of_the_whole_command_line(words, capsys):
    said = []
    for command_line in (app, with_named_command(app, words.split())):
        command_line([*words.split(), "--help"], prog_name="hourglass", standalone_mode=False)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and "Usage: hourglass" in said[0]


def test_a_command_that_is_not_there_is_answered_with_the_nearest(hourglass):
    code, _, err = hourglass("recontruct run photos/")
    assert code == 2 and "'reconstruct'" in err


def test_the_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits
    bunch, ours = load_digits(), digits(Reading())
    assert np.array_equal(ours.x[..., 0], np.rint(bunch.images * (255 / 16)))
    assert ours.y.dtype == np.int64 and np.array_equal(ours.y, bunch.target)


def test_settings_are_checked_when_they_are_made_and_keep_their_table():
    settings = make_settings({"size": 64, "epochs": "3", "val": "test"})
    assert (settings.size, settings.epochs, settings.val) == ("64", 3, "test")
    assert list(settings.model_dump()) == list(Settings.model_fields)
    assert Settings.model_fields["begin"].flag == "--from"
    assert Settings.model_fields["batch_size"].flag == "--batch-size"
    assert hash(settings) == hash(settings.with_())
    with pytest.raises(ValueError, match="seed must be a whole number from 0 below 2,147,483,648"):
        settings.with_(seed=-1)


def test_every_slow_test_is_there():
    tests = Path(__file__).parent
    for line in (tests / "slow.txt").read_text().split():
        file, _, name = line.partition("::")
        assert f"\ndef {name}(" in (tests / file).read_text() or not name, line
        assert not name or file not in SLOW, f"{line}: the whole file is named, too"
