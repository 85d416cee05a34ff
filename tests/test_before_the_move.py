"""What was made before the modules moved (commit 092df35) still loads, and gives the same."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import stripes

import hourglass as hg

KEPT = Path(__file__).parent / "before_the_move"
RIGHT = dict(np.load(KEPT / "right.npz"))   # of the first five samples, by the code of that commit


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A copy of the run, and the data that its settings name."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", stripes())
    return shutil.copytree(KEPT / "vae", "run")


def test_a_run_gives_the_same_codes_reconstructions_and_samples(run):
    model = hg.load(run)
    found = {"codes": model.encode(stripes()[:5]), "recon": model.reconstruct(stripes()[:5]),
             "sample": model.sample(3, seed=1)}
    for name, values in found.items():
        np.testing.assert_allclose(values, RIGHT[name], rtol=1e-4, atol=1e-5)


def test_a_run_keeps_what_was_fitted_for_it(run):
    before = {path: path.read_bytes() for path in Path(run).rglob("*.safetensors")}
    model = hg.load(run)
    model.score(stripes()[:5])
    model.sample(2, prior="mixture(2)")
    assert before == {path: path.read_bytes() for path in before}
    assert len(before) > 5


def test_a_run_is_trained_further_and_reported(run):
    more = hg.resume(run, epochs=3, quiet=True, report=False)
    assert more.history["epoch"].tolist() == [1, 2, 3]
    assert more.metrics["mse"][0] > 0


@pytest.mark.parametrize("name", ["transformer", "detector"])
def test_the_pickle_of_an_estimator_loads_and_gives_the_same(name):
    estimator = pickle.loads((KEPT / f"{name}.pickle").read_bytes())
    rows = stripes().reshape(60, -1).astype("float32")[:5] / 200
    use = estimator.transform if name == "transformer" else estimator.score_samples
    np.testing.assert_allclose(use(rows), RIGHT[name], rtol=1e-4, atol=1e-5)
