"""Series are forecast by the model, by the season before and by the last value."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import train

import hourglass as hg
from hourglass.inference.forecasting import (
    Forecaster,
    _periods,
    by_season,
    fit_forecaster,
    forecast,
)
from hourglass.model.corruptions import corrupter

STEPS, WINDOW = 600, 48


def frame(units: int = 0) -> pd.DataFrame:
    """A wave of 12 steps and a slow walk, with a gap, for one unit or several."""
    random, t = np.random.default_rng(0), np.arange(STEPS)
    one = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=STEPS, freq="h"),
                        "wave": np.sin(2 * np.pi * t / 12) + 0.05 * random.normal(size=STEPS),
                        "walk": random.normal(size=STEPS).cumsum()})
    one.loc[50:53, "wave"] = np.nan
    if not units:
        return one
    return pd.concat([one.assign(unit=f"u{i}") for i in range(units)], ignore_index=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with series and runs on them."""
    folder = tmp_path_factory.mktemp("forecast")
    for name, units, options in (("one", 0, ""), ("units", 3, ", id='unit'")):
        frame(units).to_csv(folder / f"{name}.csv", index=False)
        train(f"series('{folder / name}.csv', window={WINDOW}{options})", out=folder / name,
              model="ae(4)", backbone="mlp(16)", corruption="future(12)", epochs=2, quiet=True)
    return folder


@pytest.fixture
def run(place) -> hg.Model:
    return hg.load(place / "one")


def test_a_season_repeats_the_last_one_and_of_one_step_the_last_value():
    window = np.arange(10.0).reshape(1, 10, 1).repeat(2, 2)
    window[:, 6:] = np.nan
    found = by_season(window, 4, np.array([3, 1]))
    assert found[0, 6:, 0].tolist() == [3, 4, 5, 3] and found[0, 6:, 1].tolist() == [5, 5, 5, 5]
    assert np.array_equal(found[:, :6], window[:, :6])


@pytest.mark.parametrize("period", [5, 12])
def test_the_season_of_a_wave_is_found(period):
    t = np.arange(60) + np.arange(30)[:, None]
    waves = np.sin(2 * np.pi * t / period)[..., None]
    assert _periods(waves, 15).tolist() == [period]


def test_later_steps_are_forecast_from_earlier_ones(run):
    """With the season alone, a wave without noise goes on however far."""
    t = np.arange(WINDOW + 100)
    wave = np.sin(2 * np.pi * t / 12).astype(np.float32)[None, :, None].repeat(2, 2)
    season = Forecaster(np.tile([0, 1, 0], (2, 1)), np.array([12, 12]), 12, "season", 1, {})
    found = forecast(run.trained, season, wave[:, :WINDOW], 100)
    assert found.shape == (1, 100, 2) and np.allclose(found, wave[:, WINDOW:], atol=1e-5)


def test_the_mix_is_no_worse_on_validation_windows_than_each_way(run):
    source = run.source()
    del source.splits["test"]   # so that it is measured where it was chosen
    table = fit_forecaster(run.trained, source, 12).measurements["rows"]
    for name, what, *errors, _ in table:
        *each, mixed = map(float, errors)
        assert what == "RMSE" and mixed <= 1.001 * (min(each) if name == "wave" else each[2])


def test_a_series_goes_on_at_its_pace_and_keeps_what_was_observed(run, place):
    before = pd.read_csv(place / "one.csv", parse_dates=["time"])
    after = run.forecast(str(place / "one.csv"), ahead=30)
    assert list(after.columns) == ["time", "wave", "walk"] and len(after) == 30
    assert (after["time"].diff().dropna() == pd.Timedelta(hours=1)).all()
    assert after["time"].iloc[0] - before["time"].iloc[-1] == pd.Timedelta(hours=1)
    wave = np.sin(2 * np.pi * np.arange(STEPS, STEPS + 30) / 12)
    assert np.square(after["wave"] - wave).mean() < 0.2 * np.square(wave).mean()
    pd.testing.assert_frame_equal(after, run.forecast(before, ahead=30))


@pytest.mark.parametrize("name", ["one", "units"])
def test_the_command_writes_the_whole_series_and_says_how_good_it_is(name, place, hourglass,
                                                                     monkeypatch):
    monkeypatch.chdir(place)
    code, out, err = hourglass(f"impute {name} {name}.csv --ahead 30 -o {name}-next.csv")
    assert code == 0, err
    assert "season before" in out and "30 steps are forecast 24 at a time" in out
    before, whole = pd.read_csv(f"{name}.csv"), pd.read_csv(f"{name}-next.csv")
    units = 3 if name == "units" else 1
    assert len(whole) == len(before) + 30 * units and not whole.isna().any(axis=None)
    if name == "units":
        assert whole["unit"].value_counts().tolist() == [STEPS + 30] * 3
    else:
        known = before["wave"].notna()
        assert np.allclose(whole["wave"][:STEPS][known], before["wave"][known])


def test_units_that_are_too_short_are_said_in_python_too(place, capsys):
    some = frame(2)
    some = some[(some["unit"] == "u0") | (some.index % STEPS < WINDOW - 1)]
    after = hg.load(place / "units").forecast(some, ahead=3)
    assert after["unit"].tolist() == ["u0"] * 3
    assert f"1 unit is shorter than a window of {WINDOW} steps" in capsys.readouterr().err


def test_windows_go_on(tmp_path):
    t = np.arange(WINDOW) + np.arange(60)[:, None]
    x = np.sin(2 * np.pi * t / 12).astype(np.float32)[..., None]
    model = train(x, kind="series", model="ae(4)", backbone="mlp(16)", epochs=1, val=10, test=10,
                  out=tmp_path / "run", quiet=True)
    assert model.forecast(x[:5], ahead=7).shape == (5, 7, 1)
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(ValueError, match="number of steps from 1"):
        model.forecast(x, ahead=0)


@pytest.mark.parametrize("words, settings", [
    ("only series are forecast", {"data": "table"}), ("--val 0", {"val": 0.0})])
def test_what_cannot_be_forecast_is_refused(words, settings, place, tmp_path, hourglass):
    table = settings.pop("data", "") == "table"
    data = str(place / "one.csv") if table else f"series('{place / 'one.csv'}', window=24)"
    train(data, model="ae(2)", backbone="mlp(8)", epochs=1, out=tmp_path / "run", quiet=True,
          **settings)
    code, out, err = hourglass(f"impute {tmp_path / 'run'} {place / 'one.csv'} --ahead 3 "
                               f"-o {tmp_path / 'z.csv'}")
    assert code == 2 and words in err and not (tmp_path / "z.csv").exists(), out


def test_the_future_of_a_window_is_hidden_and_only_that():
    x = torch.rand(3, 2, 10) + 1
    found = corrupter("future(4)").apply(x)
    assert torch.equal(found.x[..., :6], x[..., :6]) and not found.x[..., 6:].any()
    assert found.hidden[..., 6:].all() and not found.hidden[..., :6].any()
    with pytest.raises(ValueError, match="windows of series with more than 10 steps"):
        corrupter("future(10)")(x)
