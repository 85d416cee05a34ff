"""Time series: the columns of a table over time, split by time and then cut into windows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..contracts import Collection
from ..spec import Count, did_you_mean, sources
from .frames import as_numbers, as_times, counts_rows, digest_of, read_frame
from .images import Reading
from .splits import spans

NAMES = ("timestamp", "time", "date", "datetime", "ds", "t")   # of numbers that may be times
Spans = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Series:
    """Values in their owner's units, in the order of their times."""

    values: np.ndarray                # (T, C) with NaN where one is missing
    times: np.ndarray                 # (T,) datetime64, or numbers
    columns: tuple[str, ...]          # the names of the C channels
    time: str                         # of the column of times, "" if there is none
    window: int
    stride: int = 1
    notes: tuple[str, ...] = ()
    identity: dict[str, Any] = field(default_factory=dict)
    labelled: Spans = ()              # from when to when somebody says that it is abnormal

    def parts(self, shares: dict[str, float]) -> dict[str, np.ndarray]:
        """Split by time: the windows, as indices, that lie in one part each; raises ValueError for
        a part without one."""
        found = spans(len(self.values), shares)
        for name, (first, last) in found.items():
            if 0 < last - first < self.window:
                raise ValueError(self._too_short(name, found))
        starts = np.arange(self.count()) * self.stride
        return {name: np.flatnonzero((starts >= first) & (starts + self.window <= last))
                for name, (first, last) in found.items()}

    def learn(self, train: np.ndarray) -> Collection:
        """Windows (N, T, C), each channel scaled by mean and deviation of the training windows'
        steps. Raises ValueError for a channel without a number there."""
        values = self.values[train[0] * self.stride:train[-1] * self.stride + self.window]
        there = np.isfinite(values).any(0)
        if not there.all():
            empty = self.columns[int(there.argmin())]
            raise ValueError(f"the column {empty!r} holds no number in the training part; leave "
                             f"it out, as in series('file.csv', columns=('a', 'b'))")
        mean, std = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        flat = std <= 1e-12 * np.maximum(np.abs(mean), 1)
        notes = [f"{name} is the same throughout the training part: it is centred, not scaled"
                 for name, same in zip(self.columns, flat, strict=True) if same]
        encoding = {"kind": "series", "time": self.time, "columns": list(self.columns),
                    "window": self.window, "stride": self.stride, "mean": mean.tolist(),
                    "std": np.where(flat, 1.0, std).tolist()}
        return self._cut(encoding, notes)

    def encode(self, encoding: dict[str, Any]) -> Collection:
        """All windows, a step apart, on the scale of the series that the encoding is of."""
        if encoding["kind"] != "series":
            raise ValueError("this model was trained on a table, not on series")
        if self.columns != tuple(encoding["columns"]):
            raise ValueError(f"this model was trained on the columns "
                             f"{', '.join(encoding['columns'])}, not on {', '.join(self.columns)}")
        return replace(self, window=encoding["window"], stride=1)._cut(encoding, [])

    def count(self) -> int:
        """How many windows there are; raises ValueError where there is none."""
        if len(self.values) < self.window:
            raise ValueError(f"this series of {len(self.values)} steps is shorter than a window of "
                             f"{self.window}; say series('file.csv', window=...)")
        return (len(self.values) - self.window) // self.stride + 1

    def _cut(self, encoding: dict[str, Any], notes: list[str]) -> Collection:
        self.count()
        scaled = ((self.values - encoding["mean"]) / encoding["std"]).astype(np.float32)
        # views of the same numbers, for as copies they would be as many times as many
        windows = sliding_window_view(scaled, self.window, axis=0, writeable=True)[::self.stride]
        return Collection(np.swapaxes(windows, 1, 2), notes=[*self.notes, *notes],
                          identity=self.identity, raw=self, encoding=encoding)

    def _too_short(self, name: str, found: dict[str, tuple[int, int]]) -> str:
        lengths = {part: last - first for part, (first, last) in found.items() if last > first}
        least = min(lengths.values())
        return (f"split by time, {name} has {lengths[name]} steps, less than a window of "
                f"{self.window}: take a window of up to {least}, as in series('file.csv', "
                f"window={least}), or other shares (--val 0 --test 0 trains on all)")


@sources.add("series", example="series('readings.csv', window=96)")
def series(
    reading: Reading, path: str, window: Count = 288, stride: Count = 1,
    columns: str | tuple[str, ...] = (), time: str = "",
) -> Collection:
    """A csv or parquet file of values over time, cut into windows of so many rows, `stride` apart.

    Every column of numbers is a channel, unless some are named; `time` names the column of times,
    which is else found. Training, validation and test part follow one another, and no window lies
    in two of them; each channel is brought to mean 0 and deviation 1 by the training part. Missing
    values stay out of the loss.
    """
    return whole(read_series(path, window, stride, columns, time))


