"""The next steps of series: by the model, by the season before, and by the last value.

Each channel weighs the three as suits it best, found on the last steps of validation windows. The
model sees a window whose end is unknown, and reconstructs it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.contracts import Collection
from ..data.split_data import Source
from .filling_weights import choose_weights
from .hidden_cells import Hidden, blended, rows_of
from .model_protocol import InUse
from .series_gaps import ROUNDS, WINDOWS, as_steps, between, measured_channels, unbounded_columns

WAYS = ("model", "season before", "last value")   # of a forecast, in order
STARTS = ("season", "mean")   # what stands in the unknown steps at first
ALIKE = 1.01                  # seasons whose error is at most this many times the least are alike
PART = 2                      # at most a window's length over this is forecast at once


@dataclass(frozen=True)
class Forecaster:
    """How a run forecasts its series."""

    weights: np.ndarray   # (C, 3) of WAYS
    periods: np.ndarray   # (C,) steps of a season; 1: none was found
    block: int            # steps that are forecast at once
    start: str            # one of STARTS
    rounds: int           # of the model
    measurements: dict[str, Any]  # measurements


def forecast(model: InUse, fitted: Forecaster, past: np.ndarray, ahead: int) -> np.ndarray:
    """The next steps (N, ahead, C) of windows (N, W, C) without gaps, both on the model's scale.
    Later steps are forecast from earlier ones."""
    columns = unbounded_columns(past.shape[2])
    whole = past
    for _ in range(-(-ahead // fitted.block)):
        window = _ahead_of(whole, past.shape[1], fitted.block)
        ways = _ways(model, window, fitted.block, fitted.periods, fitted.start, fitted.rounds)
        flat = [way.reshape(-1, past.shape[2]) for way in ways]
        full = blended(window.reshape(flat[0].shape), flat, fitted.weights, columns)
        whole = np.concatenate([whole, full.reshape(window.shape)[:, -fitted.block:]], 1)
    return whole[:, past.shape[1]:past.shape[1] + ahead]


def fit_forecaster(model: InUse, source: Source, ahead: int) -> Forecaster:
    """Choose the weights, the seasons and the rounds for that many steps on validation windows, and
    measure them on test windows. Raises ValueError without validation windows."""
    if "val" not in source.splits:
        raise ValueError("a forecast weighs the model and the season by validation windows, and "
                         "this run has none (--val 0); train it with --val 0.1")
    block = min(ahead, max(1, model.shape[-1] // PART))
    periods = _periods(rows_of(source, "train", WINDOWS).x, block)
    val = _hidden(source, "val", block)

    def ways(of: Hidden, start: str, rounds: int) -> list[np.ndarray]:
        window = of.holed.x.reshape(-1, model.shape[-1], model.shape[0])
        return [_flat(way) for way in _ways(model, window, block, periods, start, rounds)]
    tried = {(start, rounds): val.error(ways(val, start, rounds)[0])
             for start in STARTS for rounds in ROUNDS}
    start, rounds = min(tried, key=lambda way: tried[way])
    weights = choose_weights(val, ways(val, start, rounds))
    name = "test" if "test" in source.splits else "val"
    unseen = _hidden(source, name, block)
    measures = measured_channels(unseen, ways(unseen, start, rounds), weights,
                                 model.description.encoding, WAYS, "forecast")
    count = len(np.unique(unseen.rows))
    measures["words"] = [f"The last {block} steps of {count:,} {name} windows were forecast. What "
                         f"forecasts each channel was chosen on validation windows."]
    return Forecaster(weights, periods, block, start, rounds, measures)


def by_season(window: np.ndarray, block: int, periods: np.ndarray) -> np.ndarray:
    """Windows (N, W, C) whose last `block` steps are those of one season before; with a season of
    one step, the last known value."""
    known, predicted = window.shape[1] - block, window.copy()
    for channel, period in enumerate(periods):
        at = known - period + np.arange(block) % period
        predicted[:, known:, channel] = window[:, at, channel]
    return predicted


def _periods(windows: np.ndarray, block: int) -> np.ndarray:
    """The season (C,) of each channel, in steps: the shortest of those that forecast the ends of
    training windows (N, W, C) best."""
    _, length, channels = windows.shape
    full = between(as_steps(windows)).reshape(windows.shape)
    errors = np.array([
        np.square(by_season(full, block, np.full(channels, period)) - full).mean((0, 1))
        for period in range(1, length - block + 1)])
    return np.asarray((errors <= ALIKE * errors.min(0) + 1e-6).argmax(0) + 1)


def _ways(model: InUse, window: np.ndarray, block: int, periods: np.ndarray, start: str,
          rounds: int) -> list[np.ndarray]:
    """The forecast of each of WAYS, (N, W, C), for windows whose last `block` steps are NaN."""
    season = by_season(window, block, periods)
    last = by_season(window, block, np.ones(len(periods), int))
    first = season if start == "season" else np.nan_to_num(window)
    return [_again(model, window, first, rounds), season, last]


def _again(model: InUse, window: np.ndarray, first: np.ndarray, rounds: int) -> np.ndarray:
    """The model's reconstruction of windows, with `first` in place of what is unknown, and later
    with its own values there."""
    reconstruction = first
    for _ in range(rounds):
        full = np.where(np.isnan(window), reconstruction, window)
        reconstruction = model.reconstruct(Collection(full.astype(np.float32)))
    return reconstruction


def _ahead_of(past: np.ndarray, length: int, block: int) -> np.ndarray:
    """A window (N, W, C) of the last known steps, with `block` unknown ones at its end."""
    unknown = np.full((len(past), block, past.shape[2]), np.nan, np.float32)
    return np.concatenate([past[:, block - length:] if block < length else past[:, :0], unknown], 1)


def _hidden(source: Source, name: str, block: int) -> Hidden:
    """Windows of a split whose last steps are hidden. Earlier gaps are filled by straight lines."""
    truth = rows_of(source, name, WINDOWS).x
    count, length, channels = truth.shape
    gone = np.zeros(truth.shape, bool)
    gone[:, length - block:] = True
    holed = between(as_steps(truth)).reshape(truth.shape)
    holed[:, length - block:] = np.nan
    return Hidden(Collection(_flat(holed)), _flat(truth), _flat(gone & ~np.isnan(truth)),
                  np.repeat(np.arange(count), length), unbounded_columns(channels))


def _flat(windows: np.ndarray) -> np.ndarray:
    return windows.reshape(-1, windows.shape[-1])
