"""Gaps of series are filled in, in own units, at least as well as by straight lines."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import train

from hourglass.data.split_data import Split
from hourglass.inference.series_gaps import Steps, as_steps, between, find_weights

TINY = {"model": "ae(4)", "backbone": "mlp(32)", "quiet": True, "device": "cpu"}


def waves(steps: int = 900) -> pd.DataFrame:
    """Two channels of one wave, in units far from 0 and 1."""
    at = np.arange(steps)
    noise = np.random.default_rng(0).normal(0, 0.02, (2, steps))
    wave = np.sin(at / 2)
    return pd.DataFrame({"time": pd.date_range("2024-05-01", periods=steps, freq="h"),
                         "flow": 500 + 100 * (wave + noise[0]), "heat": 20 - wave + noise[1]})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("waves")
    waves().to_csv(folder / "waves.csv", index=False)
    return train(f"series('{folder / 'waves.csv'}', window=24)", epochs=40, out=folder / "run",
                 **TINY)


def holed(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    gone = np.zeros(len(frame), bool)
    for first in (100, 300, 555, 800):
        gone[first:first + 6] = True
    return frame.assign(flow=frame.flow.mask(gone)), gone


def test_gaps_are_filled_better_than_by_straight_lines_in_own_units(run):
    frame = waves()
    given, gone = holed(frame)
    full = run.impute(given)
    assert list(full.columns) == ["time", "flow", "heat"] and full.notna().all().all()
    np.testing.assert_array_equal(full.flow[~gone], frame.flow[~gone])
    np.testing.assert_array_equal(full.time, frame.time)
    errors = {name: np.abs(x[gone] - frame.flow[gone]).mean() for name, x in {
        "ours": full.flow, "lines": given.flow.interpolate()}.items()}
    assert errors["ours"] < 0.5 * errors["lines"] and errors["ours"] < 30


def test_the_command_writes_the_series_and_says_what_filled_it(run, hourglass, tmp_path):
    given, gone = holed(waves())
    given.to_csv(tmp_path / "given.csv", index=False)
    code, out, _ = hourglass(f"impute {run.folder.path} {tmp_path / 'given.csv'} "
                             f"-o {tmp_path / 'full.csv'}")
    assert code == 0 and f"{gone.sum()} values filled in" in out and "steps before" in out
    full = pd.read_csv(tmp_path / "full.csv")
    assert len(full) == 900 and full.flow.notna().all()
    np.testing.assert_allclose(full.flow, run.impute(given).flow, rtol=1e-6)


def test_windows_of_an_array_are_filled_and_keep_their_shape(tmp_path):
    x = np.stack([waves(24 * 40)[["flow", "heat"]].to_numpy()[i * 24:][:24] for i in range(40)])
    x[3, 5:8, 0] = np.nan
    run = train(x, kind="series", epochs=2, out=tmp_path / "run", **TINY)
    full = run.impute(x)
    assert full.shape == x.shape and np.isfinite(full).all()
    known = np.isfinite(x)
    np.testing.assert_allclose(full[known], x[known], rtol=1e-5)


def test_lines_go_from_step_to_step_and_stay_in_their_unit():
    x = np.array([[np.nan], [1], [np.nan], [3], [np.nan], [np.nan], [10]], np.float32)
    steps = Steps(x, [slice(0, 5), slice(5, 7)])
    assert between(steps)[:, 0].tolist() == [1, 1, 2, 3, 3, 10, 10]
    assert steps.windows(2).tolist() == [0, 1, 2, 3, 5], "none reaches from unit to unit"


def test_a_channel_without_a_number_in_a_window_is_at_its_mean():
    steps = as_steps(np.full((2, 3, 1), np.nan, np.float32))
    assert between(steps).tolist() == [[0.0]] * 6


def test_without_validation_straight_lines_fill_in_and_that_is_said(run):
    source = run.source()
    alone: dict[str, Split] = {"train": source.splits["train"]}
    weights, _, told = find_weights(run, replace(source, splits=alone))
    assert weights.tolist() == [[0, 1, 0]] * 2 and "straight lines" in told["words"][0]


def test_what_is_no_series_is_refused(run, hourglass, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 3)))
    code, _, err = hourglass(f"impute {run.folder.path} {tmp_path / 'x.npy'} -o "
                             f"{tmp_path / 'y.csv'}")
    assert code == 2 and "Traceback" not in err


def test_the_command_fills_windows_of_an_array_into_an_array(hourglass, tmp_path):
    x = np.random.default_rng(0).normal(50, 3, (40, 12, 2)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    model = train(tmp_path / "x.npy", kind="series", epochs=1, out=tmp_path / "run", **TINY)
    gaps = x.copy()
    gaps[:, 3:5, 0] = np.nan
    np.save(tmp_path / "gaps.npy", gaps)
    wanted = model.impute(gaps)
    command = f"impute {tmp_path / 'run'} {tmp_path / 'gaps.npy'}"
    code, out, _ = hourglass(f"{command} -o {tmp_path / 'full.npy'}")
    assert code == 0 and "80 values filled in" in out
    np.testing.assert_allclose(np.load(tmp_path / "full.npy"), wanted, rtol=1e-6)
    code, _, err = hourglass(f"{command} -o {tmp_path / 'full.csv'}")
    assert code == 2 and ".npy" in err
    code, _, err = hourglass(f"embed {tmp_path / 'run'} {tmp_path / 'gaps.npy'} --nearest 1 "
                             f"-o {tmp_path / 'n.png'}")
    assert code == 2 and "-o nearest.csv" in err
    assert hourglass(f"embed {tmp_path / 'run'} {tmp_path / 'gaps.npy'} --nearest 1 "
                     f"-o {tmp_path / 'n.csv'}")[0] == 0
