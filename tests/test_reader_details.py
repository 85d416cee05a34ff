"""Small things that readers of tutorials stumbled over."""

import runpy
import sys

import numpy as np
import pytest

import hourglass as hg
from hourglass.analysis.snapshot import load_snapshot


def test_a_tables_report_knows_its_columns(tmp_path):
    rows = [f"{20 + i % 40},{'male' if i % 3 else 'female'},{i * 7 % 11}" for i in range(60)]
    file = tmp_path / "people.csv"
    file.write_text("age,sex,a name that goes on and on for ever\n" + "\n".join(rows) + "\n")
    run = hg.train(file, backbone="mlp(8)", model="ae(2)", epochs=1, quiet=True,
                   out=tmp_path / "run")
    names = load_snapshot(run.folder.snapshot).columns
    assert names == ("age", "sex=female", "sex=male", "a name that goes on…")


def test_heat_maps_given_a_full_folder_name_their_own_flag(tmp_path, hourglass):
    x = np.random.default_rng(0).random((40, 6, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    run = hg.train(tmp_path / "x.npy", backbone="mlp(8)", model="ae(2)", epochs=1, quiet=True,
                   report=False, out=tmp_path / "run")
    command = (f"score {run.folder.path} {tmp_path}/x.npy --heatmaps {tmp_path}/maps "
               f"-o {tmp_path}/s.csv")
    assert hourglass(command)[0] in (0, 1)
    code, _, said = hourglass(command)
    assert code == 2 and "choose another --heatmaps" in said


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_glyph_example_prints_help(flag, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = hg.__file__.replace("hourglass/__init__.py", "examples/glyphs.py")
    monkeypatch.setattr(sys, "argv", ["glyphs.py", flag])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(path, run_name="__main__")
    assert ended.value.code == 0 and "a new folder for everything" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
