"""The README and the docs tell the truth: their commands run, their pages are those of the code."""

import importlib
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import run_code
from wings import tree

from hourglass.run.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.startswith("hourglass")]


def shortened(command: str) -> str:
    """A command of the README, cut to seconds; reports and heat maps have tests of their own."""
    if command.startswith("hourglass train"):
        return f"{command} --minutes 0.02 --no-report"
    return command.replace("--epochs 3", "--epochs 1").replace(" --heatmaps heat/", "")


def test_every_command_of_the_readme_runs_in_order(here, hourglass):
    assert len(commands()) >= 8 and len(README.splitlines()) <= 150
    for command in commands():
        code, _, err = hourglass(shortened(command).removeprefix("hourglass "))
        assert code == 0 or (code == 1 and "score" in command), f"{command}: {err}"


def test_the_python_of_the_readme_runs(here):
    for block in blocks("python"):
        code = block.replace("epochs=40", "epochs=1, report=False")
        code, _, err = run_code(code)
        assert code == 0, err


def test_the_example_of_glyphs_runs(here, hourglass, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    import glyphs
    assert glyphs.draw_all(here / "scans") == 70
    for command in glyphs.COMMANDS:   # the same with fewer glyphs, for a moment
        short = command.replace("10000", "140").replace("--epochs 30", "--epochs 1 --no-report")
        code, _, err = hourglass(short)
        assert code == 0, f"{short}: {err}"
    assert Path("morph.gif").exists() and Path("vary.png").exists()


@pytest.mark.parametrize("name", ["names", "readings"])
def test_the_examples_of_sequences_run(here, hourglass, monkeypatch, name):
    monkeypatch.syspath_prepend(ROOT / "examples")
    example = importlib.import_module(name)
    example.write(here)
    for command in example.COMMANDS:   # the same with one epoch
        short = command.replace("--minutes 1", "--epochs 1 --no-report").replace("--epochs 25", "")
        code, _, err = hourglass(short)
        assert code == 0 or (code == 1 and "score" in command), f"{short}: {err}"


def test_the_tree_of_the_readme_is_the_list_of_wings():
    (shown,) = [b for b in blocks("text") if "core/" in b]
    assert textwrap.indent(tree(), "  ") in shown


def test_the_docs_are_those_of_the_code(tmp_path):
    subprocess.run([sys.executable, ROOT / "docs" / "write.py", tmp_path], check=True)
    pages = [page for page in tmp_path.rglob("*") if page.is_file()]
    assert len(pages) > 20
    for page in pages:
        name = page.relative_to(tmp_path)
        assert (ROOT / "docs" / name).read_text() == page.read_text(), (
            f"{name} is out of date: make docs")


def test_every_setting_has_a_description():
    for name, setting in Settings.model_fields.items():
        assert setting.description, name


@pytest.mark.parametrize("target", ["demo", "test", "check", "docs", "site", "bench",
                                    "install"])
def test_the_makefile_lists_its_targets(target):
    done = subprocess.run(shlex.split(f"make -s -C {ROOT} help"), capture_output=True, text=True)
    assert re.search(rf"^{target} ", done.stdout, re.MULTILINE)