def read_series(
    path: str, window: int = 288, stride: int = 1, columns: str | tuple[str, ...] = (),
    time: str = "",
) -> Series:
    """The series in a file, see `series`, not yet cut into windows."""
    identity = {"path": path, "window": window, "stride": stride}
    return from_frame(read_frame(path), window, stride, columns, time, identity)


def whole(found: Series) -> Collection:
    """All windows of a series, on its own scale, until it is split."""
    return found.learn(np.arange(found.count()))


def from_frame(
    frame: Any, window: int, stride: int = 1, columns: str | Sequence[str] = (), time: str = "",
    identity: dict[str, Any] | None = None,
) -> Series:
    """The series in a table; raises ValueError where columns are not there, or no numbers."""
    notes: list[str] = []
    time, times = _times(frame, time, notes)
    named = (columns,) if isinstance(columns, str) else tuple(columns)
    known = np.isfinite(times) if times.dtype.kind == "f" else ~np.isnat(times)
    if not known.all():
        notes.append(f"{int((~known).sum())} rows have no time in {time!r} and are left out")
    order = np.flatnonzero(known)[np.argsort(times[known], kind="stable")]
    if (np.diff(order) < 0).any():
        notes.append(f"the rows are not in the order of {time!r}: they were sorted by it")
    if not len(order):
        raise ValueError(f"the column {time!r} holds no times")
    values = _channels(frame.iloc[order], named, time, notes)
    table = np.stack(list(values.values()), 1)
    notes += [*_rhythm(times[order], time), *_missing(table, tuple(values))]
    identity = {**(identity or {}), "digest": digest_of(frame), "columns": list(values)}
    return Series(table, times[order], tuple(values), time, window, stride, tuple(notes), identity)


def _times(frame: Any, name: str, notes: list[str]) -> tuple[str, np.ndarray]:
    """The column of times that is named, else the first that holds any; else the rows' numbers."""
    if name and name not in frame.columns:
        raise ValueError(f"there is no column {name!r}; {did_you_mean(name, frame.columns)}")
    for column in [name] if name else frame.columns:
        times = as_times(frame[column])
        if times is not None:
            return column, times
        numbers = as_numbers(frame[column])
        if numbers is not None and (name or column.lower() in NAMES):
            return column, numbers[0]
    if name:
        raise ValueError(f"the column {name!r} holds neither times, such as 2024-05-31 13:45:00, "
                         f"nor numbers")
    notes.append("no column of times was found: the rows are taken to be in order, a step apart")
    return "", np.arange(len(frame), dtype=float)


def _channels(
    frame: Any, named: tuple[str, ...], time: str, notes: list[str]
) -> dict[str, np.ndarray]:
    """The columns of numbers, or those that are named, (N,) each."""
    found = {}
    for name in named or [name for name in frame.columns if name != time]:
        if name not in frame.columns:
            raise ValueError(f"there is no column {name!r}; {did_you_mean(name, frame.columns)}")
        numbers = as_numbers(frame[name])
        if numbers is None:
            if named:
                raise ValueError(f"the column {name!r} holds no numbers")
            notes.append(f"the column {name!r} holds no numbers and is left out")
        elif not named and np.isnan(numbers[0]).all():
            notes.append(f"the column {name!r} is empty and is left out")
        elif not named and counts_rows(numbers[0]):
            notes.append(f"the column {name!r} numbers the rows and is left out")
        else:
            found[name] = numbers[0]
            if numbers[1]:
                notes.append(f"{name}: {numbers[1]} texts that are no numbers count as missing")
    if not found:
        raise ValueError(f"there is no column of numbers but that of times; the columns are "
                         f"{', '.join(frame.columns)}")
    return found


def _rhythm(times: np.ndarray, name: str) -> list[str]:
    """What is odd about the steps from time to time (T,) in order."""
    if len(times) < 3:
        return []
    steps = np.diff(times)
    nothing = steps[0] - steps[0]
    double, usual = int((steps == nothing).sum()), np.median(steps)
    odd = int(((steps != usual) & (steps != nothing)).sum())
    notes = [f"{double} times in {name!r} are there more than once: each row counts as a step"] * (
        double > 0)
    if odd:
        notes.append(f"{odd} of {len(steps)} steps are not {words(usual)}, the usual one; the "
                     f"longest is {words(steps.max())}: windows count rows, not time")
    return notes


def words(step: Any) -> str:
    """A step of time in words: "5 minutes"; a number as it is."""
    if not isinstance(step, np.timedelta64):
        return f"{step:g}"
    seconds = float(step / np.timedelta64(1, "s"))
    for name, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {name}"
    return f"{seconds:.3g} seconds"


def _missing(values: np.ndarray, columns: tuple[str, ...]) -> list[str]:
    counts = np.isnan(values).sum(0)
    return [f"{name}: {count} of {len(values):,} values are missing and stay out of the loss"
            for name, count in zip(columns, counts, strict=True) if count]
