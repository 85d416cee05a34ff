"""Gaps of series filled in: by the model, by the steps before and after, and by channel means.

Each channel weighs the three as suits it best, found by hiding known steps of validation windows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.contracts import Collection
from ..data.columns import Column
from ..data.sources.series import Series
from ..data.split_data import Source
from ..data.windows import in_own_units
from .filling_weights import choose_weights
from .hidden_cells import Hidden, blended, rows_of
from .model_protocol import InUse

WAYS = ("model", "steps before and after", "mean")   # of filling in, in order
ROUNDS = (1, 2, 4)   # rounds through the model to try: filled-in values become input again
WINDOWS = 200        # of a split that steps are hidden in, at most
PART = 4             # a hidden gap is up to a window's length over this
CHUNK = 2048         # windows that go through the model together


@dataclass(frozen=True)
class Steps:
    """Series on the model's scale, one after the other."""

    x: np.ndarray          # (T, C), NaN where a value is missing
    blocks: list[slice]    # the steps of each series

    def windows(self, length: int) -> np.ndarray:
        """(N,) where the windows begin that lie in one series and have a gap."""
        gaps = np.concatenate([[0], np.cumsum(np.isnan(self.x).any(1))])
        starts = np.concatenate([np.zeros(0, int), *(
            np.arange(b.start, b.stop - length + 1) for b in self.blocks)])
        return starts[gaps[starts + length] > gaps[starts]]


def steps_of(collection: Collection) -> Steps:
    """The steps of a series, or of windows, that were read."""
    if isinstance(collection.raw, Series):
        scale = collection.encoding
        x = (collection.raw.values - scale["mean"]) / scale["std"]
        return Steps(x.astype(np.float32), collection.raw.blocks)
    return as_steps(collection.x)


def as_steps(windows: np.ndarray) -> Steps:
    """Windows (N, W, C), each as a series of its own."""
    count, length, channels = windows.shape
    return Steps(windows.reshape(-1, channels),
                 [slice(i * length, (i + 1) * length) for i in range(count)])


def between(steps: Steps) -> np.ndarray:
    """(T, C) with each gap on a straight line from the step before it to the one after it; at the
    ends as the nearest known step, and at the mean where a series has none."""
    interpolated = np.zeros_like(steps.x)
    for block in steps.blocks:
        x = steps.x[block]
        at = np.arange(len(x))
        for channel in range(x.shape[1]):
            known = np.flatnonzero(~np.isnan(x[:, channel]))
            if len(known):
                interpolated[block, channel] = np.interp(at, known, x[known, channel])
    return interpolated


def by_model(model: InUse, steps: Steps, rounds: int) -> np.ndarray:
    """The model's reconstruction (T, C) of all windows with a gap, the mean of those that cover a
    step. In the first round `between` fills in the gaps, then the model itself."""
    length = model.shape[-1]
    starts, reconstruction = steps.windows(length), between(steps)
    for _ in range(rounds):
        full = np.where(np.isnan(steps.x), reconstruction, steps.x)
        total, count = np.zeros(full.shape), np.zeros((len(full), 1))
        for first in range(0, len(starts), CHUNK):
            at = starts[first:first + CHUNK, None] + np.arange(length)
            np.add.at(total, at, model.reconstruct(Collection(full[at])))
            np.add.at(count, at, 1)
        mean = total / np.maximum(count, 1)
        reconstruction = np.where(count > 0, mean, reconstruction).astype(np.float32)
    return reconstruction


def ways_of(model: InUse, steps: Steps, rounds: int) -> list[np.ndarray]:
    """The steps as each of WAYS fills them in, (T, C) each."""
    return [by_model(model, steps, rounds), between(steps), np.zeros_like(steps.x)]


