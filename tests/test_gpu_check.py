"""The script that checks and times a GPU runs all its paths without one, and survives faults."""

import sys
from pathlib import Path

import pytest
from typer.main import get_command

from hourglass.cli.main import app

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import gpu
import gpu_checks
import gpu_speed

WITHOUT = {   # commands of a run that need no device, and why
    "decompress": "decodes on the CPU in double precision, so that all machines agree",
    "export": "writes the network", "explore": "writes the network into a page"}


@pytest.fixture
def quick(tmp_path):
    return gpu.parse(["--device", "cpu", "--quick", "--data", "", "--out", str(tmp_path / "t.md")])


@pytest.mark.parametrize("name", gpu.SECTIONS)
def test_every_section_runs_on_a_cpu_and_nothing_is_wrong(name, quick):
    rows = list({**gpu_checks.SECTIONS, **gpu_speed.SECTIONS}[name](quick))
    found = [gpu.Row(name, *row) for row in rows]
    assert found and not [row.line for row in found if row.state in ("WRONG", "FAILED")]


def test_a_section_that_hangs_or_fails_is_a_row_and_not_the_end(quick):
    (row,) = gpu.rows_of("card", 0.05, quick)
    assert row.state == "SLOW"
    (row,) = gpu.rows_of("no such section", 60, quick)
    assert row.state == "FAILED" and "KeyError" in row.figure


def test_the_table_is_written_and_time_is_kept(quick, capsys, tmp_path):
    assert gpu.main(["--device", "cpu", "--quick", "--minutes", "0.1", "--only", "vq,disk",
                     "--out", str(quick.out)]) == 0
    assert quick.out.read_text().count("left out") == 2 and "no time was left" in (
        capsys.readouterr().out)


def test_what_the_machine_lacks_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setattr(gpu, "NEEDED", ("torch", "no_such_package"))
    with pytest.raises(SystemExit, match=r"lacks no_such_package.*gpu.sh fetch"):
        gpu.main(["--device", "cpu"])


def test_every_command_that_applies_a_model_takes_a_device():
    commands = {name: {p.name for p in command.params}
                for name, command in get_command(app).commands.items()}
    applied = {name for name, names in commands.items() if "run" in names}
    assert {name for name in applied if "device" not in commands[name]} == set(WITHOUT)
