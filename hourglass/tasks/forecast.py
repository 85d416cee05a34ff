"""Forecast the next steps of a series."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.console import say
from ..core.contracts import Collection
from ..data.sources.series import Series
from ..data.windows import in_own_units, over_time
from ..inference.forecasting import Forecaster, fit_forecaster, forecast
from ..inference.imputation import filler_of
from ..inference.recommending import check_samples
from ..inference.series_gaps import filled
from ..inference.trained import Trained

MOST = 100_000   # steps ahead


def forecast_of(model: Trained, x: Any, ahead: int = 24) -> Any:
    """The `ahead` steps that follow a series (a path or a data frame), as a data frame of times,
    units and channels; or those that follow windows (N, T, C), as an array (N, ahead, C).

    Each channel weighs the model, the season before and the last value, as did best on validation
    windows. A model trained with --corruption "future(24)" has learnt to forecast. Raises
    ValueError for other data, and for a run without validation windows.
    """
    collection = _read(model, x, ahead)
    after, notes = following(model, collection, _fitted(model, ahead), ahead)
    for note in notes:
        say(note)
    return after


def following(model: Trained, collection: Collection, fitted: Forecaster, ahead: int) -> tuple[
        Any, list[str]]:
    """The steps that follow a series that was read: a data frame, or windows (N, ahead, C) in their
    own units; and notes."""
    return _next(model, collection, _full(model, collection), fitted, ahead)


def extended(model: Trained, collection: Collection, ahead: int) -> tuple[Any, list[str]]:
    """A series that was read, its gaps filled in, with its next steps at the end: a data frame, or
    windows (N, T + ahead, C); and lines on how well each channel is forecast."""
    fitted = _fitted(model, ahead)
    before = _full(model, collection)
    after, units = _next(model, collection, before, fitted, ahead)
    return _joined(collection, before, after), [*_lines(fitted, ahead), *units]


def _read(model: Trained, x: Any, ahead: int) -> Collection:
    check_samples(model.description, "forecasting")
    if not over_time(model.description.encoding):
        raise ValueError("only series are forecast, by a model that was trained on one: hourglass "
                         "train \"series('rows.csv')\"")
    check_ahead(model, ahead)
    return model.read(x)


def check_ahead(model: Trained, ahead: int) -> None:
    """Raises ValueError for a number of steps that cannot be, and for a model of classes."""
    if not 1 <= ahead <= MOST:
        raise ValueError(f"--ahead is a number of steps from 1 to {MOST:,}, not {ahead}")
    if model.model.condition is not None:
        raise ValueError("a conditional model cannot forecast; train without --condition")


def _fitted(model: Trained, ahead: int) -> Forecaster:
    return fit_forecaster(model, model.source(), ahead)


def _full(model: Trained, collection: Collection) -> Any:
    """What was read in its own units, with its gaps filled in."""
    filler = filler_of(model)
    return filled(model, collection, filler.weights, filler.rounds)


def _next(
    model: Trained, collection: Collection, full: Any, fitted: Forecaster, ahead: int
) -> tuple[Any, list[str]]:
    """The steps that follow `full` in their own units, and notes."""
    series, encoding = collection.raw, model.description.encoding
    if not isinstance(series, Series):
        past = (np.asarray(full) - encoding["mean"]) / encoding["std"]
        return in_own_units(encoding, forecast(model, fitted, past.astype(np.float32), ahead)), []
    values = full[list(series.columns)].to_numpy(float)
    scaled = ((values - encoding["mean"]) / encoding["std"]).astype(np.float32)
    length = model.shape[-1]
    ends = [block for block in series.blocks if block.stop - block.start >= length]
    past = np.stack([scaled[block.stop - length:block.stop] for block in ends])
    steps = in_own_units(encoding, forecast(model, fitted, past, ahead))
    later = replace(
        series, values=steps.reshape(-1, len(series.columns)),
        times=np.concatenate([_later(series.times[block], ahead) for block in ends])
        if series.time else series.times[:0],
        units=None if series.units is None else np.repeat(
            series.units[[block.start for block in ends]], ahead))
    short = len(series.blocks) - len(ends)
    return later.as_frame(later.values), [
        f"{short} units are shorter than a window of {length} steps and are not forecast"
        ] * (short > 0)


def _later(times: np.ndarray, ahead: int) -> np.ndarray:
    """The times of the next steps, at the usual distance of those before (T,)."""
    step = np.sort(np.diff(times))[len(times) // 2 - 1]
    later: np.ndarray = times[-1] + step * np.arange(1, ahead + 1)
    return later


def _joined(collection: Collection, before: Any, after: Any) -> Any:
    """Earlier and later steps, unit by unit."""
    series = collection.raw
    if not isinstance(series, Series):
        return np.concatenate([before, after], 1)
    from ..data.pandas_library import pandas
    if series.units is None:
        return pandas().concat([before, after], ignore_index=True)
    unit = series.about["id"]
    parts = [part for name in before[unit].unique()
             for part in (before[before[unit] == name], after[after[unit] == name])]
    return pandas().concat(parts, ignore_index=True)


def _lines(fitted: Forecaster, ahead: int) -> list[str]:
    """How well each channel is forecast, and its season."""
    from ..inference.hidden_cells import in_lines
    seasons = sorted({int(period) for period in fitted.periods if period > 1})
    blocks = -(-ahead // fitted.block)
    return [*in_lines(fitted.measurements),
            *([f"seasons found, in steps: {', '.join(map(str, seasons))}"] if seasons else []),
            *([f"{ahead} steps are forecast {fitted.block} at a time, later ones from earlier ones"]
              * (blocks > 1))]


def write_forecast(model: Trained, table: str, out: Path, ahead: int) -> list[str]:
    """Write a series, its gaps filled in, with its next steps. Returns lines. Raises ValueError."""
    from .tables import SUFFIXES, save_table
    from .write_images import check_name, save_array
    windows = model.description.kind == "windows"
    check_name(out, (".npy",) if windows else SUFFIXES)
    if out.resolve() == Path(table).resolve():
        raise ValueError(f"{out} is the series itself; choose another -o")
    collection = _read(model, table, ahead)
    for note in collection.notes:
        say(note)
    whole, lines = extended(model, collection, ahead)
    (save_array if windows else save_table)(out, whole)
    return [*lines, f"{ahead} steps ahead are at the end of the file"]