def hidden(source: Source, name: str) -> Hidden:
    """Windows of a split with a stretch of steps hidden in each: of half of the windows in all
    channels at once, as where a logger fails; of the others in one channel."""
    windows = rows_of(source, name, WINDOWS).x
    random, gone = np.random.default_rng(0), np.zeros(windows.shape, bool)
    count, length, channels = windows.shape
    for i in range(count):
        long = int(random.integers(1, max(1, length // PART) + 1))
        first = int(random.integers(0, length - long + 1))
        where = slice(None) if i % 2 else int(random.integers(channels))
        gone[i, first:first + long, where] = True
    gone &= ~np.isnan(windows)
    holed = np.where(gone, np.nan, windows).reshape(-1, channels)
    return Hidden(Collection(holed), windows.reshape(-1, channels), gone.reshape(-1, channels),
                  np.repeat(np.arange(count), length), unbounded_columns(channels))


def unbounded_columns(channels: int) -> list[Column]:
    """Columns of numbers that may take any value, one for each channel."""
    return [{"kind": "number", "mean": 0.0, "std": 1.0, "low": -np.inf, "high": np.inf,
             "whole": False} for _ in range(channels)]


def find_weights(model: InUse, source: Source) -> tuple[np.ndarray, int, dict[str, Any]]:
    """The weights (C, 3) of WAYS for each channel, the rounds through the model, and the measured
    errors. Without a validation part, only the steps before and after fill in gaps."""
    channels = model.shape[0]
    if "val" not in source.splits:
        return np.tile(np.array([0, 1, 0], np.float32), (channels, 1)), 1, {"words": [
            "Nothing was kept out for validation (--val 0), so nothing is known of how well the "
            "model fills gaps: straight lines fill them in."]}
    cells = hidden(source, "val")
    length = model.shape[-1]

    def steps(of: Hidden) -> Steps:
        return as_steps(of.holed.x.reshape(-1, length, channels))
    rounds = min(ROUNDS, key=lambda n: cells.error(by_model(model, steps(cells), n)))
    ways = ways_of(model, steps(cells), rounds)
    weights = choose_weights(cells, ways)
    name = "test" if "test" in source.splits else "val"
    if name == "test":
        cells = hidden(source, "test")
        ways = ways_of(model, steps(cells), rounds)
    measures = measured_channels(cells, ways, weights, model.description.encoding)
    measures["words"] = [f"{int(cells.gone.sum()):,} known values of {name} windows were hidden, "
                         f"in stretches of up to a {PART}th of a window, and filled in. What fills "
                         f"in each channel was chosen on validation windows."]
    return weights, rounds, measures


def measured_channels(hidden: Hidden, ways: list[np.ndarray], weights: np.ndarray,
                      encoding: dict[str, Any], ways_named: tuple[str, ...] = WAYS,
                      done: str = "filled in") -> dict[str, Any]:
    """The error of each channel in its own units, as a table: of each way, and of their mix."""
    filled, rows = blended(hidden.holed.x, ways, weights, hidden.columns), []
    names = encoding.get("columns") or [f"channel {i + 1}" for i in range(len(weights))]
    for channel, std in enumerate(encoding["std"]):
        pairs = [hidden.of_column(way, channel) for way in (*ways, filled)]
        if len(pairs[0][0]):
            errors = [std * float(np.sqrt(np.square(x - y).mean())) for x, y in pairs]
            rows.append([names[channel], "RMSE", *(f"{error:.4g}" for error in errors),
                         in_shares(weights[channel], ways_named)])
    return {"rows": rows,
            "columns": ["channel", "measure", *ways_named, f"as {done}", f"{done} by"]}


def in_shares(weights: np.ndarray, ways: tuple[str, ...] = WAYS) -> str:
    """The weights (3,) of the ways in words, such as "75% model + 25% steps before and after"."""
    return " + ".join(f"{weight:.0%} {way}" if weight < 1 else way
                      for weight, way in zip(weights, ways, strict=True) if weight)


def filled(model: InUse, collection: Collection, weights: np.ndarray, rounds: int) -> Any:
    """A series as a data frame of its times, units and channels, or windows as an array (N, T, C),
    in their own units with all gaps filled in. Observed values stay unchanged."""
    steps = steps_of(collection)
    ways = ways_of(model, steps, rounds) if np.isnan(steps.x).any() else [steps.x] * len(WAYS)
    columns = [{"kind": "number"}] * len(weights)
    own = in_own_units(collection.encoding, blended(steps.x, ways, weights, columns))
    series = collection.raw
    if not isinstance(series, Series):
        return own.reshape(collection.x.shape)
    values = np.where(np.isnan(series.values), own, series.values)
    return series.as_frame(values)
