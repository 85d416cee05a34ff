"""Parts of an installed package: found by its entry points, in every process."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import stripes

import hourglass as hg

PARTS = '''
import hourglass as hg


@hg.register("loss", "installed_size")
def size(out, model, power=2):
    """How large the codes are."""
    return out.latent.z.abs().pow(power).sum(1)
'''
INFO = {"METADATA": "Metadata-Version: 2.1\nName: tiny-parts\nVersion: 0.1\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": "[hourglass.parts]\ntiny = tiny_parts\nbroken = tiny_parts_broken\n"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder into which pip has installed a package of one file of parts, and one that fails."""
    place = tmp_path_factory.mktemp("installed")
    wheel = place / "tiny_parts-0.1-py3-none-any.whl"
    files = {"tiny_parts.py": PARTS, "tiny_parts_broken.py": "raise RuntimeError('no such card')\n",
             **{f"tiny_parts-0.1.dist-info/{name}": text for name, text in INFO.items()}}
    record = "tiny_parts-0.1.dist-info/RECORD"
    with zipfile.ZipFile(wheel, "w") as file:
        for name, text in {**files, record: "".join(f"{name},,\n" for name in [*files, record])
                           }.items():
            file.writestr(name, text)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
                    "--target", place / "site", wheel], check=True)
    return place / "site"


def test_a_term_of_an_installed_package_trains_and_a_broken_one_is_left_out(installed, tmp_path):
    run = tmp_path / "run"
    np.save(tmp_path / "x.npy", stripes(40))
    path = os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-m", "hourglass", "train", str(tmp_path / "x.npy"), "--loss",
         "recon + 0.1 * installed_size(power=1)", "--model", "ae(2)", "--backbone", "mlp((8,))",
         "--epochs", "1", "--no-report", "--out", str(run)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    assert "broken" in done.stderr and "no such card" in done.stderr
    assert "train_installed_size" in (run / "history.csv").read_text().splitlines()[0]
    with pytest.raises(ValueError, match=r"the term installed_size \(.*tiny_parts\.py\)"):
        hg.resume(run, epochs=2, quiet=True)   # in this process, which lacks the package
